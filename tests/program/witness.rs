//! What the recorded model had itself: data in another order or on another scale is told by its outputs.

use crate::bytes::*;
use crate::fixture::{Fixture, RUN_FILE, stderr, stdout};
use pathkernel::formats::read;
use serde_json::Value;
use std::path::Path;

/// Images of two channels, of 2 × 2 pixels, and a network in whose outputs their order counts.
fn images() -> Fixture {
    let fixture = Fixture::new();
    let layers = "layers = [{ type = \"conv2d\", channels = 3, kernel = 2, padding = 1 }, { type = \"tanh\" }, { type = \"flatten\" },";
    let text = RUN_FILE
        .replace("input = [3]", "input = [2, 2, 2]")
        .replace("layers = [\n  { type = \"linear\", features = 5 },\n  { type = \"tanh\" },", layers)
        .replace("targets = \"y.npy\"", "targets = \"y.npy\"\n[data.query]\ninputs = \"q.npy\"")
        .replace("features = 2 }", "features = 3 }")
        .replace("learning_rate = 0.1", "learning_rate = 1.0");
    fixture.write("run.toml", text.as_bytes());
    let values: Vec<f64> = (0..32).map(|at| f64::from(at * 13 % 31) / 31.0).collect();
    fixture.write("x.npy", &npy_f64(&[4, 2, 2, 2], &values));
    let queries: Vec<f64> = (0..24).map(|at| f64::from(at * 11 % 23) / 23.0).collect();
    fixture.write("q.npy", &npy_f64(&[3, 2, 2, 2], &queries));
    fixture.write("raw.npy", &npy_f64(&[3, 2, 2, 2], &queries.iter().map(|value| value * 255.0).collect::<Vec<_>>()));
    let last: Vec<f64> = queries.chunks(8).flat_map(|row| (0..8).map(|at| row[at % 2 * 4 + at / 2])).collect();
    fixture.write("last.npy", &npy_f64(&[3, 2, 2, 2], &last));
    fixture
}

fn summary(fixture: &Fixture, directory: &str) -> Value {
    let text = std::fs::read(fixture.path(&format!("{directory}/summary.json"))).expect("a summary");
    serde_json::from_slice(&text).expect("it is JSON")
}

/// An array of a run, `[3, 3]`.
fn outputs(fixture: &Fixture, name: &str) -> Vec<f64> {
    let array = read(&fixture.path(name).display().to_string()).expect("an array");
    assert_eq!(array.shape, [3, 3], "{name}");
    array.to_f64()
}

/// The verdict of a run is wrong_inputs, for a cause with these words.
fn finds(fixture: &Fixture, overrides: &[&str], words: &str) {
    let directory = "run.directory=wrong";
    let output = fixture.run(&[overrides, &[directory]].concat());
    assert_eq!(output.status.code(), Some(3), "{overrides:?}: {}", stderr(&output));
    let summary = summary(fixture, "wrong");
    let because = summary["because"].as_str().expect("a reason");
    assert!(
        summary["verdict"] == "wrong_inputs" && because.contains(words),
        "{overrides:?}: no {words:?} in {because}"
    );
    assert!(fixture.path("wrong/attribution.npy").is_file(), "arrays are kept");
    let again = fixture.pathkernel(&["check", "wrong"]);
    assert!(again.status.code() == Some(3) && stdout(&again).contains(because), "{}", stdout(&again));
    std::fs::remove_dir_all(fixture.path("wrong")).expect("a folder of its own");
}

/// Of PyTorch's path, PyTorch's outputs and losses, in float64 (tests/verdicts/make.py).
#[test]
fn what_pytorch_had_itself_is_met() {
    let (fixture, data) = (Fixture::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts"));
    let data = data.display();
    let text = RUN_FILE
        .replace("\"x.npy\"", &format!("\"{data}/x.npy\""))
        .replace("targets = \"y.npy\"", &format!("targets = \"{data}/y.npy\"\n[data.query]\ninputs = \"{data}/q.npy\""))
        .replace("input = [3]", "input = [6]")
        .replace("features = 5", "features = 8")
        .replace("features = 2", "features = 3")
        .replace("learning_rate = 0.1", "learning_rate = 0.2")
        .replace("steps = 3", &format!("steps = 16\n[trajectory]\nimport = \"{data}/plain.safetensors\""));
    fixture.write("run.toml", text.as_bytes());
    let [outputs, record] = ["data.query.outputs=", "trajectory.record="]
        .map(|key| format!("{key}{data}/{}", if key.starts_with("data") { "outputs.npy" } else { "record.json" }));
    fixture.succeeds(&["run.precision=f64", &outputs, &record]);
    for key in ["outputs_differ", "loss_differs"] {
        // Sums of eight products, and roundings of exp and tanh.
        let differ = summary(&fixture, "out")[key].as_f64().expect("a number");
        assert!(differ < 1e-14, "{key}: {differ:e}");
    }
    // Raised by a tenth, all examples are other ones.
    let array = read(&format!("{data}/x.npy")).expect("examples");
    fixture.write("x.npy", &npy_f64(&array.shape, &array.to_f64().iter().map(|value| value + 0.1).collect::<Vec<_>>()));
    finds(&fixture, &[&record, "data.train.inputs=x.npy"], "the usual causes are training inputs that were normalised");
}

#[test]
fn recorded_outputs_tell_the_queries_apart() {
    let fixture = images();
    fixture.succeeds(&["run.directory=made"]);
    let [first, last] = ["made/initial.npy", "made/prediction.npy"].map(|name| outputs(&fixture, name));
    let write = |values: &[f64]| fixture.write("o.npy", &npy_f64(&[3, 3], values));
    let given = "data.query.outputs=o.npy";
    write(&last);
    // Of the network, whatever is read of it.
    let target = ["kernel.readout=margin", "data.query.targets=t.npy", "run.directory=margin", given];
    fixture.write("t.npy", &npy_i64(&[3], &[0, 2, 1]));
    for overrides in [&[given, "run.directory=right"][..], &target] {
        fixture.succeeds(overrides);
    }
    let differ = summary(&fixture, "right")["outputs_differ"].as_f64().expect("a number");
    assert!(differ < 1e-6, "{differ}");
    finds(&fixture, &[given, "data.query.inputs=raw.npy"], "of queries divided by 255 they are the same");
    finds(&fixture, &[given, "data.query.inputs=raw.npy"], "are on another scale than the training inputs'");
    finds(&fixture, &[given, "data.query.inputs=last.npy"], "numpy.moveaxis(x, -1, 1)");
    let rows = |function: &dyn Fn(&[f64]) -> Vec<f64>| last.chunks(3).flat_map(function).collect::<Vec<f64>>();
    let exponentials = |row: &[f64]| row.iter().map(|value| value.exp()).collect::<Vec<f64>>();
    let cases: [(Vec<f64>, &str); 6] = [
        (first, "those of the first weights"),
        (rows(&|row| vec![row[1], row[2], row[0]]), "output 0 here is column 2 there"),
        ([&last[3..], &last[..3]].concat(), "query 0 here is row 2 there"),
        (
            rows(&|row| {
                let all = exponentials(row);
                all.iter().map(|value| value / all.iter().sum::<f64>()).collect()
            }),
            "softmax was taken of the recorded ones",
        ),
        (
            rows(&|row| {
                let sum = exponentials(row).iter().sum::<f64>().ln();
                row.iter().map(|value| value - sum).collect()
            }),
            "log_softmax was taken",
        ),
        (last.iter().map(|value| value + 1.0).collect(), "what is left are inputs that were normalised otherwise"),
    ];
    for (values, words) in cases {
        write(&values);
        finds(&fixture, &[given], words);
    }
    // What is accepted is accepted.
    fixture.succeeds(&[given, "kernel.accept=100", "run.directory=accepted"]);
    fixture.write("bad.npy", &npy_i64(&[3], &[0, 1, 2]));
    let overrides = ["data.query.outputs=bad.npy", "run.directory=refused"];
    let words = ["bad.npy", "[3]", "[3, 3]", "holds the classes that were predicted"];
    fixture.fails(&[&["run", "run.toml"], &overrides as &[&str]].concat(), 2, &words);
}

/// Channels last, which have as many values: refused, unless it is said that the order is meant.
#[test]
fn shapes_are_not_taken_for_others() {
    let fixture = images();
    fixture.write("x.npy", &npy_f64(&[4, 2, 3, 3], &(0..72).map(|at| f64::from(at % 7)).collect::<Vec<_>>()));
    let own = ["model.input=[2, 3, 3]", "data.query.inputs=q.npy"];
    fixture.write("q.npy", &npy_f64(&[2, 3, 3, 2], &[0.5; 36]));
    fixture.refuses(&own, &["q.npy", "[2, 3, 3, 2]", "its channels are last", "data.query.reshape = true"]);
    fixture.succeeds(&[&own as &[&str], &["data.query.reshape=true"]].concat());
    // A flat network has no order of its own, but one for both files.
    let flat = ["model.input=[18]", "model.layers=[{ type = 'linear', features = 3 }]", "run.directory=flat"];
    let mut arguments = vec!["run", "run.toml"];
    arguments.extend(flat);
    fixture.fails(&arguments, 2, &["q.npy", "[3, 3, 2]", "[2, 3, 3]", "its channels are last"]);
}

#[test]
fn queries_on_another_scale_are_noticed() {
    let fixture = images();
    let warned = |queries: &str, directory: &str| {
        let own = [format!("data.query.inputs={queries}"), format!("run.directory={directory}")];
        let output = fixture.run(&[&own[0], &own[1], "kernel.accept=1e9"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output).contains("are on another scale than the training inputs'")
    };
    assert_eq!([warned("q.npy", "own"), warned("raw.npy", "raw")], [false, true]);
}

#[test]
fn the_first_loss_is_compared() {
    let fixture = Fixture::imported();
    fixture.run(&["run.directory=made"]);
    let metrics = std::fs::read_to_string(fixture.path("made/metrics.jsonl")).expect("metrics");
    let line: Value = serde_json::from_str(metrics.lines().next().expect("a step")).expect("it is JSON");
    let loss = line["loss"].as_f64().expect("a loss");
    fixture.write("record.json", format!("{{\"losses\": [{loss}, 0.1]}}").as_bytes());
    fixture.run(&["trajectory.record=record.json", "run.directory=right"]);
    assert_eq!(summary(&fixture, "right")["loss_differs"], 0.0);
    for (factor, words) in [(4.0, "training.reduction = \"sum\" may be what was meant"), (1.1, "the usual causes are")]
    {
        finds(&fixture, &[&format!("trajectory.losses={}", loss * factor)], words);
    }
    fixture.write("record.json", b"{\"losses\": \"0.5\"}");
    let arguments = ["run", "run.toml", "trajectory.record=record.json", "run.directory=refused"];
    fixture.fails(&arguments, 2, &["record.json: losses: must be a number"]);
    let own = Fixture::new();
    own.refuses(&["trajectory.losses=0.5"], &["trajectory.losses", "set trajectory.import too"]);
}
