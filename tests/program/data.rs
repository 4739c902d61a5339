//! Arrays that can be read, but that do not fit each other or the model, or hold what no run can use.

use crate::bytes::*;
use crate::fixture::{Fixture, stderr};

/// Writes `bad.npy`, sets a key to it, and expects a refusal that names it.
fn refuses_array(fixture: &Fixture, key: &str, bytes: &[u8], words: &[&str]) {
    fixture.write("bad.npy", bytes);
    fixture.refuses(&[&format!("{key}=bad.npy")], &[words, &["bad.npy"] as &[&str]].concat());
}

/// Reals as targets: two outputs for each of the four examples.
fn with_real_targets() -> Fixture {
    let fixture = Fixture::with("cross_entropy", "squared_error");
    fixture.write("y.npy", &npy_f64(&[4, 2], &[0.5; 8]));
    fixture.succeeds(&["run.directory=good"]);
    fixture
}

/// A tensor of F32, all of it one number.
fn tensor(name: &'static str, shape: &[usize], value: f32) -> Tensor {
    let count = shape.iter().product();
    (name, shape.to_vec(), value.to_le_bytes().repeat(count))
}

/// The weights of the fixture's network.
fn tensors() -> Vec<Tensor> {
    vec![
        tensor("0.weight", &[5, 3], 0.1),
        tensor("0.bias", &[5], 0.1),
        tensor("2.weight", &[2, 5], 0.1),
        tensor("2.bias", &[2], 0.1),
    ]
}

/// Without this every refusal here could have another reason.
#[test]
fn the_fixture_itself_is_good() {
    let fixture = Fixture::new();
    fixture.write("w.safetensors", &safetensors("F32", &tensors()));
    fixture.write("b.npy", &npy_i64(&[3, 2], &[0, 1, 2, 3, 3, 3]));
    fixture.succeeds(&["model.weights=w.safetensors", "training.batches=b.npy", "data.query.inputs=x.npy"]);
    assert!(fixture.path("out/summary.json").is_file() && fixture.path("out/attribution.npy").is_file());
}

#[test]
fn inputs_must_fit_the_model() {
    let fixture = Fixture::new();
    for key in ["data.train.inputs", "data.query.inputs"] {
        refuses_array(&fixture, key, &npy_f64(&[4, 2], &[0.0; 8]), &["[4, 2]", "model.input = [3]"]);
        refuses_array(&fixture, key, &npy_f64(&[12], &[0.0; 12]), &["[12]", "model.input = [3]"]);
        refuses_array(&fixture, key, &npy_f64(&[2, 2, 3], &[0.0; 12]), &["[2, 2, 3]", "model.input = [3]"]);
    }
}

#[test]
fn weights_and_groups_must_fit_the_examples() {
    let fixture = Fixture::new();
    let key = "data.train.weights";
    refuses_array(&fixture, key, &npy_f64(&[3], &[1.0; 3]), &["[3]", "[4], one an example"]);
    for (weights, words) in [
        (vec![1.0, -1.0, 1.0, 1.0], "entry 1 is -1"),
        (vec![0.0; 4], "are all 0"),
        (vec![1.0, f64::NAN, 1.0, 1.0], "NaN"),
    ] {
        fixture.write("bad.npy", &npy_f64(&[4], &weights));
        fixture.refuses(&[&format!("{key}=bad.npy")], &[words]);
    }
    fixture.write("w.npy", &npy_f64(&[4], &[1.0, 0.0, 0.5, 2.0]));
    fixture.write("b.npy", &npy_i64(&[3, 2], &[0, 1, 1, 1, 2, 3]));
    let weights = format!("{key}=w.npy");
    fixture.refuses(&[&weights, "training.batches=b.npy"], &["step 1's batch add up to 0", "training.reduction"]);
    let key = "data.train.groups";
    refuses_array(&fixture, key, &npy_i64(&[3], &[1; 3]), &["[3]", "[4] integers"]);
    refuses_array(&fixture, key, &npy_f64(&[4], &[1.0; 4]), &["real numbers", "[4] integers"]);
    fixture.write("g.npy", &npy_i64(&[4], &[5, -1, 5, 5]));
    fixture.succeeds(&[&weights, "data.train.groups=g.npy", "kernel.superposition=true"]);
    for (array, shape) in [("attribution.npy", "(4, 2, 2)"), ("superposition.npy", "(2, 2, 2)")] {
        let bytes = std::fs::read(fixture.path("out").join(array)).expect("an array");
        assert!(String::from_utf8_lossy(&bytes[..128]).contains(shape), "{array}");
    }
    let report = crate::common::report::Report::read(&fixture.path("out"));
    let groups = report.word("/examples/groups").as_array().expect("groups").iter();
    let groups = groups.filter_map(serde_json::Value::as_i64).zip(report.places("/examples/rows"));
    let mut found: Vec<((i64, usize), usize)> = groups.zip(report.places("/examples/columns")).collect();
    found.sort_unstable();
    assert_eq!(found, [((-1, 1), 0), ((5, 3), 1)]);
}

#[test]
fn classes_that_are_none_come_with_a_remedy() {
    let fixture = Fixture::new();
    let key = "data.train.targets";
    refuses_array(&fixture, key, &npy_i64(&[4], &[1, 2, 2, 1]), &["count from 1", "subtract 1"]);
    refuses_array(&fixture, key, &npy_i64(&[4], &[0, -1, 1, 1]), &["training.ignore = -1"]);
    fixture.write("bad.npy", &npy_i64(&[4], &[0, -1, 1, 1]));
    fixture.succeeds(&["data.train.targets=bad.npy", "training.ignore=-1"]);
}

#[test]
fn there_must_be_examples_and_features() {
    let fixture = Fixture::new();
    for key in ["data.train.inputs", "data.query.inputs"] {
        refuses_array(&fixture, key, &npy_f64(&[0, 3], &[]), &["no example"]);
        refuses_array(&fixture, key, &npy_f64(&[4, 0], &[]), &["[4, 0]"]);
        refuses_array(&fixture, key, &npy_f64(&[], &[1.0]), &["no example"]);
    }
    fixture.refuses(&["model.input=[0]"], &["model.input", "at least 1"]);
    fixture.refuses(&["model.input=[]"], &["model.input", "empty"]);
}

#[test]
fn targets_must_fit_the_inputs() {
    let fixture = Fixture::new();
    let key = "data.train.targets";
    refuses_array(&fixture, key, &npy_i64(&[3], &[0; 3]), &["[3]", "x.npy", "4 examples"]);
    refuses_array(&fixture, key, &npy_i64(&[0], &[]), &["[0]", "4 examples"]);
    refuses_array(&fixture, key, &npy_i64(&[], &[1]), &["[]", "4 examples"]);
    refuses_array(&fixture, key, &npy_i64(&[4, 2], &[0; 8]), &["[4, 2]", "one class an example"]);
    let fixture = with_real_targets();
    refuses_array(&fixture, key, &npy_f64(&[4, 3], &[0.0; 12]), &["[4, 3]", "[4, 2]"]);
    refuses_array(&fixture, key, &npy_f64(&[4], &[0.0; 4]), &["[4]", "[4, 2]"]);
    refuses_array(&fixture, key, &npy_f64(&[3, 2], &[0.0; 6]), &["[3, 2]", "4 examples"]);
}

#[test]
fn query_targets_must_fit_the_queries() {
    let fixture = Fixture::new();
    fixture.write("q.npy", &npy_f64(&[2, 3], &[0.0; 6]));
    fixture.write("bad.npy", &npy_i64(&[4], &[0; 4]));
    let queries = "data.query.inputs=q.npy";
    fixture.refuses(&[queries, "data.query.targets=bad.npy"], &["bad.npy", "[4]", "q.npy", "2 examples"]);
    fixture.write("bad.npy", &npy_i64(&[2], &[0, 2]));
    fixture.refuses(&[queries, "data.query.targets=bad.npy"], &["bad.npy", "entry 1 is 2"]);
    fixture.refuses(&["data.query.targets=y.npy"], &["data.query.inputs", "required"]);
}

#[test]
fn classes_are_whole_numbers_of_the_outputs() {
    let fixture = Fixture::new();
    let key = "data.train.targets";
    refuses_array(&fixture, key, &npy_i64(&[4], &[0, 1, 2, 0]), &["entry 2 is 2", "0 to 1"]);
    refuses_array(&fixture, key, &npy_i64(&[4], &[0, -1, 1, 0]), &["entry 1 is -1", "0 to 1"]);
    refuses_array(&fixture, key, &npy_i64(&[4], &[0, 1, i64::MAX, i64::MIN]), &["entry 2"]);
    refuses_array(&fixture, key, &npy_f64(&[4], &[0.0, 1.0, 0.5, 0.0]), &["entry 2 is 0.5", "integer classes"]);
    fixture.write("bad.csv", b"class\n0\n1\n0.5\n1\n");
    fixture.refuses(&["data.train.targets=bad.csv"], &["bad.csv", "integer classes"]);
}

#[test]
fn data_must_be_finite() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut values = [0.5; 12];
        values[7] = bad;
        for key in ["data.train.inputs", "data.query.inputs"] {
            refuses_array(&Fixture::new(), key, &npy_f64(&[4, 3], &values), &["NaN or infinity", "element 7"]);
        }
        let singles = values.map(|value| value as f32);
        refuses_array(&Fixture::new(), "data.train.inputs", &npy_f32(&[4, 3], &singles), &["element 7"]);
        let targets = npy_f64(&[4, 2], &values[..8]);
        refuses_array(&with_real_targets(), "data.train.targets", &targets, &["NaN or infinity", "element 7"]);
    }
    let fixture = Fixture::new();
    fixture.write("bad.csv", b"a,b,c\n1,2,3\n4,nan,6\n7,8,9\n0,inf,0\n");
    fixture.refuses(&["data.train.inputs=bad.csv"], &["bad.csv", "NaN or infinity", "element 4"]);
}

/// Finite as written, but infinite once it is in single precision.
#[test]
fn data_and_weights_must_be_finite_in_the_precision_of_the_run() {
    let fixture = Fixture::new();
    let mut values = [0.5; 12];
    values[5] = -1e39;
    refuses_array(&fixture, "data.train.inputs", &npy_f64(&[4, 3], &values), &["element 5", "-1e39", "f64"]);
    refuses_array(&fixture, "data.query.inputs", &npy_f64(&[4, 3], &values), &["element 5", "-1e39", "f64"]);
    let mut weights = tensors();
    for (_, shape, bytes) in &mut weights {
        *bytes = 1e300f64.to_le_bytes().repeat(shape.iter().product());
    }
    fixture.write("w.safetensors", &safetensors("F64", &weights));
    fixture.refuses(&["model.weights=w.safetensors"], &["w.safetensors", "1e300", "f64"]);
    let fixture = with_real_targets();
    refuses_array(&fixture, "data.train.targets", &npy_f64(&[4, 2], &[1e300; 8]), &["element 0", "1e300", "f64"]);
}

/// A change that makes the weights wrong.
type Spoil = fn(&mut Vec<Tensor>);

#[test]
fn weights_must_fit_the_model() {
    let cases: [(Spoil, &[&str]); 5] = [
        (|tensors| tensors[0] = tensor("0.weight", &[3, 5], 0.0), &["0.weight", "[3, 5]", "[5, 3]"]),
        (|tensors| tensors[1] = tensor("0.bias", &[4], 0.0), &["0.bias", "[4]", "[5]"]),
        (|tensors| drop(tensors.remove(2)), &["2.weight", "[2, 5]", "missing", "nearest", "0.weight"]),
        (|tensors| tensors[3] = tensor("2.bias", &[2], f32::NAN), &["2.bias", "NaN or infinity", "element 0"]),
        (|tensors| tensors[2] = tensor("2.weight", &[2, 5], f32::INFINITY), &["2.weight", "NaN or infinity"]),
    ];
    for (spoil, words) in cases {
        let (fixture, mut tensors) = (Fixture::new(), tensors());
        spoil(&mut tensors);
        fixture.write("w.safetensors", &safetensors("F32", &tensors));
        fixture.refuses(&["model.weights=w.safetensors"], &[words, &["w.safetensors"] as &[&str]].concat());
    }
}

/// Behind a prefix and beside tensors that no layer wants, which is said; the run is the same.
#[test]
fn weights_may_be_wrapped() {
    let fixture = Fixture::new();
    fixture.write("w.safetensors", &safetensors("F32", &tensors()));
    let names = [
        "_orig_mod.module.0.weight",
        "_orig_mod.module.0.bias",
        "_orig_mod.module.2.weight",
        "_orig_mod.module.2.bias",
    ];
    let wrapped = names.into_iter().zip(tensors()).map(|(name, (_, shape, bytes))| (name, shape, bytes));
    let wrapped: Vec<Tensor> = wrapped.chain([tensor("_orig_mod.module.1.mask", &[3], 1.0)]).collect();
    fixture.write("wrapped.safetensors", &safetensors("F32", &wrapped));
    // Outputs change by little, since all weights are equal: too little for f32.
    let double = "run.precision=f64";
    fixture.succeeds(&["model.weights=w.safetensors", double]);
    let output = fixture.run(&["model.weights=wrapped.safetensors", "run.directory=wrapped", double]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let summary = std::fs::read_to_string(fixture.path("wrapped/summary.json")).expect("a summary");
    for words in ["the prefix _orig_mod.module. was taken", "for 1 of the tensors: _orig_mod.module.1.mask"] {
        assert!(said.contains(words) && summary.contains(words), "{words}: {said}");
    }
    let attribution =
        |directory: &str| std::fs::read(fixture.path(&format!("{directory}/attribution.npy"))).expect("it");
    assert_eq!(attribution("out"), attribution("wrapped"));
}

#[test]
fn batches_must_fit_the_steps_and_the_examples() {
    let fixture = Fixture::new();
    let key = "training.batches";
    refuses_array(&fixture, key, &npy_i64(&[2, 2], &[0; 4]), &["2 batches", "training.steps = 3"]);
    refuses_array(&fixture, key, &npy_i64(&[3], &[0; 3]), &["[3]", "[steps, batch]"]);
    refuses_array(&fixture, key, &npy_i64(&[3, 0], &[]), &["[3, 0]", "step 0", "full batches"]);
    refuses_array(&fixture, key, &npy_i64(&[3, 2], &[0, 1, 2, 3, 4, 0]), &["step 2", "example 4", "0 to 3"]);
    refuses_array(&fixture, key, &npy_i64(&[3, 2], &[0, 1, 2, 3, -1, 0]), &["step 2", "example -1", "0 to 3"]);
    refuses_array(&fixture, key, &npy_f64(&[3, 2], &[f64::NAN; 6]), &["integers"]);
    fixture.write("bad.npy", &npy_i64(&[3, 2], &[0; 6]));
    let overrides = ["training.batches=bad.npy", "training.batch_size=3"];
    fixture.refuses(&overrides, &["bad.npy", "2 entries", "training.batch_size = 3"]);
}

/// Weights so small that f32 has no number to divide by: of the same ratios, others would do.
#[test]
fn weights_that_single_precision_cannot_divide_by_are_refused() {
    let fixture = Fixture::with("targets = \"y.npy\"", "targets = \"y.npy\"\nweights = \"w.npy\"");
    let write = |weight: f64| fixture.write("w.npy", &npy_f64(&[4], &[weight; 4]));
    for weight in [1e-40, 1e38] {
        write(weight);
        fixture.refuses(&[], &["weights of step 0's batch", "only their ratios count", "data.train.weights"]);
    }
    fixture.succeeds(&["run.precision=f64"]);
    // What is added up is not divided.
    write(1e-40);
    fixture.succeeds(&["training.reduction=sum", "run.directory=sum"]);
}
