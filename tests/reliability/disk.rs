//! Disks that are full or read-only, and files that go away. A small disk of one's own needs the right to mount one in a
//! namespace; where the system refuses that, these tests say so.

use crate::common::program::PATHKERNEL;
use crate::fixture::{Fixture, file_with, stderr};
use std::process::{Command, Output};
use std::time::Duration;

/// Runs commands of the shell with a disk of some size at `small`; `$PATHKERNEL` is the program.
fn with_small_disk(fixture: &Fixture, size: &str, script: &str) -> Option<Output> {
    std::fs::create_dir_all(fixture.path("small")).expect("a writable folder");
    let mount = format!("mount -t tmpfs -o size={size} tmpfs small || exit 99\n{script}");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", &mount]).current_dir(fixture.path(""));
    command.env("PATHKERNEL", PATHKERNEL).env("PATHKERNEL_CACHE", fixture.path("cache"));
    let output = command.output().ok().filter(|output| output.status.code() != Some(99));
    let output = output.filter(|output| !stderr(output).contains("unshare failed"));
    if output.is_none() {
        println!("skipped: this system lets nobody mount a small disk");
    }
    output
}

/// The plan may be wrong about what is free, as others write too: here it is asked before, and the disk is filled later.
#[test]
fn a_full_disk_loses_nothing() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run", "run.toml", "run.directory=whole", "training.steps=20"]);
    let script = r#"
        run() { "$PATHKERNEL" run run.toml run.directory=small/out training.steps=20 "$@"; }
        run --shard 0/2 || exit 1
        # What is left is too little for the rest: a file takes it while the plan has been checked already.
        head -c 100000000 /dev/zero > small/ballast 2>/dev/null
        run 2> message; echo "$?" > code
        rm small/ballast
        run || exit 2
        cp -r small/out out
    "#;
    let Some(output) = with_small_disk(&fixture, "80m", script) else { return };
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    let read = |name: &str| std::fs::read_to_string(fixture.path(name)).expect("a file");
    assert!(["1", "2"].contains(&read("code").trim()), "{}", read("message"));
    assert!(read("message").contains("small/out"), "{}", read("message"));
    fixture.is_as("out", "whole");
}

#[test]
fn a_read_only_directory_is_an_error() {
    let fixture = Fixture::new();
    let script = r#"
        "$PATHKERNEL" run run.toml run.directory=small/done training.steps=3 || exit 1
        "$PATHKERNEL" run run.toml run.directory=small/half training.steps=3 --shard 0/2 || exit 1
        mount -o remount,ro small
        "$PATHKERNEL" run run.toml run.directory=small/new training.steps=3 2> new; echo "$?" >> new
        "$PATHKERNEL" run run.toml run.directory=small/half training.steps=3 2> half; echo "$?" >> half
        "$PATHKERNEL" run run.toml run.directory=small/done training.steps=3 > done || exit 2
    "#;
    let Some(output) = with_small_disk(&fixture, "200m", script) else { return };
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    for name in ["new", "half"] {
        let message = std::fs::read_to_string(fixture.path(name)).expect("a message");
        assert!(message.contains("Read-only") && message.contains("small/") && message.ends_with("1\n"), "{message}");
    }
}

/// A tile that somebody removes is computed again; a path that is gone while it is needed is an error.
#[test]
fn files_that_go_away_are_missed() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run", "run.toml", "run.directory=whole"]);
    fixture.succeeds(&["run", "run.toml", "--shard", "0/2"]);
    std::fs::remove_file(file_with(&fixture.path("out/attribution.zarr.tmp/c"), "/0")).expect("a tile");
    fixture.succeeds(&["run", "run.toml"]);
    fixture.is_as("out", "whole");

    let fixture = Fixture::new();
    let child = fixture.start(&["run", "run.toml", "training.steps=2000"]);
    while !fixture.path("out/trajectory/recorded.state").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_dir_all(fixture.path("out/state")).expect("a state");
    let output = child.wait_with_output().expect("a child");
    let message = stderr(&output);
    assert!(output.status.code() == Some(1) && message.contains("out/state"), "{message}");
}
