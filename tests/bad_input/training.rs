//! Runs that fail on the way, that were cut short, and that are there already.

use crate::files::*;
use crate::refused;
use std::fs;

#[test]
fn divergence_names_the_step_and_the_learning_rate() {
    let case = Case::good();
    case.write("real.npy", npy(&[6, 3], &[0.3; 18]));
    let targets = ["training.loss=squared_error", "data.train.targets=real.npy"];
    case.replace("targets = \"z.npy\"", "");
    let output = case.run(&[&targets[..], &["training.optimizer.learning_rate=1e30"]].concat());
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for word in ["diverged", "step 1", "1e30", "learning_rate"] {
        assert!(message.contains(word), "no {word} in: {message}");
    }
    assert!(!case.path("out/summary.json").exists() && !case.path("out/attribution.npy").exists());
}

#[test]
fn a_finished_run_says_so_and_changes_nothing() {
    let case = Case::good();
    assert!(case.run(&[]).status.success());
    let before = case.listing();
    let again = case.run(&[]);
    assert!(again.status.success());
    assert!(String::from_utf8_lossy(&again.stdout).contains("finished"));
    assert_eq!(before, case.listing());
}

#[test]
fn a_directory_that_holds_another_run_is_left_alone() {
    let case = Case::good();
    assert!(case.run(&[]).status.success());
    refused(&case, &["training.steps=4"], &["out", "different run", "training.steps"]);
    // A folder with something else in it.
    fs::create_dir(case.path("photos")).unwrap();
    case.write("photos/holiday.npy", "a memory");
    refused(&case, &["run.directory=photos"], &["photos", "not empty"]);
}

#[test]
fn an_interrupted_run_starts_over() {
    let case = Case::good();
    assert!(case.run(&[]).status.success());
    let arrays = ["attribution", "kernel", "prediction", "initial", "residual"];
    let read = |name: &&str| fs::read(case.path(&format!("out/{name}.npy"))).unwrap();
    let whole: Vec<Vec<u8>> = arrays.iter().map(read).collect();
    // As if it had been killed while it wrote its arrays.
    fs::remove_file(case.path("out/summary.json")).unwrap();
    fs::remove_file(case.path("out/report.html")).unwrap();
    fs::remove_file(case.path("out/kernel.npy")).unwrap();
    case.write("out/attribution.npy.tmp", "half");
    assert!(case.run(&[]).status.success());
    assert_eq!(whole, arrays.iter().map(read).collect::<Vec<_>>());
    let left: Vec<String> = case.listing().iter().map(|file| file.0.display().to_string()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
}

#[test]
fn the_same_run_twice_is_bit_identical() {
    twice("cpu");
}

#[test]
fn the_same_run_twice_is_bit_identical_on_a_gpu() {
    let probe = Case::good().run(&["run.device=gpu"]);
    let message = String::from_utf8_lossy(&probe.stderr);
    if message.contains("no GPU adapter") {
        let required = std::env::var("PATHKERNEL_REQUIRE_GPU").is_ok_and(|value| value == "1");
        assert!(!required, "PATHKERNEL_REQUIRE_GPU=1, but: {message}");
        println!("skipped: no GPU adapter here");
        return;
    }
    twice("gpu");
}

fn twice(device: &str) {
    let case = Case::good();
    let device = format!("run.device={device}");
    for directory in ["one", "two"] {
        let directory = format!("run.directory={directory}");
        let output = case.run(&[&device, &directory, "kernel.kernel=full", "kernel.layers=true"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let names: Vec<String> = fs::read_dir(case.path("one"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".npy") || name.ends_with(".safetensors"))
        .collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let [one, two] = ["one", "two"].map(|folder| fs::read(case.path(&format!("{folder}/{name}"))).unwrap());
        assert!(one == two, "{name} differs");
    }
}

#[test]
fn a_batch_goes_on_after_a_failure() {
    let case = Case::good();
    let bad = fs::read_to_string(case.path("run.toml"))
        .unwrap()
        .replace("x.npy", "nothing.npy")
        .replace("\"out\"", "\"bad\"");
    case.write("bad.toml", bad);
    let output = case.command(&["run", "bad.toml", "run.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(case.path("out/summary.json").is_file() && !case.path("bad").exists());
}

#[test]
fn quiet_says_nothing() {
    let case = Case::good();
    let output = case.run(&["--quiet"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}
