//! A run that is told to stop.
#![cfg(unix)]

use crate::fixture::{Fixture, stderr};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Far more steps than the test has time for.
const LONG: &str = "training.steps=2000000";

/// Starts the long run, sends it a signal once it computes, and returns how it ended.
fn signalled(fixture: &Fixture, signal: &str) -> std::process::Output {
    let mut command = fixture.command(&["run", "run.toml", LONG]);
    let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let (started, path) = (Instant::now(), fixture.path("out/trajectory/weights.npy.tmp"));
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "no step in a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("there is a kill");
    assert!(sent.success());
    child.wait_with_output().expect("the program ends")
}

#[test]
fn a_signal_stops_a_run_that_may_start_over() {
    let fixture = Fixture::new();
    for signal in ["-TERM", "-INT"] {
        let output = signalled(&fixture, signal);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{signal}: {message}");
        assert!(message.contains("stopped") && message.contains("starts it over"), "{message}");
        let files: Vec<_> = fixture.listing("out").into_keys().filter(|path| path.is_file()).collect();
        assert_eq!(files, [fixture.path("out/run.toml")], "{signal}");
    }
    // It is the same run still.
    fixture.refuses(&["training.steps=3"], &["training.steps", "different run"]);
}

/// What comes after it in a batch is not begun.
#[test]
fn a_signal_stops_a_batch() {
    let fixture = Fixture::new();
    fixture.write("next.toml", crate::fixture::RUN_FILE.replace("\"out\"", "\"next\"").as_bytes());
    let mut command = fixture.command(&["run", "run.toml", "next.toml", LONG]);
    let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
    let (started, path) = (Instant::now(), fixture.path("out/trajectory"));
    while !path.exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("there is a kill");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(75));
    assert!(!fixture.path("next").exists());
}
