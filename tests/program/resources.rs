//! Runs that no machine has the memory or the disk for: refused before anything is reserved.

use crate::fixture::{Fixture, stdout};

#[test]
fn a_count_beyond_any_machine_names_its_key() {
    let fixture = Fixture::new();
    fixture.refuses(&["training.steps=1000000000000000"], &["training.steps", "1000000000000000", "4294967295"]);
    fixture.replace("features = 5", "features = 1000000000000");
    fixture.refuses(&[], &["model.layers[0].features", "1000000000000", "4294967295"]);
}

#[test]
fn weights_beyond_memory_are_refused() {
    for features in ["4294967295", "3000000000"] {
        let fixture = Fixture::with("features = 5", &format!("features = {features}"));
        fixture.refuses(&[], &["model.layers", "parameters", "memory"]);
        fixture.refuses(&["run.precision=f64"], &["model.layers", "parameters", "memory"]);
        fixture.refuses_command(&["plan", "run.toml"], &["model.layers", "parameters", "memory"]);
    }
}

#[test]
fn steps_beyond_memory_are_refused() {
    let fixture = Fixture::new();
    fixture.refuses(&["training.steps=4294967295"], &["training.steps", "memory"]);
    fixture.refuses(&["training.steps=4294967295", "training.batch_size=2"], &["training.steps", "memory"]);
    fixture.refuses_command(&["plan", "run.toml", "training.steps=4294967295"], &["training.steps", "memory"]);
}

/// A million steps of a million weights: little memory at a time, terabytes of recorded path.
#[test]
fn a_path_beyond_the_disk_is_refused() {
    let fixture = Fixture::with("features = 5", "features = 1000000");
    fixture.refuses(&["training.steps=1000000"], &["TiB", "out", "training.steps"]);
}

/// Few weights, but 400000 x 400000 entries for each of 16 pairs, more than half a tebibyte for one.
#[test]
fn a_tile_beyond_memory_is_refused() {
    let fixture = Fixture::with("features = 2", "features = 400000");
    fixture.refuses(&["kernel.kernel=full"], &["memory", "TiB", "kernel.kernel"]);
}

/// The plan is printed all the same.
#[test]
fn a_plan_that_does_not_fit_is_an_error() {
    let fixture = Fixture::with("features = 5", "features = 1000000");
    let arguments = ["plan", "run.toml", "training.steps=1000000"];
    fixture.refuses_command(&arguments, &["TiB", "out", "training.steps"]);
    let printed = stdout(&fixture.pathkernel(&arguments));
    assert!(printed.contains("disk") && printed.contains("1000000 steps"), "{printed}");
    fixture.replace("", "");
    assert_eq!(fixture.pathkernel(&["plan", "run.toml"]).status.code(), Some(0));
}
