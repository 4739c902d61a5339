//! The same run twice, and silence.

use crate::fixture::{Fixture, Listing, stderr};
use std::fs;

#[test]
fn the_same_run_twice_is_bit_identical() {
    twice("cpu");
}

#[test]
fn the_same_run_twice_is_bit_identical_on_a_gpu() {
    let message = stderr(&Fixture::new().run(&["run.device=gpu"]));
    if message.contains("no GPU adapter") {
        let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
        assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {message}");
        println!("skipped: no GPU adapter here");
        return;
    }
    twice("gpu");
    twice("gpu:all");
}

fn twice(device: &str) {
    let fixture = Fixture::new();
    let device = format!("run.device={device}");
    for directory in ["run.directory=one", "run.directory=two"] {
        fixture.succeeds(&[&device, directory, "kernel.kernel=full", "kernel.layers=true", "kernel.coefficients=true"]);
    }
    let arrays = |listing: Listing| -> Vec<(String, Vec<u8>)> {
        let files = listing
            .into_iter()
            .filter(|(path, _)| path.extension().is_some_and(|end| end == "npy" || end == "safetensors"));
        files
            .map(|(path, (bytes, _))| (path.file_name().map(|n| n.display().to_string()).unwrap_or_default(), bytes))
            .collect()
    };
    let (one, two) = (arrays(fixture.listing("one")), arrays(fixture.listing("two")));
    assert!(one.len() >= 11, "{}", one.len());
    for ((name, one), (other, two)) in one.iter().zip(&two) {
        assert!(name == other && one == two, "{name} differs");
    }
}

/// A list of rates may begin at 0, as a warmup does.
#[test]
fn a_run_with_rates_of_its_own_is_found_done() {
    let fixture = Fixture::new();
    let rates = "training.learning_rates=[0.0, 0.1, 0.2]";
    fixture.succeeds(&[rates]);
    let before = fixture.listing("out");
    let again = fixture.run(&[rates]);
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(before == fixture.listing("out"), "the second run changed something");
}

#[test]
fn quiet_says_nothing() {
    let fixture = Fixture::new();
    let output = fixture.run(&["--quiet"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert!(fs::metadata(fixture.path("out/report.html")).is_ok());
}
