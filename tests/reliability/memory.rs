//! What a run takes of memory is what it is allowed.

use crate::fixture::{Fixture, stderr};
use std::time::Duration;

const ALLOWED: u64 = 96 << 20;

/// Outputs eight times what is allowed; takes half a minute and two gigabytes of disk.
#[test]
#[ignore = "takes half a minute and two gigabytes of disk; CI runs it"]
fn outputs_may_be_larger_than_memory() {
    let fixture = Fixture::new();
    let (queries, examples, outputs) = (1300, 4000, 40);
    let numbers = |rows: usize| (0..rows * 3).map(|at| (at as f64 * 0.37).sin()).collect::<Vec<_>>();
    fixture.write_npy("x.npy", &[examples, 3], &numbers(examples));
    fixture.write_npy("q.npy", &[queries, 3], &numbers(queries));
    fixture.write_npy("y.npy", &[examples], &(0..examples as i64).map(|row| row % 40).collect::<Vec<_>>());
    let bytes = queries * examples * outputs * 4;
    assert!(bytes as u64 > 8 * ALLOWED, "{bytes}");
    let text = std::fs::read_to_string(fixture.path("run.toml")).expect("a run file");
    let text = text.replace("input = [6]", "input = [3]").replace("features = 4 ", "features = 40 ");
    let text =
        text.replace("layers = true", "").replace("steps = 60", "steps = 3").replace("memory = \"58 MiB\"\n", "");
    fixture.write("run.toml", text.as_bytes());
    fixture.succeeds(&["run", "run.toml", "run.directory=whole"]);
    keeps_to(&fixture, &["run", "run.toml"]);
    fixture.is_as("out", "whole");
}

/// λ, its momentum and q are three vectors of 22 thousand numbers for each of 300 queries: together more than what is allowed.
#[test]
fn influences_are_cut_to_what_is_allowed() {
    let fixture = Fixture::new();
    let text = std::fs::read_to_string(fixture.path("run.toml")).expect("a run file");
    let text =
        text.replace("layers = true", "attribution = false\ninfluence = true").replace("steps = 60", "steps = 3");
    let text =
        text.replace("features = 16", "features = 2048").replace("memory = \"58 MiB\"\n", "precision = \"f64\"\n");
    fixture.write("run.toml", text.as_bytes());
    let run = ["run", "run.toml", "kernel.readout={ type = 'difference', classes = [0, 1] }"];
    fixture.succeeds(&[&run[..], &["run.directory=whole"]].concat());
    keeps_to(&fixture, &run);
    fixture.is_as("out", "whole");
}

/// A run must end well with no more memory than it is allowed.
fn keeps_to(fixture: &Fixture, run: &[&str]) {
    let allowed = format!("run.memory={ALLOWED}");
    let mut child = fixture.start(&[run, &[&allowed]].concat());
    let mut most = 0;
    while child.try_wait().expect("a child").is_none() {
        most = most.max(anonymous(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().expect("a child");
    assert!(output.status.success(), "{}", stderr(&output));
    println!("{} MiB of {}", most >> 20, ALLOWED >> 20);
    assert!(most > 0 && most <= ALLOWED, "{} MiB", most >> 20);
}

/// Bytes of a process that belong to no file.
fn anonymous(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}
