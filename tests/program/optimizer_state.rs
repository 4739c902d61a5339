//! `training.optimizer_state`: files of states that fit, and what is said of those that do not.

use crate::bytes::{Tensor, safetensors};
use crate::common::folder::Folder;
use crate::fixture::{Fixture, RUN_FILE};
use pathkernel::formats::read;
use std::fs;

const MOMENTUM: &str = "{ type = \"sgd\", learning_rate = 0.1, momentum = 0.9 }";
const ADAM: &str = "{ type = \"adam\", learning_rate = 0.01 }";
const STATE: &str = "training.optimizer_state=state.safetensors";

/// The tensors of the fixture's network.
const SHAPES: [(&str, &[usize]); 4] =
    [("0.weight", &[5, 3]), ("0.bias", &[5]), ("2.weight", &[2, 5]), ("2.bias", &[2])];

fn optimizer(words: &str) -> String {
    format!("training.optimizer={words}")
}

/// A vector of each tensor, of one number; the shape of a single number is empty.
fn vectors(what: &'static str, number: f64, single: bool) -> Vec<Tensor> {
    let of = |&(name, shape): &(&'static str, &[usize])| -> Tensor {
        let shape = if single { Vec::new() } else { shape.to_vec() };
        let bytes = number.to_le_bytes().repeat(shape.iter().product());
        (String::leak(format!("{name}.{what}")), shape, bytes)
    };
    SHAPES.iter().map(of).collect()
}

/// The state of Adam after some steps.
fn adam(steps: f64) -> Vec<Tensor> {
    let moments = vectors("exp_avg", 0.01, false).into_iter().chain(vectors("exp_avg_sq", 0.04, false));
    moments.chain(vectors("step", steps, true)).collect()
}

/// The state is refused, with each of some words; nothing is written.
fn refuses(words_of_optimizer: &str, tensors: &[Tensor], words: &[&str]) {
    let fixture = Fixture::new();
    fixture.write("state.safetensors", &safetensors("F64", tensors));
    fixture.refuses(&[STATE, &optimizer(words_of_optimizer)], &[&["state.safetensors"], words].concat());
}

/// A run of a case of tests/fixtures is refused.
fn refuses_case(case: &str, overrides: &[&str], words: &[&str]) {
    let folder = Folder::new();
    let run = format!("{}/tests/fixtures/{case}/run.toml", env!("CARGO_MANIFEST_DIR"));
    folder.fails(&[&["run", run.as_str(), "run.directory=out"], overrides].concat(), 2, words);
    assert!(!folder.path("out").exists());
}

fn array(fixture: &Fixture, name: &str) -> Vec<f64> {
    read(&fixture.path(name).display().to_string()).expect("an array").to_f64()
}

/// What it is that a state of zeros is: a new optimizer's. What was there before adds nothing.
#[test]
fn a_momentum_of_zeros_is_a_new_one() {
    let fixture = Fixture::new();
    fixture.write("state.safetensors", &safetensors("F64", &vectors("momentum_buffer", 0.0, false)));
    fixture.succeeds(&[&optimizer(MOMENTUM), "run.directory=new"]);
    fixture.succeeds(&[&optimizer(MOMENTUM), STATE]);
    for name in ["attribution", "prediction", "residual"] {
        assert_eq!(array(&fixture, &format!("out/{name}.npy")), array(&fixture, &format!("new/{name}.npy")), "{name}");
    }
    assert!(!fixture.path("new/earlier.npy").exists());
    let earlier = array(&fixture, "out/earlier.npy");
    assert_eq!((earlier.len(), earlier.iter().all(|value| *value == 0.0)), (8, true));
}

/// Reports say what the old momentum did, of predictions and of weights.
#[test]
fn the_report_has_its_term() {
    let fixture = Fixture::new();
    fixture.write("state.safetensors", &safetensors("F64", &vectors("momentum_buffer", 0.1, false)));
    fixture.succeeds(&[&optimizer(MOMENTUM), STATE, "kernel.superposition=true"]);
    let report = fs::read_to_string(fixture.path("out/report.html")).expect("the run wrote it");
    for words in [
        "plus what gradients from before the first step still moved",
        "earlier gradients",
        "what is missing of 100% is gradients from before the first step",
    ] {
        assert!(report.contains(words), "{words}");
    }
    let shares: f64 = array(&fixture, "out/superposition.npy").chunks(4).map(|parts| parts[1]).sum();
    let earlier = array(&fixture, "out/superposition_earlier.npy");
    assert_eq!(earlier.len(), 4);
    assert!((shares + earlier[1] - 1.0).abs() < 1e-4 && earlier[1].abs() > 0.1, "{shares} {earlier:?}");
}

/// Adam's moments are corrected by all steps, so that as many before make another path.
#[test]
fn steps_before_are_counted() {
    let fixture = Fixture::new();
    for (name, steps) in [("few", 2.0), ("many", 200.0)] {
        fixture.write("state.safetensors", &safetensors("F64", &adam(steps)));
        fixture.succeeds(&[&optimizer(ADAM), STATE, &format!("run.directory={name}")]);
    }
    assert_ne!(array(&fixture, "few/prediction.npy"), array(&fixture, "many/prediction.npy"));
}

/// A file that changed while a run was under way, or after it, is seen.
#[test]
fn another_file_is_another_run() {
    let fixture = Fixture::new();
    fixture.write("state.safetensors", &safetensors("F64", &vectors("momentum_buffer", 0.1, false)));
    fixture.succeeds(&[&optimizer(MOMENTUM), STATE]);
    fixture.write("state.safetensors", &safetensors("F64", &vectors("momentum_buffer", 0.2, false)));
    fixture.refuses(&[&optimizer(MOMENTUM), STATE], &["begun with other data", "training.optimizer_state"]);
    fixture.refuses(&[&optimizer(MOMENTUM)], &["training.optimizer_state"]);
}

#[test]
fn an_optimizer_that_keeps_nothing_takes_no_state() {
    let fixture = Fixture::new();
    fixture.refuses(&[STATE], &["training.optimizer_state", "sgd with these numbers keeps nothing", "remove it"]);
    let flow = Fixture::flow();
    flow.refuses(&[STATE], &["training.optimizer_state", "flow with these numbers keeps nothing"]);
    fixture.refuses(&[STATE, &optimizer(MOMENTUM)], &["state.safetensors", "no such file"]);
}

#[test]
fn a_state_of_another_optimizer_is_named() {
    refuses_case(
        "earlier_adam",
        &[&optimizer(MOMENTUM)],
        &["optimizer.pt", "holds exp_avg of parameter 0", "sgd", "keeps momentum_buffer"],
    );
    refuses_case(
        "earlier_momentum",
        &[&optimizer(ADAM)],
        &["holds momentum_buffer of parameter 0", "exp_avg, exp_avg_sq"],
    );
    refuses_case("earlier_amsgrad", &["training.optimizer.amsgrad=false"], &["holds max_exp_avg_sq of parameter"]);
    refuses_case(
        "earlier_adam",
        &["training.optimizer.amsgrad=true"],
        &["has no max_exp_avg_sq of any tensor", "amsgrad = false"],
    );
    refuses_case(
        "earlier_nadam",
        &["training.optimizer.betas=[0.7, 0.95]"],
        &["optimizer.safetensors", "mu_product is", "after 5 steps", "give those that the steps before had"],
    );
    refuses(ADAM, &vectors("momentum_buffer", 0.1, false), &["holds momentum_buffer of parameter 0", "adam"]);
}

#[test]
fn numbers_that_fit_no_tensor_are_named_with_both_shapes() {
    let state =
        format!("training.optimizer_state={}/tests/fixtures/earlier_adam/optimizer.pt", env!("CARGO_MANIFEST_DIR"));
    let fixture = Fixture::new();
    fixture.refuses(
        &[&state, &optimizer(ADAM)],
        &[
            "parameter 0 has the shape [6, 4], and is taken for tensor 0.weight of shape [5, 3], in the order of the layers",
            "save the model's state_dict in the same file",
        ],
    );
    let deeper = Fixture::new();
    let more = "{ type = \"linear\", features = 4 },\n  { type = \"linear\", features = 2 },\n]";
    deeper.write("run.toml", RUN_FILE.replace("{ type = \"linear\", features = 2 },\n]", more).as_bytes());
    deeper.refuses(&[&state, &optimizer(ADAM)], &["its optimizer has 4 parameters, and the model 6"]);
    deeper.refuses(
        &[&state, &optimizer(ADAM), "model.frozen=[\"0.*\"]"],
        &["parameter 0 has the shape [6, 4], and is taken for tensor 2.weight of shape [4, 5]"],
    );
    // Its groups are two, the biases last.
    refuses_case("earlier_adamw", &["training.optimizer.groups=[]"], &["parameter 1 has the shape [3, 6]", "0.bias"]);
    refuses_case(
        "earlier_adamw",
        &["training.optimizer.groups=[{ parameters = [\"0.*\"], learning_rate = 0.05 }]"],
        &["param_groups[0] has 2 parameters, and none of the groups", "the model's state_dict beside it"],
    );
}

#[test]
fn vectors_by_name_have_to_fit() {
    let momentum = || vectors("momentum_buffer", 0.1, false);
    let stray: Tensor = ("0.weigth.momentum_buffer", vec![1], 1.0f64.to_le_bytes().to_vec());
    refuses(MOMENTUM, &[momentum(), vec![stray]].concat(), &["0.weigth.momentum_buffer belongs to no", "0.weight"]);
    refuses(MOMENTUM, &[], &["holds no tensor, and so no optimizer's state"]);
    refuses(MOMENTUM, &[("x", vec![1], vec![0; 8])], &["holds no optimizer's state", "0.bias.momentum_buffer"]);
    let shapes: Vec<Tensor> =
        momentum().into_iter().map(|(name, shape, bytes)| (name, shape.into_iter().rev().collect(), bytes)).collect();
    refuses(MOMENTUM, &shapes, &["momentum_buffer of 0.weight has shape [3, 5]; the tensor has [5, 3]"]);
    refuses(MOMENTUM, &vectors("momentum_buffer", f64::NAN, false), &["momentum_buffer", "NaN or infinity"]);
    refuses(MOMENTUM, &vectors("momentum_buffer", 1e300, false), &["momentum_buffer", "too large for f32"]);
    let dampened = MOMENTUM.replace("0.9", "0.9, dampening = 0.1");
    refuses(
        &dampened,
        &momentum()[..2],
        &["has a momentum_buffer of some tensors and not of 2.weight", "dampening = 0"],
    );
}

/// As `torch.save(optimizer.state_dict(), …)` writes it before the first step: tests/program/new_optimizer.py.
#[test]
fn the_state_of_an_optimizer_that_has_not_stepped_is_named() {
    for words in [MOMENTUM, ADAM] {
        let fixture = Fixture::new();
        fixture.write("new.pt", include_bytes!("new_optimizer.pt"));
        let state = "training.optimizer_state=new.pt";
        fixture.refuses(&[state, &optimizer(words)], &["new.pt", "its state is empty", "had not stepped"]);
    }
}

#[test]
fn steps_have_to_be_those_of_all() {
    let without = |what: &str| adam(3.0).into_iter().filter(|(name, ..)| !name.ends_with(what)).collect::<Vec<_>>();
    refuses(ADAM, &without(".step"), &["has no step of tensor 0.weight", "training.optimizer_state needs"]);
    refuses(ADAM, &without("2.bias.exp_avg"), &["has no exp_avg of tensor 2.bias, which adam needs"]);
    let other: Vec<Tensor> = adam(3.0)
        .into_iter()
        .map(|(name, shape, bytes)| {
            let number = if name == "2.bias.step" { 4.0f64.to_le_bytes().to_vec() } else { bytes };
            (name, shape, number)
        })
        .collect();
    refuses(ADAM, &other, &["tensor 0.weight has made 3 steps and 2.bias 4", "the same number for all"]);
    for steps in [2.5, -1.0, f64::NAN, 1e300] {
        refuses(ADAM, &adam(steps), &["step of tensor 0.weight is no number of steps"]);
    }
    let negative = vectors("exp_avg", 0.1, false).into_iter().chain(vectors("exp_avg_sq", -0.1, false));
    let negative: Vec<Tensor> = negative.chain(vectors("step", 3.0, true)).collect();
    refuses(ADAM, &negative, &["exp_avg_sq has a number below 0"]);
}
