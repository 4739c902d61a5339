//! Runs of which only a part is wanted: training by itself, and tangent kernels at weights that are given.

use crate::fixture::{Fixture, stdout};
use pathkernel::formats::MappedArray;

fn array(fixture: &Fixture, name: &str) -> MappedArray {
    MappedArray::open(&fixture.path(name)).expect("an array").expect("a file")
}

/// Without attribution and kernel there is still what training makes.
#[test]
fn training_alone_is_a_run() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run.directory=whole"]);
    let output = fixture.run(&["run.directory=alone", "kernel.attribution=false"]);
    assert!(output.status.success() && stdout(&output).contains("verdict           exact"), "{}", stdout(&output));
    assert!(!fixture.path("alone/attribution.npy").exists());
    for name in ["prediction.npy", "initial.npy", "weights_final.safetensors", "metrics.jsonl", "report.html"] {
        assert!(fixture.path(&format!("alone/{name}")).is_file(), "no {name}");
    }
    assert_eq!(array(&fixture, "alone/prediction.npy").all(), array(&fixture, "whole/prediction.npy").all());
}

/// The tangent kernel at given weights needs no targets, loss, optimizer or steps; both ends are the same.
#[test]
fn tangent_kernels_at_given_weights_need_no_training() {
    let fixture = Fixture::new();
    let kernel = ["kernel.kernel=full", "kernel.tangent=true", "run.precision=f64"];
    fixture.succeeds(&[&["run.directory=trained"], &kernel[..]].concat());
    let text = "[run]\ndirectory = \"still\"\ndevice = \"cpu\"\n[data.train]\ninputs = \"x.npy\"\n[model]\ninput = [3]\nlayers = [\n  \
                { type = \"linear\", features = 5 },\n  { type = \"tanh\" },\n  { type = \"linear\", features = 2 },\n]\n\
                weights = \"trained/weights_final.safetensors\"\n[training]\nsteps = 0\n[kernel]\nattribution = false\n";
    fixture.write("still.toml", text.as_bytes());
    let arguments = [&["run", "still.toml"], &kernel[..]].concat();
    let output = fixture.pathkernel(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", crate::fixture::stderr(&output));
    let [first, last] = ["initial", "final"].map(|end| array(&fixture, &format!("still/tangent_{end}.npy")).all());
    let known = array(&fixture, "trained/tangent_final.npy").all();
    assert_eq!(first, last);
    let largest = known.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    assert!(largest > 0.0 && known.iter().zip(&last).all(|(a, b)| (a - b).abs() <= 1e-13 * largest));
    // Once there are steps, all of it is needed; and a loss of reals has no word for an example without a target.
    let refuse = |overrides: &[&str], words: &[&str]| {
        fixture.refuses_command(&[&["run", "still.toml", "run.directory=none"], overrides].concat(), words);
    };
    refuse(&["training.steps=2"], &["training.loss", "required"]);
    let optimizer = "training.optimizer={ type = 'sgd', learning_rate = 0.1 }";
    refuse(&["training.steps=2", "training.loss=cross_entropy", optimizer], &["data.train.targets", "required"]);
    refuse(&["training.loss=mse"], &["data.train.targets", "mse"]);
}
