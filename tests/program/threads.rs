//! What no bit of a run on the CPU depends on: how many threads there are, and what was measured of the machine.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::{Fixture, stderr};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A network whose second layer is contracted about as fast in three ways, so that measured rates would pick now one, now
/// another; products of it are large enough for several threads.
const RUN_FILE: &str = r#"[run]
directory = "out"
device = "cpu"

[data.train]
inputs = "x.npy"
targets = "y.npy"
[data.query]
inputs = "q.npy"

[model]
input = [6]
layers = [
  { type = "linear", features = 48 },
  { type = "tanh" },
  { type = "linear", features = 32 },
  { type = "tanh" },
  { type = "linear", features = 10 },
]

[training]
loss = "cross_entropy"
optimizer = { type = "sgd", learning_rate = 0.1, momentum = 0.3, weight_decay = 0.01 }
steps = 20
clip_norm = 0.5

[trajectory]
every = 7
"#;

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let inputs = |rows: usize, step: f64| (0..rows * 6).map(|at| (at as f64 * step).sin()).collect::<Vec<_>>();
    fixture.write("run.toml", RUN_FILE.as_bytes());
    fixture.write("x.npy", &npy_f64(&[200, 6], &inputs(200, 0.7)));
    fixture.write("q.npy", &npy_f64(&[100, 6], &inputs(100, 1.3)));
    fixture.write("y.npy", &npy_i64(&[200], &(0..200).map(|row| row * 7 % 10).collect::<Vec<_>>()));
    fixture
}

/// Every array of a run with so many threads, the recorded path's too; the directory is removed.
fn arrays(fixture: &Fixture, threads: usize, cache: &str, arguments: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut command = fixture.command(&[&["run", "run.toml"], arguments].concat());
    let command = command.env("RAYON_NUM_THREADS", threads.to_string()).env("PATHKERNEL_CACHE", fixture.path(cache));
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    let is_array = |path: &PathBuf| path.extension().is_some_and(|end| end == "npy" || end == "safetensors");
    let listing = fixture.listing("out").into_iter().filter(|(path, _)| is_array(path));
    let arrays = listing.map(|(path, (bytes, _))| (path, bytes)).collect();
    let summary = fs::read_to_string(fixture.path("out/summary.json")).expect("a summary");
    assert!(summary.contains(&format!("CPU, {threads} threads")), "{summary}");
    fs::remove_dir_all(fixture.path("out")).expect("a folder of its own");
    arrays
}

#[test]
fn threads_and_tuning_change_no_bit() {
    let fixture = fixture();
    let one = arrays(&fixture, 1, "cache", &[]);
    assert!(one.len() >= 9, "{:?}", one.keys());
    for threads in [1, 2, 4] {
        for arguments in [&[] as &[&str], &["--no-tune"]] {
            let other = arrays(&fixture, threads, "cache", arguments);
            assert!(one == other, "{threads} threads, {arguments:?}: other bits");
        }
    }
}

/// As many tiles as there are threads, each computed by one of them; with momentum ψ is carried.
#[test]
fn tiles_that_are_computed_at_once_have_the_bits_of_one() {
    let fixture = fixture();
    let arguments = ["training.steps=300", "trajectory.every=1", "kernel.rule=gauss"];
    let tiles = |threads: usize| {
        let mut command = fixture.command(&[&["plan", "run.toml", "--json"], &arguments[..]].concat());
        let output = command.env("RAYON_NUM_THREADS", threads.to_string()).output().expect("the program starts");
        assert!(output.status.success(), "{}", stderr(&output));
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("json");
        plan["tiles"].as_u64().expect("a number")
    };
    assert_eq!([1, 2, 3].map(tiles), [1, 2, 3]);
    let one = arrays(&fixture, 1, "cache", &arguments);
    for threads in [2, 3] {
        assert!(arrays(&fixture, threads, "cache", &arguments) == one, "{threads} at once: other bits");
    }
}

/// Queries with more nodes than pass together, in tiles of other queries.
#[test]
fn tiles_of_queries_with_many_nodes_have_the_bits_of_the_whole() {
    let fixture = fixture();
    let text = RUN_FILE.replace("tanh", "relu").replace("steps = 20", "steps = 2");
    let text = text.replace("every = 7", "every = 1\n[kernel]\nrule = \"adaptive\"").replace("clip_norm = 0.5", "");
    fixture.write("run.toml", text.as_bytes());
    for contraction in [["materialised", "half", "output"], ["averaged", "factored", "output"]] {
        let words = [format!("kernel.contraction={contraction:?}"), "training.optimizer.learning_rate=100.0".into()];
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["run.precision=f64"]).collect();
        let run = |arguments: &[&str]| {
            let output = fixture.pathkernel(&[arguments, &words].concat());
            assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        };
        run(&["run", "run.toml", "run.directory=whole"]);
        let summary = fs::read_to_string(fixture.path("whole/summary.json")).expect("a summary");
        let summary: serde_json::Value = serde_json::from_str(&summary).expect("json");
        let nodes = summary["nodes"]["of_largest_step"].as_f64().expect("a number");
        assert!(nodes > 64.0, "{nodes} nodes pass together");
        for shard in ["0/3", "1/3", "2/3"] {
            run(&["run", "run.toml", "--shard", shard]);
        }
        run(&["finish", "run.toml"]);
        for name in ["attribution", "regularizer", "residual"] {
            let bytes = |folder: &str| fs::read(fixture.path(&format!("{folder}/{name}.npy"))).expect("an array");
            assert!(bytes("out") == bytes("whole"), "{contraction:?}: other bits of {name}");
        }
        for folder in ["out", "whole"] {
            fs::remove_dir_all(fixture.path(folder)).expect("a folder of its own");
        }
    }
}

/// Rates of a machine that was busy with something else when it was measured.
#[test]
fn absurd_rates_in_the_cache_change_no_bit() {
    let fixture = fixture();
    let one = arrays(&fixture, 2, "cache", &[]);
    let kept = fixture.listing("cache").into_keys().find(|path| path.display().to_string().contains("rates-"));
    let kept = kept.expect("a run keeps the rates that it measured");
    let kinds = ["multiply_add", "few", "entry", "feature", "forming", "element", "dot", "line", "call"];
    for slow in kinds {
        let rates: serde_json::Map<String, serde_json::Value> =
            kinds.iter().map(|&kind| (kind.to_owned(), if kind == slow { 1.0 } else { 1e-12 }.into())).collect();
        let rates = serde_json::Value::from(rates).to_string();
        fs::write(&kept, &rates).expect("a writable folder");
        let other = arrays(&fixture, 2, "cache", &[]);
        assert!(one == other, "slow in {slow}: other bits");
        // They were read: what cannot be read is measured and written again.
        assert_eq!(fs::read_to_string(&kept).expect("a file"), rates);
    }
}
