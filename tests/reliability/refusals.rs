//! Run directories that are not what they were: refused, with what differs and what to do.

use crate::fixture::{Fixture, file_with, tamper};
use std::process::Command;
use std::time::{Duration, Instant};

const RUN: [&str; 2] = ["run", "run.toml"];
const FIRST: [&str; 4] = ["run", "run.toml", "--shard", "0/2"];

/// A run of which one of two shards is done.
fn half() -> Fixture {
    let fixture = Fixture::new();
    fixture.succeeds(&FIRST);
    fixture
}

#[test]
fn a_tampered_tile_is_found() {
    let fixture = half();
    let tile = file_with(&fixture.path("out/attribution.zarr.tmp/c"), "/0");
    tamper(&tile);
    fixture.fails(
        &RUN,
        1,
        &[&tile.to_string_lossy()[fixture.path("").to_string_lossy().len()..], "checksum", "remove"],
    );
    // What the message advises.
    std::fs::remove_file(tile).expect("a tile");
    fixture.succeeds(&RUN);
    fixture.succeeds(&["run", "run.toml", "run.directory=whole"]);
    fixture.is_as("out", "whole");
}

/// Of a finished run every file is compared with its checksum, and every tile.
#[test]
fn a_tampered_result_is_found() {
    for store in ["npy", "zarr"] {
        let fixture = Fixture::new();
        let run = ["run", "run.toml", &format!("run.store={store}"), "run.memory=4GiB"];
        fixture.succeeds(&run);
        fixture.succeeds(&run);
        let array = fixture.path(&format!("out/attribution.{store}"));
        tamper(&if store == "npy" { array } else { file_with(&array.join("c"), "/0") });
        for start in [run, ["finish", run[1], run[2], run[3]]] {
            fixture.fails(&start, 2, &["attribution", "after it was written", "damaged: remove"]);
        }
    }
}

/// What has lost its summary is computed again by a run; `finish` must not take it for something to be begun.
#[test]
fn finish_does_not_start_over() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run", "run.toml", "training.steps=4"]);
    std::fs::remove_file(fixture.path("out/summary.json")).expect("a summary");
    let before = fixture.arrays("out");
    fixture.fails(&["finish", "run.toml", "training.steps=4"], 2, &["holds no run that could be finished"]);
    assert!(before == fixture.arrays("out"));
}

#[test]
fn a_tampered_path_is_found() {
    for (name, word) in [("weights.npy", "row"), ("recorded.state", "checksum")] {
        let fixture = half();
        tamper(&fixture.path("out/trajectory").join(name));
        fixture.fails(&RUN, 1, &[name, "checksum", word, "remove"]);
    }
}

#[test]
fn a_tampered_record_is_found() {
    let fixture = half();
    let record = file_with(&fixture.path("out/state"), "/tile-");
    tamper(&record);
    fixture.fails(&RUN, 1, &["tile-", "checksum", "remove"]);
    std::fs::remove_file(record).expect("a record");
    fixture.succeeds(&RUN);
}

#[test]
fn another_version_is_refused() {
    let fixture = half();
    let own = env!("CARGO_PKG_VERSION");
    let path = fixture.path("out/state/identity.json");
    let text = std::fs::read_to_string(&path).expect("an identity");
    std::fs::write(&path, text.replace(&format!("\"{own}\""), "\"0.0.7\"")).expect("a writable file");
    fixture.fails(&RUN, 2, &["0.0.7", own, "run.directory"]);
    std::fs::write(&path, "{").expect("a writable file");
    fixture.fails(&RUN, 1, &["identity.json", "remove"]);
    std::fs::write(&path, text).expect("a writable file");
    fixture.succeeds(&RUN);
    let path = fixture.path("out/summary.json");
    let text = std::fs::read_to_string(&path).expect("a summary");
    std::fs::write(&path, text.replacen(own, "0.0.7", 1)).expect("a writable file");
    fixture.fails(&RUN, 2, &["0.0.7", own, "run.directory"]);
}

#[test]
fn other_data_are_refused() {
    let fixture = half();
    let bytes = std::fs::read(fixture.path("x.npy")).expect("data");
    for finished in [false, true] {
        tamper(&fixture.path("x.npy"));
        fixture.fails(&RUN, 2, &["other data", "data.train.inputs", "x.npy", "SHA-256"]);
        fixture.write("x.npy", &bytes);
        fixture.succeeds(&RUN);
        assert!(fixture.path("out/summary.json").is_file(), "{finished}");
    }
    // A finished run needs its data no more.
    std::fs::remove_file(fixture.path("x.npy")).expect("data");
    fixture.succeeds(&RUN);
}

#[test]
fn a_changed_result_is_found() {
    let fixture = Fixture::new();
    fixture.succeeds(&RUN);
    for name in ["attribution.npy", "trajectory/weights.npy", "trajectory/batches.npy"] {
        let path = fixture.path("out").join(name);
        let bytes = std::fs::read(&path).expect("a result");
        tamper(&path);
        fixture.fails(&RUN, 2, &[name, "changed", "remove"]);
        std::fs::write(path, bytes).expect("a writable file");
    }
    fixture.succeeds(&RUN);
}

/// What only says what a path was is written again.
#[test]
fn the_description_of_a_path_is_mended() {
    let fixture = half();
    tamper(&fixture.path("out/trajectory/batches.npy"));
    std::fs::remove_file(fixture.path("out/trajectory/layout.json")).expect("a layout");
    fixture.succeeds(&RUN);
    fixture.succeeds(&["run", "run.toml", "run.directory=whole"]);
    fixture.is_as("out", "whole");
}

#[test]
fn two_runs_in_one_directory_are_refused() {
    let fixture = Fixture::new();
    let long = ["run", "run.toml", "training.steps=100000"];
    let mut holder = fixture.start(&long);
    let started = Instant::now();
    while !fixture.path("out/state/training.state").exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "no state in a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
    let process = format!("process {}", holder.id());
    fixture.fails(&long, 1, &["out", "in use", &process]);
    fixture.fails(&[&long[..], &["--shard", "0/2"]].concat(), 1, &["in use", &process]);
    // Gone with its process.
    holder.kill().expect("a child");
    holder.wait().expect("a child");
    let output = fixture.pathkernel(&[&long[..], &["--max-time", "300ms"]].concat());
    assert_eq!(output.status.code(), Some(75));
}

/// A second signal ends the process at once; what was saved before stays.
#[test]
fn a_second_signal_ends_at_once() {
    let fixture = Fixture::new();
    // One step of this takes long.
    let slow = ["run", "run.toml", "training.steps=100000"];
    let child = fixture.start(&slow);
    let started = Instant::now();
    while !fixture.path("out/state/training.state").exists() && started.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    for _ in 0..2 {
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    }
    assert_eq!(child.wait_with_output().expect("a child").status.code(), Some(75));
    assert!(fixture.path("out/state/training.state").exists());
}
