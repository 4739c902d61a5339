//! Run files that say what cannot be.

use crate::files::*;
use crate::refused;

#[test]
fn shapes_that_do_not_fit() {
    let case = Case::good();
    case.write("five.npy", npy(&[6, 5], &[0.0; 30]));
    refused(&case, &["data.train.inputs=five.npy"], &["five.npy", "[6, 5]", "[1, 2, 2]"]);
    case.write("short.npy", npy_integers(&[5], &[0; 5]));
    refused(&case, &["data.train.targets=short.npy"], &["short.npy", "[5]", "6"]);
    refused(&case, &["data.query.targets=short.npy"], &["short.npy", "[5]", "2"]);
    case.write("real.npy", npy(&[6, 2], &[0.0; 12]));
    refused(&case, &["training.loss=squared_error", "data.train.targets=real.npy"], &["real.npy", "[6, 2]", "[6, 3]"]);
    case.write("none.npy", npy(&[0, 4], &[]));
    refused(&case, &["data.train.inputs=none.npy"], &["none.npy", "no example"]);
}

#[test]
fn weights_that_do_not_fit() {
    let case = Case::good();
    let mut wrong = good_weights();
    wrong[2] = ("3.weight", &[18, 3], vec![0.0; 54]);
    let missing = good_weights().into_iter().take(3).collect::<Vec<_>>();
    let mut extra = good_weights();
    extra.push(("7.weight", &[2], vec![0.0; 2]));
    for (tensors, words) in [
        (wrong, ["3.weight", "[18, 3]"]),
        (missing, ["3.bias", "w.safetensors"]),
        (extra, ["7.weight", "w.safetensors"]),
    ] {
        case.write("w.safetensors", safetensors(&tensors));
        refused(&case, &["model.weights=w.safetensors"], &words);
    }
}

#[test]
fn classes_and_batches_out_of_range() {
    let case = Case::good();
    for (bad, word) in [(3, "3"), (-1, "-1")] {
        case.write("bad.npy", npy_integers(&[6], &[0, 1, bad, 0, 1, 2]));
        refused(&case, &["data.train.targets=bad.npy"], &["bad.npy", "entry 2", word]);
        refused(&case, &["data.query.targets=bad.npy"], &["bad.npy"]);
    }
    case.write("real.npy", npy(&[6], &[0.0, 1.0, 0.5, 0.0, 1.0, 2.0]));
    refused(&case, &["data.train.targets=real.npy"], &["real.npy", "integer classes"]);
    case.write("order.npy", npy_integers(&[3, 2], &[0, 1, 2, 6, 4, 5]));
    refused(&case, &["training.batches=order.npy"], &["order.npy", "step 1", "6"]);
    case.write("order.npy", npy_integers(&[2, 2], &[0, 1, 2, 3]));
    refused(&case, &["training.batches=order.npy"], &["order.npy", "2 batches", "3"]);
    case.write("order.npy", npy_integers(&[3, 2], &[0, 1, 2, 3, 4, 5]));
    refused(&case, &["training.batches=order.npy", "training.batch_size=3"], &["order.npy", "batch_size"]);
}

#[test]
fn unknown_words_with_the_nearest_known_one() {
    let cases = [
        ("steps = 3", "stepz = 3", "steps"),
        ("learning_rate", "learning_rat", "learning_rate"),
        (r#""tanh""#, r#""tanhh""#, "tanh"),
        (r#""conv2d""#, r#""conv2""#, "conv2d"),
        ("kernel = 2", "kernal = 2", "kernel"),
        (r#""cross_entropy""#, r#""crossentropy""#, "cross_entropy"),
        ("[kernel]", "[kernels]", "kernel"),
    ];
    for (from, to, nearest) in cases {
        let case = Case::good();
        case.replace(from, to);
        refused(&case, &[], &["run.toml", nearest]);
    }
    refused(&Case::good(), &["run.devise=cpu"], &["devise", "device"]);
    refused(&Case::good(), &["training.steps.more=1"], &["training.steps.more"]);
}

#[test]
fn values_that_cannot_be() {
    let cases = [
        ("training.steps=0", "steps"),
        ("training.steps=-4", "steps"),
        ("training.steps=1.5", "steps"),
        ("training.steps=many", "steps"),
        ("training.batch_size=0", "batch_size"),
        ("training.optimizer.learning_rate=0", "learning_rate"),
        ("training.optimizer.learning_rate=-1.0", "learning_rate"),
        ("training.optimizer.learning_rate=nan", "learning_rate"),
        ("training.optimizer.weight_decay=-0.1", "weight_decay"),
        ("model.input=[1, 2, 0]", "input"),
        ("model.input=[]", "input"),
        ("model.layers=[]", "layers"),
        (r#"model.layers=[{ type = "linear", features = 0 }]"#, "features"),
        (
            r#"model.layers=[{ type = "conv2d", channels = 2, kernel = 1 }, { type = "max_pool2d", kernel = 3 }]"#,
            "does not fit",
        ),
        (r#"model.layers=[{ type = "conv2d", channels = 1, kernel = 5 }]"#, "does not fit"),
        (r#"model.layers=[{ type = "conv2d", channels = 1, kernel = 1, stride = 0 }]"#, "stride"),
        (
            r#"model.layers=[{ type = "flatten" }, { type = "linear", features = 4 }, { type = "avg_pool2d", kernel = 2 }]"#,
            "avg_pool2d",
        ),
        (r#"model.layers=[{ type = "linear", features = 3 }, { type = "add", from = 5 }]"#, "from"),
        (
            r#"model.layers=[{ type = "flatten" }, { type = "linear", features = 3 }, { type = "add", from = -1 }]"#,
            "add",
        ),
        ("kernel.nodes=0", "nodes"),
        ("kernel.coefficients=true", "coefficients"),
        ("run.seed=-1", "seed"),
        ("run.precision=f16", "precision"),
        ("run.directory=x.npy", "x.npy"),
    ];
    for (setting, word) in cases {
        refused(&Case::good(), &[setting], &[word]);
    }
    refused(&Case::good(), &["run.device=gpu", "run.precision=f64"], &["f64", "device"]);
    let case = Case::good();
    case.replace("steps = 3", "steps = = 3");
    refused(&case, &[], &["run.toml", "line 22"]);
}

#[test]
fn what_later_versions_will_do() {
    for setting in [
        "training.optimizer.momentum=0.9",
        "training.optimizer.nesterov=true",
        "training.optimizer.type=adam",
        "training.optimizer.type=flow",
        "training.clip_norm=1.0",
        r#"training.schedule={ type = "cosine", final = 0.0 }"#,
        "kernel.rule=adaptive",
        "kernel.readout=margin",
    ] {
        refused(&Case::good(), &[setting], &["not supported yet"]);
    }
}

#[test]
fn plans_that_do_not_fit() {
    // A weight matrix, a trajectory and a kernel that no machine has room for.
    for setting in [
        r#"model.layers=[{ type = "flatten" }, { type = "linear", features = 1000000000000 }, { type = "linear", features = 3 }]"#,
        "training.steps=1000000000000000",
        "model.input=[4611686018427387904, 4]",
    ] {
        refused(&Case::good(), &[setting], &[]);
    }
}

#[test]
fn command_lines_that_make_no_sense() {
    let case = Case::good();
    for arguments in
        [&["run"][..], &["run", "training.steps=3"], &["fly"], &["run", "--fast", "run.toml"], &["report", "."]]
    {
        let output = case.command(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty() && !case.path("out").exists());
    }
}
