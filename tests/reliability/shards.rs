//! Several processes in one run directory.

use crate::fixture::{Fixture, stderr};
use std::time::Duration;

const WHOLE: [&str; 3] = ["run", "run.toml", "run.directory=whole"];

fn shard(name: &str) -> [&str; 4] {
    ["run", "run.toml", "--shard", name]
}

#[test]
fn shards_make_the_same_bits() {
    for store in ["run.store=npy", "run.store=zarr"] {
        let fixture = Fixture::new();
        fixture.succeeds(&[&WHOLE[..], &[store]].concat());
        let run = |name| [&shard(name)[..], &[store]].concat();
        let finish = ["finish", "run.toml", store];
        fixture.fails(&finish, 2, &["out", "no run"]);
        fixture.succeeds(&run("0/2"));
        fixture.fails(&finish, 1, &["tiles are not computed", "queries", "pathkernel run"]);
        // A finished tile is not computed again.
        let record = crate::fixture::file_with(&fixture.path("out"), "state/tile-0-");
        let written = || std::fs::metadata(&record).and_then(|data| data.modified()).expect("a record");
        let before = written();
        fixture.succeeds(&run("0/2"));
        assert_eq!(written(), before);
        fixture.succeeds(&run("1/2"));
        fixture.succeeds(&finish);
        let output = fixture.pathkernel(&finish);
        assert!(String::from_utf8_lossy(&output.stdout).contains("finished"), "{}", stderr(&output));
        if store == "run.store=npy" {
            fixture.is_as("out", "whole");
        } else {
            // The tiles differ, and so do the files: the numbers are compared.
            fixture.succeeds(&["export", "out"]);
            fixture.succeeds(&["export", "whole"]);
            let npy = |directory| {
                let mut arrays = fixture.arrays(directory);
                arrays.retain(|name, _| name.extension() == Some("npy".as_ref()));
                arrays
            };
            assert!(npy("out") == npy("whole") && npy("out").len() > 5);
        }
    }
}

/// Self-attributions are shared like tiles.
#[test]
fn shards_share_self_attributions() {
    let fixture = Fixture::new();
    let own = ["kernel.own=true", "training.optimizer.momentum=0.0"];
    fixture.succeeds(&[&WHOLE[..], &own].concat());
    let run = |name| [&shard(name)[..], &own].concat();
    fixture.succeeds(&run("0/2"));
    fixture.fails(&[&["finish", "run.toml"][..], &own].concat(), 1, &["tiles are not computed", "pathkernel run"]);
    let record = crate::fixture::file_with(&fixture.path("out"), "state/own-tile-0-");
    let written = || std::fs::metadata(&record).and_then(|data| data.modified()).expect("a record");
    let before = written();
    fixture.succeeds(&run("1/2"));
    fixture.succeeds(&run("0/2"));
    assert_eq!(written(), before);
    fixture.succeeds(&[&["finish", "run.toml"][..], &own].concat());
    fixture.is_as("out", "whole");
}

/// Influences are shared like tiles, and so is the path of another weight that they are taken along; how they are cut does not show.
#[test]
fn shards_share_influences() {
    let fixture = Fixture::new();
    let asked = [
        "kernel.influence={ weight = 0.5 }",
        "kernel.readout={ type = 'difference', classes = [0, 1] }",
        "kernel.layers=false",
        "training.steps=12",
    ];
    for more in [&["kernel.attribution=false"][..], &["kernel.top=7"]] {
        let asked = [&asked[..], more].concat();
        fixture.succeeds(&[&WHOLE[..], &asked].concat());
        let run = |name| [&shard(name)[..], &asked].concat();
        fixture.succeeds(&run("0/2"));
        fixture.fails(
            &[&["finish", "run.toml"][..], &asked].concat(),
            1,
            &["tiles are not computed", "pathkernel run"],
        );
        let record = crate::fixture::file_with(&fixture.path("out"), "state/influence-tile-0-");
        let written = || std::fs::metadata(&record).and_then(|data| data.modified()).expect("a record");
        let before = written();
        fixture.succeeds(&run("1/2"));
        fixture.succeeds(&run("0/2"));
        assert_eq!(written(), before);
        fixture.succeeds(&[&["finish", "run.toml"][..], &asked].concat());
        fixture.is_as("out", "whole");
        for directory in ["out", "whole"] {
            std::fs::remove_dir_all(fixture.path(directory)).expect("a folder of its own");
        }
    }
}

/// Shards are cut otherwise than the whole; neither the lists nor the sums of the rest show it.
#[test]
fn shards_keep_the_same_lists() {
    let (fixture, kept) = (Fixture::new(), ["kernel.layers=false", "kernel.top=7", "run.precision=f64"]);
    fixture.succeeds(&[&WHOLE[..], &kept].concat());
    for name in ["0/3", "1/3", "2/3"] {
        fixture.succeeds(&[&shard(name)[..], &kept].concat());
    }
    fixture.succeeds(&[&["finish", "run.toml"][..], &kept].concat());
    fixture.is_as("out", "whole");
    let tiles = |directory: &str| {
        let text = std::fs::read(fixture.path(directory).join("summary.json")).expect("a summary");
        serde_json::from_slice::<serde_json::Value>(&text).expect("JSON")["tiles"].as_u64()
    };
    assert!(tiles("out") != tiles("whole"), "{:?} tiles both", tiles("out"));
}

/// Both train first: one waits for the other. One is killed on its way, and started again.
#[test]
fn shards_at_the_same_time_share_the_path() {
    let fixture = Fixture::new();
    fixture.succeeds(&WHOLE);
    let mut first = fixture.start(&shard("0/2"));
    let second = fixture.start(&shard("1/2"));
    std::thread::sleep(Duration::from_millis(300));
    first.kill().expect("a child");
    first.wait().expect("a child");
    let first = fixture.start(&shard("0/2"));
    for child in [first, second] {
        let output = child.wait_with_output().expect("a child");
        assert!(output.status.success(), "{}", stderr(&output));
    }
    fixture.succeeds(&["finish", "run.toml"]);
    fixture.is_as("out", "whole");
}

/// Shards of several numbers at once: every tile is computed, and none twice.
#[test]
fn shards_of_different_numbers_compute_nothing_twice() {
    let fixture = Fixture::new();
    fixture.succeeds(&WHOLE);
    let start = |name| fixture.start(&[&shard(name)[..], &["-vv"]].concat());
    let children = ["0/2", "0/3", "1/2", "1/3", "2/3"].map(start);
    let mut computed = Vec::new();
    for child in children {
        let output = child.wait_with_output().expect("a child");
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        computed
            .extend(said.lines().filter_map(|line| line.split_once("DEBUG queries ")).map(|(_, tile)| tile.to_owned()));
    }
    let all = computed.len();
    computed.sort_unstable();
    computed.dedup();
    assert!(all >= 4 && computed.len() == all, "{all} tiles were computed: {computed:?}");
    fixture.succeeds(&["finish", "run.toml"]);
    fixture.is_as("out", "whole");
}

/// A run without shards does what shards have left.
#[test]
fn a_whole_run_completes_shards() {
    let fixture = Fixture::new();
    fixture.succeeds(&WHOLE);
    fixture.succeeds(&shard("1/3"));
    fixture.succeeds(&["run", "run.toml"]);
    fixture.is_as("out", "whole");
}

#[test]
fn a_shard_that_does_not_exist_is_refused() {
    let fixture = Fixture::new();
    for beyond in ["2/2", "3/2"] {
        fixture.fails(&shard(beyond), 2, &["--shard", beyond, "0/2"]);
    }
    fixture.fails(&shard("half"), 2, &["--shard half", "i/N"]);
    fixture.fails(&shard("auto"), 2, &["--shard auto", "Slurm"]);
    let mut command = fixture.command(&shard("auto"));
    let output = command.env("OMPI_COMM_WORLD_RANK", "0").env("OMPI_COMM_WORLD_SIZE", "2").output().expect("it starts");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("finish"));
}
