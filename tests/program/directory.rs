//! Run directories that are in use, interrupted or finished, and runs that fail on their way.

use crate::fixture::{Fixture, Listing, stderr, stdout};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;

/// The arrays of a listing, by name, without the times of writing.
fn arrays(listing: &Listing) -> BTreeMap<String, Vec<u8>> {
    let of_arrays = |end: &OsStr| end == "npy" || end == "safetensors";
    let files = listing.iter().filter(|(path, _)| path.extension().is_some_and(of_arrays));
    let name = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    files.filter_map(|(path, (bytes, _))| Some((name(path)?, bytes.clone()))).collect()
}

#[test]
fn a_finished_run_says_so_and_changes_nothing() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let before = fixture.listing("");
    let output = fixture.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("finished"), "{}", stdout(&output));
    assert!(before == fixture.listing(""), "a finished run was changed");
}

#[test]
fn a_directory_with_a_different_run_is_left_alone() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let cases: [(&str, &[&str]); 5] = [
        ("training.steps=4", &["training.steps", "is 3", "is 4"]),
        ("run.seed=7", &["run.seed", "is 0", "is 7"]),
        ("kernel.rule=left", &["kernel.rule", "gauss", "left"]),
        ("training.batch_size=2", &["training.batch_size", "absent", "is 2"]),
        ("training.optimizer.learning_rate=1e20", &["learning_rate is 0.1,", "is 1e20;"]),
    ];
    for (text, words) in cases {
        fixture.refuses(&[text], &[words, &["out", "different run"] as &[&str]].concat());
    }
    // Unfinished makes no difference: what is there belongs to another run.
    fs::remove_file(fixture.path("out/summary.json")).expect("a finished run has a summary");
    fixture.refuses(&["run.seed=7"], &["run.seed", "different run"]);
    fixture.write("out/run.toml", b"not [ toml");
    fixture.refuses(&[], &["out", "run.toml", "damaged"]);
}

#[test]
fn a_directory_in_other_use_is_left_alone() {
    let fixture = Fixture::new();
    fixture.write("photos/holiday.png", b"");
    fixture.refuses(&["run.directory=photos"], &["photos", "not empty", "run.directory"]);
    fixture.refuses(&["run.directory=x.npy"], &["x.npy", "is a file", "run.directory"]);
    fixture.refuses(&["run.directory=x.npy/out"], &["x.npy", "is a file", "run.directory"]);
    fixture.refuses(&["run.directory="], &["run.directory"]);
}

/// Killed at any time, a run leaves temporaries and perhaps whole arrays, but no summary.
#[test]
fn an_interrupted_run_starts_over() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run.directory=whole"]);
    fixture.succeeds(&[]);
    fs::remove_file(fixture.path("out/summary.json")).expect("a finished run has a summary");
    fs::remove_file(fixture.path("out/prediction.npy")).expect("a finished run has predictions");
    fixture.write("out/attribution.npy", b"half an array of an earlier attempt");
    fixture.write("out/kernel.npy.tmp", b"half an array");
    fixture.write("out/trajectory/weights.npy.tmp", b"half a path");
    fixture.write("out/metrics.jsonl", b"{\"step\": 0, ");
    fixture.succeeds(&[]);
    assert!(fixture.path("out/summary.json").is_file());
    let (whole, again) = (fixture.listing("whole"), fixture.listing("out"));
    assert!(arrays(&whole).len() >= 4, "{:?}", arrays(&whole).keys());
    assert!(arrays(&whole) == arrays(&again), "the arrays differ from those of a run in one go");
    let names = |listing: &Listing, folder: &str| {
        let names = listing.keys().filter_map(|path| path.strip_prefix(fixture.path(folder)).ok());
        names.map(std::path::Path::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&whole, "whole"), names(&again, "out"));
}

/// Killed before its run file had its name.
#[test]
fn a_run_interrupted_at_its_first_file_starts_over() {
    let fixture = Fixture::new();
    fixture.write("out/run.toml.tmp", b"[run");
    fixture.succeeds(&[]);
    assert!(fixture.path("out/summary.json").is_file());
    assert!(!fixture.path("out/run.toml.tmp").exists());
}

#[test]
fn divergence_names_the_step_and_the_learning_rate() {
    let fixture = Fixture::with("cross_entropy", "squared_error");
    fixture.write("y.npy", &crate::bytes::npy_f64(&[4, 2], &[0.5; 8]));
    let output = fixture.run(&["training.optimizer.learning_rate=1e25", "training.steps=40"]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    for word in ["diverged", "step", "learning rate", "1e25", "training.optimizer.learning_rate"] {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    // Nothing that it wrote is in the way of what the message advises.
    assert!(!fixture.path("out").exists(), "a failed run left {:?}", fixture.listing("out").keys());
    fixture.succeeds(&["training.optimizer.learning_rate=0.1", "training.steps=40"]);
}

/// A folder that was there before, or that holds something else, stays.
#[test]
fn divergence_leaves_what_is_not_its_own() {
    let fixture = Fixture::with("cross_entropy", "squared_error");
    fixture.write("y.npy", &crate::bytes::npy_f64(&[4, 2], &[0.5; 8]));
    fs::create_dir(fixture.path("out")).expect("a writable folder");
    let output = fixture.run(&["training.optimizer.learning_rate=1e25", "training.steps=40"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(fixture.path("out").is_dir() && fixture.listing("out").is_empty());
}

#[test]
fn a_damaged_directory_names_the_file() {
    let spoil: [(&str, &str, Option<&[u8]>); 9] = [
        ("summary.json", "summary.json", Some(b"{\"version\":")),
        ("summary.json", "summary", Some(b"[]")),
        ("attribution.npy", "attribution.npy: is missing", None),
        ("kernel_layers.npy", "kernel_layers.npy: is missing", None),
        ("prediction.npy", "prediction.npy: not an .npy file", Some(b"no array")),
        ("weights_final.safetensors", "weights_final.safetensors: is missing", None),
        ("metrics.jsonl", "metrics.jsonl: is missing", None),
        ("superposition.npy", "superposition.npy: is missing", None),
        ("superposition.safetensors", "superposition.safetensors: is missing", None),
    ];
    let superposed = ["kernel.superposition=true", "kernel.superposition_vectors=[1, 3]"];
    let asked = [&["kernel.kernel=trace", "kernel.layers=true"], &superposed[..]].concat();
    for (name, word, bytes) in spoil {
        let fixture = Fixture::new();
        fixture.succeeds(&asked);
        let path = fixture.path("out").join(name);
        match bytes {
            None => fs::remove_file(path).expect("a finished run has it"),
            Some(bytes) => fs::write(path, bytes).expect("a writable folder"),
        }
        fixture.refuses(&asked, &[word, "damaged", "remove"]);
    }
}

#[test]
fn an_imported_run_must_have_what_is_unexplained() {
    let fixture = Fixture::imported();
    fixture.is_not_exact(&[]);
    fixture.is_not_exact(&[]);
    fs::remove_file(fixture.path("out/unexplained.npy")).expect("an imported run has it");
    fixture.refuses(&[], &["unexplained.npy: is missing", "damaged", "remove"]);
}

/// Vectors that were not asked for are not missed.
#[test]
fn a_run_without_chosen_vectors_is_whole() {
    let fixture = Fixture::new();
    fixture.succeeds(&["kernel.superposition=true"]);
    assert!(!fixture.path("out/superposition.safetensors").exists());
    fixture.succeeds(&["kernel.superposition=true"]);
}

/// Killed between its last array and its report.
#[test]
fn a_missing_report_is_written_again() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    fs::remove_file(fixture.path("out/report.html")).expect("a finished run has a report");
    fixture.succeeds(&[]);
    assert!(fixture.path("out/report.html").is_file());
}

/// The others are run, and the worst exit code is the answer.
#[test]
fn one_bad_file_does_not_stop_a_batch() {
    let fixture = Fixture::new();
    let good = fs::read_to_string(fixture.path("run.toml")).expect("the run file");
    for (name, text) in [
        ("first.toml", good.replace("out", "first")),
        ("bad.toml", good.replace("out", "bad").replace("x.npy", "gone.npy")),
        ("last.toml", good.replace("out", "last")),
    ] {
        fixture.write(name, text.as_bytes());
    }
    let output = fixture.pathkernel(&["run", "first.toml", "bad.toml", "last.toml", "training.steps=2"]);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("gone.npy"), "{message}");
    assert!(fixture.path("first/summary.json").is_file() && fixture.path("last/summary.json").is_file());
    assert!(!fixture.path("bad").exists());
}
