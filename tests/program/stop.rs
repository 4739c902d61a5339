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
    let (started, path) = (Instant::now(), fixture.path("out/state/training.state"));
    let before = std::fs::metadata(&path).and_then(|data| data.modified()).ok();
    while std::fs::metadata(&path).and_then(|data| data.modified()).ok() == before {
        assert!(started.elapsed() < Duration::from_secs(60), "no state in a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("there is a kill");
    assert!(sent.success());
    let (asked, output) = (Instant::now(), child.wait_with_output().expect("the program ends"));
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    output
}

/// Steps that a state file says were made.
fn steps_made(fixture: &Fixture) -> usize {
    let path = fixture.path("out/state/training.state");
    let mut reader = pathkernel::formats::StateReader::open(&path).expect("a state").expect("a state");
    reader.take::<f64>("seconds of work").expect("seconds");
    reader.take::<f64>("learning rates").expect("rates").len()
}

#[test]
fn a_signal_stops_a_run_that_goes_on_later() {
    let fixture = Fixture::new();
    let mut made = 0;
    for signal in ["-TERM", "-INT", "-TERM"] {
        let output = signalled(&fixture, signal);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(75), "{signal}: {message}");
        assert!(message.contains("stopped") && message.contains("goes on"), "{message}");
        // Where it was, and where it went on from.
        assert!(message.contains("training, "), "{message}");
        assert_eq!(message.contains(&format!("training: going on from {made} of 2000000")), made > 0, "{message}");
        let now = steps_made(&fixture);
        assert!(now > made, "{signal}: {now} steps after {made}");
        made = now;
    }
    // It is the same run still.
    fixture.refuses(&["training.steps=3"], &["training.steps", "different run"]);
}

#[test]
fn a_run_stops_when_its_time_is_over() {
    let fixture = Fixture::new();
    let output = fixture.pathkernel(&["run", "run.toml", LONG, "--max-time", "1s"]);
    assert_eq!(output.status.code(), Some(75), "{}", stderr(&output));
    assert!(steps_made(&fixture) > 0);
    fixture.refuses_command(&["run", "run.toml", "--max-time", "soon"], &["--max-time", "soon"]);
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
