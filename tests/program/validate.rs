//! `pathkernel validate`: training again on subsets, and what scores say of it.

use crate::bytes::{npy_f64, npy_i64, npz};
use crate::common::report::Report;
use crate::fixture::{Fixture, stderr, stdout};
use pathkernel::formats::MappedArray;
use pathkernel::random::numbers;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

/// Examples.
const M: usize = 20;
/// Queries.
const N: usize = 3;
/// One step of a network that is linear: what examples contribute is then exactly what is lost without them.
const LINEAR: [&str; 4] =
    ["model.layers=[{ type = \"linear\", features = 2 }]", "training.steps=1", "run.precision=f64", "kernel.rule=left"];

/// More examples than the fixture has, and queries of their own.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("x.npy", &npy_f64(&[M, 3], &numbers(5, M * 3)));
    fixture.write("y.npy", &npy_i64(&[M], &(0..M as i64).map(|row| row * 7 % 2).collect::<Vec<_>>()));
    fixture.write("q.npy", &npy_f64(&[N, 3], &numbers(6, N * 3)));
    fixture
}

fn finished(overrides: &[&str]) -> Fixture {
    let fixture = fixture();
    fixture.succeeds(&[&["data.query.inputs=q.npy"], overrides].concat());
    fixture
}

/// What `validation.json` says after the command.
fn validated(fixture: &Fixture, arguments: &[&str]) -> Value {
    let output = fixture.pathkernel(&[&["validate", "out"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    json(fixture)
}

fn json(fixture: &Fixture) -> Value {
    serde_json::from_slice(&fs::read(fixture.path("out/validation.json")).expect("a file")).expect("JSON")
}

/// The retrainings that are kept, and when each was written.
fn retrainings(fixture: &Fixture) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let files = fixture.listing("out/validation").into_iter();
    files.map(|(path, file)| (path.file_name().expect("a name").to_string_lossy().into_owned(), file)).collect()
}

/// How many files there are, of which some may go at any time.
fn count(fixture: &Fixture) -> usize {
    fs::read_dir(fixture.path("out/validation")).map_or(0, Iterator::count)
}

#[track_caller]
fn close(got: &Value, want: f64) {
    let got = got.as_f64().expect("a number");
    // Sums of some twenty numbers, of which the largest differences are a hundredth.
    assert!((got - want).abs() < 1e-11, "{got} instead of {want}");
}

#[test]
fn where_all_is_linear_contributions_are_what_is_lost() {
    let fixture = finished(&LINEAR);
    let array = MappedArray::open(&fixture.path("out/attribution.npy")).expect("an array").expect("a file");
    let attribution = array.all();
    let times = |factor: f64| attribution.iter().map(|value| factor * value).collect::<Vec<_>>();
    fixture.write("twice.npy", &npy_f64(&[N, M, 2], &times(2.0)));
    fixture.write("against.npy", &npy_f64(&[N, M, 2], &times(-1.0)));
    // The scores of one value for all of its query's, and of one query for all.
    let one: Vec<f64> = attribution.chunks(2).map(|values| values[0]).collect();
    fixture.write("one.npy", &npy_f64(&[N, M], &one));
    fixture.write("same.npy", &npy_f64(&[M], &one[..M]));
    let scores = ["twice.npy", "against.npy", "one.npy", "same.npy"].map(|file| ["--scores", file]).concat();
    let asked = ["--subsets", "8", "--drop", "0.1,0.5", "--leave-one-out", "6", "--seed", "0,3"];
    let found = validated(&fixture, &[&asked[..], &scores].concat());
    assert_eq!((&found["retrainings"], &found["diverged"]), (&Value::from(39), &Value::from(0)));
    assert_eq!(found["reproduces"], 0.0);
    let alone = std::iter::once(&found["leave_one_out"]);
    for compared in found["drops"].as_array().expect("shares").iter().chain(alone) {
        let by_name = |name: &str| {
            let all = compared["scores"].as_array().expect("scores");
            all.iter().find(|scores| scores["name"] == name).unwrap_or_else(|| panic!("no {name}"))
        };
        for (name, sign, slope) in [("contributions", 1.0, 1.0), ("twice", 1.0, 0.5), ("against", -1.0, -1.0)] {
            let scores = by_name(name);
            close(&scores["rank"], sign);
            close(&scores["linear"], sign);
            close(&scores["slope"], slope);
            close(&scores["standard_error"], 0.0);
            close(&scores["over_queries"], 0.0);
        }
        // Two classes: the second output loses what the first one wins.
        close(&by_name("one")["rank"], 0.0);
        close(&by_name("one")["over_queries"], (6.0f64 / 5.0).sqrt());
        close(&by_name("same")["rank"], 0.0);
    }
    let counts = |key: &str| [0, 1].map(|at| found["drops"][at][key].as_u64().expect("a count"));
    assert_eq!((counts("dropped"), counts("retrainings")), ([2, 10], [16, 16]));
    close(&found["drops"][0]["scores"][0]["over_seeds"], 0.0);
    assert_eq!(found["leave_one_out"]["scores"][0]["over_seeds"], Value::Null);
}

/// What is there is not made again; what was removed comes again to the bit, however many are made at once; more subsets begin with
/// the same ones.
#[test]
fn what_was_made_is_kept() {
    let fixture = finished(&["training.optimizer.momentum=0.9", "training.batch_size=7", "run.precision=f64"]);
    let few = ["--subsets", "4", "--drop", "0.25", "--leave-one-out", "4"];
    let more = ["--subsets", "9", "--drop", "0.25", "--leave-one-out", "4", "--jobs", "3"];
    let first = validated(&fixture, &[&few[..], &["--jobs", "1"]].concat());
    let made = retrainings(&fixture);
    assert_eq!(made.len(), 9);
    validated(&fixture, &more);
    let all = retrainings(&fixture);
    assert_eq!(all.len(), 14);
    assert!(made.iter().all(|(name, file)| all[name] == *file));
    fs::remove_file(fixture.path("out/validation/dropping-5-seed-0-2.state")).expect("a file");
    fs::remove_file(fixture.path("out/validation/whole.state")).expect("a file");
    // Said from its files, without the data that it was made from.
    assert_eq!(validated(&fixture, &few), first);
    let again = retrainings(&fixture);
    assert!(all.iter().all(|(name, (bytes, _))| again[name].0 == *bytes));
    fs::remove_file(fixture.path("x.npy")).expect("a file");
    assert_eq!(validated(&fixture, &few), first);
    fixture.fails(&["validate", "out", "--subsets", "10", "--drop", "0.25"], 2, &["x.npy"]);
    // Whose file holds another retraining, and one that was changed.
    let path = |name: &str| fixture.path("out/validation").join(name);
    let other = again.keys().find(|name| name.starts_with("without-")).expect("one left out");
    fs::copy(path(other), path("whole.state")).expect("a file");
    fixture.fails(&[&["validate", "out"], &few[..]].concat(), 1, &["whole.state", "other examples", "remove it"]);
    fs::write(path("whole.state"), b"nothing").expect("a file");
    fixture.fails(&[&["validate", "out"], &few[..]].concat(), 1, &["whole.state", "checksum"]);
}

/// Killed at any moment, and beside another process: the same in the end.
#[test]
fn processes_share_the_work_and_may_be_killed() {
    let fixture = finished(&["training.steps=1500", "run.precision=f64"]);
    let asked = ["validate", "out", "--subsets", "12", "--drop", "0.1,0.3", "--jobs", "2", "--quiet"];
    let start = || fixture.command(&asked).spawn().expect("the program starts");
    for number in 1..4 {
        let mut child = start();
        while child.try_wait().expect("a child").is_none() && count(&fixture) < 5 * number {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().expect("a child");
    }
    let (mut one, mut other) = (start(), start());
    assert!(one.wait().expect("a child").success() && other.wait().expect("a child").success());
    let (shared, names) = (json(&fixture), retrainings(&fixture));
    assert!(names.len() == 25 && names.keys().all(|name| name.ends_with(".state")), "{:?}", names.keys());
    fs::remove_dir_all(fixture.path("out/validation")).expect("a folder");
    fixture.fails(&[&asked[..], &["--max-time", "0s"]].concat(), 75, &["the same command goes on"]);
    fixture.pathkernel(&asked);
    assert_eq!(json(&fixture), shared);
}

/// Groups of examples are dropped together, and arrays in tiles say the same.
#[test]
fn columns_are_dropped_whichever_way_they_are_kept() {
    let fixture = fixture();
    fixture.write("g.npy", &npy_i64(&[M], &(0..M as i64).map(|row| row % 5).collect::<Vec<_>>()));
    let grouped = ["data.query.inputs=q.npy", "data.train.groups=g.npy", "run.store=zarr"];
    fixture.succeeds(&[&LINEAR[..], &grouped].concat());
    let found = validated(&fixture, &["--subsets", "6", "--drop", "0.4", "--leave-one-out", "5"]);
    assert_eq!((&found["examples"], &found["drops"][0]["dropped"]), (&Value::from(5), &Value::from(2)));
    close(&found["drops"][0]["scores"][0]["rank"], 1.0);
    close(&found["leave_one_out"]["scores"][0]["slope"], 1.0);
    assert!(found["dropping"].as_str().expect("words").starts_with("groups of examples"));
}

#[test]
fn it_is_said_on_the_terminal_and_in_the_report() {
    let fixture = finished(&["run.precision=f64"]);
    let asked = ["validate", "out", "--subsets", "5", "--drop", "0.2", "--leave-one-out", "4"];
    let said = stdout(&fixture.pathkernel(&asked));
    let words = [
        "retrainings       10 of 3 steps",
        "to the bit",
        "weight 0 in the loss",
        "20% dropped (4), 5 subsets",
        "LDS",
        "contributions",
        "±",
    ];
    words.iter().for_each(|word| assert!(said.contains(word), "no {word:?} in {said}"));
    let printed: Value =
        serde_json::from_str(&stdout(&fixture.pathkernel(&[&asked[..], &["--json"]].concat()))).expect("JSON");
    assert_eq!(printed, json(&fixture));
    let prose = Report::read(&fixture.path("out")).prose;
    for word in ["Trained again without some examples", "leave-one-out, 4 examples", "the same predictions"] {
        assert!(prose.contains(word), "no {word:?} in the report");
    }
    // The run itself is none the less finished and whole.
    fixture.succeeds(&["data.query.inputs=q.npy"].iter().chain(&["run.precision=f64"]).copied().collect::<Vec<_>>());
    assert_eq!(fixture.pathkernel(&["check", "out"]).status.code(), Some(0));
}

/// In single precision a few steps of a large readout round more than one example moves.
#[test]
fn changes_of_the_size_of_roundings_are_doubted() {
    let fixture = finished(&["training.optimizer.learning_rate=1e-6", "kernel.accept=1.0"]);
    let found = validated(&fixture, &["--subsets", "4", "--drop", "0.1"]);
    let note = found["notes"][0].as_str().expect("a note");
    assert!(note.contains("rounding alone") && note.contains("f64"), "{note}");
}

/// Without its first example this training overflows: the second step starts from other weights.
#[test]
fn retrainings_that_diverge_count_nowhere() {
    let fixture = Fixture::new();
    fixture.write("x.npy", &npy_f64(&[5, 1], &[1.0, 100.0, 1.0, 1.0, 1.0]));
    fixture.write("y.npy", &npy_f64(&[5, 1], &[1.5, 2.0, 1.0, 1.0, 1.0]));
    fixture.write("q.npy", &npy_f64(&[1, 1], &[1e-3]));
    fixture.write("s.npy", &npy_f64(&[5], &[1.0, 2.0, 3.0, 4.0, 5.0]));
    let run = [
        "model.input=[1]",
        "model.layers=[{ type = \"linear\", features = 1, bias = false }]",
        "training.loss=poisson",
        "training.batches=[[0], [1], [1]]",
        "model.weights=w.npz",
        "data.query.inputs=q.npy",
        "kernel.rule=left",
        "run.precision=f64",
    ];
    fixture.write("w.npz", &npz("0.weight", &npy_f64(&[1, 1], &[0.0])));
    fixture.pathkernel(&[&["run", "run.toml"], &run[..]].concat());
    let found = validated(&fixture, &["--subsets", "0", "--leave-one-out", "5", "--scores", "s.npy"]);
    assert_eq!((&found["diverged"], &found["leave_one_out"]["retrainings"]), (&Value::from(1), &Value::from(4)));
}

#[test]
fn what_cannot_be_validated_is_said() {
    let fixture = finished(&[]);
    let refuses =
        |arguments: &[&str], words: &[&str]| fixture.refuses_command(&[&["validate"], arguments].concat(), words);
    refuses(&["nowhere"], &["nowhere", "no finished run"]);
    refuses(&["out", "--subsets", "2"], &["--subsets 2", "at least 4"]);
    refuses(&["out", "--subsets", "0"], &["--subsets 0", "--leave-one-out"]);
    refuses(&["out", "--leave-one-out", "21"], &["there are 20 examples"]);
    refuses(&["out", "--drop", "1.5"], &["--drop 1.5", "below 1"]);
    refuses(&["out", "--drop", "0.01"], &["--drop 0.01", "of 20 examples that is none", "5.0e-2"]);
    refuses(&["out", "--drop", "0.1,0.11"], &["--drop 0.11", "drops 2 examples, as 0.1 does"]);
    refuses(&["out", "--seed", "1,1"], &["--seed 1", "twice"]);
    refuses(&["out", "--jobs", "0"], &["--jobs 0"]);
    refuses(&["out", "training.steps=9"], &["training.steps", "no result"]);
    refuses(&["out", "--scores", "q.npy"], &["q.npy", "[3, 3]", "[3, 20, 2], [3, 20] or [20]"]);
    fixture.write("nan.npy", &npy_f64(&[M], &[f64::NAN; M]));
    refuses(&["out", "--scores", "nan.npy"], &["nan.npy", "element 0"]);
    fixture.write("x.npy", &npy_f64(&[M, 3], &numbers(8, M * 3)));
    refuses(&["out"], &["data.train.inputs", "put the file back"]);
}

#[test]
fn a_run_without_whole_scores_needs_those_of_its_user() {
    let fixture = finished(&["kernel.top=3"]);
    fixture.refuses_command(&["validate", "out"], &["no array", "--scores", "kernel.top"]);
    fixture.write("mine.npy", &npy_f64(&[M], &numbers(3, M)));
    let found = validated(&fixture, &["--subsets", "4", "--scores", "mine.npy"]);
    assert_eq!(found["drops"][0]["scores"].as_array().map(Vec::len), Some(1));
}

/// A path that the optimizer does not make says nothing by training again.
#[test]
fn a_path_that_training_does_not_make_is_refused() {
    let fixture = Fixture::imported();
    fixture.is_not_exact(&[]);
    let message = fixture.fails(
        &["validate", "out", "--drop", "0.5"],
        2,
        &["training again without any change", "imported", "kernel.accept"],
    );
    assert!(message.contains("of the largest change"), "{message}");
    assert!(!fixture.path("out/validation.json").exists());
}
