//! Run files and command lines that are wrong in themselves.

use crate::fixture::Fixture;

/// The good run file with each text replaced in turn; the message must name the file and say each of the words.
fn refuses_texts(cases: &[(&str, &str, &[&str])]) {
    let fixture = Fixture::new();
    for (from, to, words) in cases {
        fixture.replace(from, to);
        fixture.refuses(&[], &[words, &["run.toml"] as &[&str]].concat());
    }
}

/// Each override in turn; the message must say each of the words.
fn refuses_overrides(cases: &[(&str, &[&str])]) {
    let fixture = Fixture::new();
    for (text, words) in cases {
        fixture.refuses(&[text], words);
    }
}

#[test]
fn invalid_toml_names_the_line() {
    refuses_texts(&[
        ("steps = 3", "steps = ", &["line 20"]),
        ("steps = 3", "steps 3", &["line 20"]),
        ("[model]", "[model", &["line 9"]),
        ("steps = 3", "steps = 3\nsteps = 4", &["line 21", "duplicate key"]),
        ("\"out\"", "\"out", &["line 2"]),
        ("[data.train]", "[run]", &["line 5"]),
        ("steps = 3", "steps = 99999999999999999999", &["line 20"]),
    ]);
    let fixture = Fixture::new();
    fixture.write("run.toml", b"[run]\ndirectory = \"\xff\"\n");
    fixture.refuses(&[], &["run.toml", "UTF-8"]);
    fixture.write("folder.toml/file", b"");
    fixture.refuses_command(&["run", "folder.toml"], &["folder.toml", "cannot be read"]);
}

#[test]
fn an_unknown_key_names_the_nearest() {
    refuses_texts(&[
        ("learning_rate", "learning_rat", &["training.optimizer.learning_rate", "required"]),
        ("steps = 3", "steps = 3\nbatchsize = 2", &["training.batchsize", "mean \"batch_size\""]),
        ("[training]", "[kernal]\nnodes = 3\n[training]", &["kernal", "mean \"kernel\""]),
        ("device =", "devise =", &["run.devise", "mean \"device\""]),
        ("steps = 3", "stps = 3", &["training.stps", "mean \"steps\"", "training.steps is required"]),
        ("loss =", "los =", &["training.los:", "mean \"loss\"", "training.loss is required"]),
        ("features = 5", "feature = 5", &["model.layers[0].feature:", "mean \"features\""]),
        ("[training]", "[trainning]", &["trainning:", "mean \"training\""]),
        ("[data.train]", "[data.trian]", &["data.trian:", "mean \"train\""]),
        ("[data.train]", "[data.querry]\n[data.train]", &["data.querry", "mean \"query\""]),
    ]);
    refuses_overrides(&[
        ("training.optimizer.learning_rat=0.2", &["training.optimizer.learning_rat:", "mean \"learning_rate\""]),
        ("training.step=5", &["training.step:", "mean \"steps\""]),
        ("kernel.node=5", &["kernel.node:", "mean \"nodes\""]),
        ("trainig.steps=5", &["trainig", "mean \"training\""]),
        ("steps=5", &["steps", "unknown key"]),
        ("model.layers.0.features=5", &["model.layers.0.features=5", "layers is not a table"]),
        ("run.device.name=x", &["run.device.name=x", "device is not a table"]),
        ("training.=5", &["training.=5", "key is empty"]),
    ]);
}

#[test]
fn an_unknown_word_names_the_nearest() {
    refuses_overrides(&[
        ("training.loss=crossentropy", &["training.loss", "mean \"cross_entropy\"", "squared_error"]),
        ("training.loss=mse", &["training.loss", "\"mse\"", "squared_error"]),
        ("training.reduction=average", &["training.reduction", "mean, sum"]),
        ("training.optimizer.type=sdg", &["training.optimizer.type", "mean \"sgd\""]),
        ("training.schedule.type=cosin", &["training.schedule.type", "mean \"cosine\""]),
        ("kernel.rule=gaus", &["kernel.rule", "mean \"gauss\""]),
        ("kernel.kernel=diag", &["kernel.kernel", "mean \"diagonal\""]),
        ("kernel.readout=probability", &["kernel.readout", "mean \"probabilities\""]),
        ("run.precision=f16", &["run.precision", "f32, f64"]),
    ]);
}

#[test]
fn a_wrong_type_or_value_names_the_key() {
    refuses_overrides(&[
        ("run.directory=3", &["run.directory", "string, not integer"]),
        ("run.seed=-1", &["run.seed", "at least 0"]),
        ("run.seed=0.5", &["run.seed", "whole number"]),
        ("run=3", &["run", "table, not integer"]),
        ("data.train=x.npy", &["data.train", "table, not string"]),
        ("data.train.inputs=3", &["data.train.inputs", "string, not integer"]),
        ("model.input=3", &["model.input", "list of sizes"]),
        ("model.input=['a']", &["model.input", "whole number"]),
        ("model.weights=true", &["model.weights", "string, not boolean"]),
        ("training.steps=many", &["training.steps", "whole number"]),
        ("training.steps=2.0", &["training.steps", "whole number"]),
        ("training.steps=", &["training.steps", "whole number"]),
        ("training.steps=0", &["training.steps", "is 0", "at least 1"]),
        ("training.steps=-3", &["training.steps", "is -3", "at least 1"]),
        ("training.batch_size=0", &["training.batch_size", "is 0", "at least 1"]),
        ("training.batches=[1]", &["training.batches", "string, not array"]),
        ("training.optimizer=sgd", &["training.optimizer", "table, not string"]),
        ("training.optimizer.learning_rate=fast", &["training.optimizer.learning_rate", "number, not string"]),
        ("training.optimizer.learning_rate=0", &["training.optimizer.learning_rate", "above 0"]),
        ("training.optimizer.learning_rate=-0.1", &["training.optimizer.learning_rate", "above 0"]),
        ("training.optimizer.learning_rate=nan", &["training.optimizer.learning_rate", "finite"]),
        ("training.optimizer.learning_rate=inf", &["training.optimizer.learning_rate", "finite"]),
        ("training.optimizer.weight_decay=-0.1", &["training.optimizer.weight_decay", "negative"]),
        ("kernel.nodes=0", &["kernel.nodes", "at least 1"]),
        ("kernel.nodes=4097", &["kernel.nodes", "at most 4096"]),
        ("kernel.tolerance=0", &["kernel.tolerance", "above 0"]),
        ("kernel.tolerance=-1e-6", &["kernel.tolerance", "-1e-6", "above 0"]),
        (
            "training.optimizer.learning_rate=1e400",
            &["training.optimizer.learning_rate", "1e400", "out of a number's range"],
        ),
        (
            "training.optimizer.learning_rate=99999999999999999999",
            &["training.optimizer.learning_rate", "99999999999999999999", "out of a number's range"],
        ),
        ("training.optimizer.learning_rate='0.1'", &["training.optimizer.learning_rate", "number, not string"]),
        ("kernel.attribution=yes", &["kernel.attribution", "true or false, not string"]),
        ("kernel.attribution=false", &["kernel.kernel", "nothing to compute"]),
        ("kernel.coefficients=true", &["kernel.coefficients", "diagonal", "full"]),
        ("kernel.tangent=true", &["kernel.tangent", "trace, diagonal or full"]),
    ]);
    let fixture = Fixture::new();
    fixture.refuses(&["run.precision=f64", "run.device=gpu"], &["run.precision", "CPU", "run.device"]);
    fixture.refuses(&["run.precision=mixed", "run.device=cpu"], &["run.precision", "GPU", "run.device"]);
}

#[test]
fn a_required_key_is_asked_for() {
    refuses_texts(&[
        ("directory = \"out\"", "", &["run.directory", "required"]),
        ("inputs = \"x.npy\"", "", &["data.train.inputs", "required"]),
        ("targets = \"y.npy\"", "", &["data.train.targets", "required"]),
        ("input = [3]", "", &["model.input", "required"]),
        ("loss = \"cross_entropy\"", "", &["training.loss", "required"]),
        ("optimizer =", "#", &["training.optimizer", "required"]),
        ("type = \"sgd\", ", "", &["training.optimizer.type", "required"]),
        (", learning_rate = 0.1", "", &["training.optimizer.learning_rate", "required"]),
        ("steps = 3", "", &["training.steps", "required"]),
    ]);
}

/// What the format knows and this version does not compute is said, not passed over.
#[test]
fn what_is_not_supported_yet_is_said() {
    refuses_overrides(&[
        ("training.optimizer.momentum=0.9", &["training.optimizer.momentum", "not supported yet"]),
        ("training.optimizer.dampening=0.1", &["training.optimizer.dampening", "not supported yet"]),
        ("training.optimizer.nesterov=true", &["training.optimizer.nesterov", "not supported yet"]),
        (
            "training.optimizer={ type = 'adam', learning_rate = 0.1 }",
            &["training.optimizer.type", "not supported yet"],
        ),
        ("training.optimizer={ type = 'adamw', learning_rate = 0.1 }", &["adamw", "not supported yet"]),
        ("training.optimizer={ type = 'flow', time = 1.0 }", &["flow", "not supported yet"]),
        ("training.schedule={ type = 'step', every = 2, factor = 0.5 }", &["training.schedule", "not supported yet"]),
        ("training.schedule={ type = 'cosine', final = 0.1 }", &["training.schedule", "not supported yet"]),
        ("training.schedule={ type = 'constant', warmup = 2 }", &["training.schedule", "not supported yet"]),
        ("training.clip_norm=1.0", &["training.clip_norm", "not supported yet"]),
        ("kernel.rule=adaptive", &["kernel.rule", "adaptive", "not supported yet"]),
        ("kernel.readout=probabilities", &["kernel.readout", "not supported yet"]),
        ("kernel.readout=loss", &["kernel.readout", "not supported yet"]),
        ("kernel.readout=margin", &["kernel.readout", "not supported yet"]),
    ]);
}

#[test]
fn a_command_line_without_a_run_file_is_refused() {
    let fixture = Fixture::new();
    fixture.refuses_command(&["run"], &["FILE"]);
    fixture.refuses_command(&["run", "training.steps=5"], &["no run file"]);
    fixture.refuses_command(&["run", "run.toml", "--stepz"], &["--stepz"]);
    fixture.refuses_command(&["rum", "run.toml"], &["rum", "run"]);
    fixture.refuses_command(&["plan", "run.toml", "training.step=5"], &["training.step:", "mean \"steps\""]);
    fixture.refuses_command(&["plan", "gone.toml"], &["gone.toml", "no such run file"]);
}

/// An empty name, or one that no system takes.
#[test]
fn a_name_that_is_none_names_the_key() {
    for key in [
        "run.directory",
        "run.device",
        "data.train.inputs",
        "data.train.targets",
        "data.query.inputs",
        "model.weights",
        "training.batches",
    ] {
        for (value, word) in [("", "is empty"), ("\"\"", "is empty"), ("\"a\\u0000b\"", "zero byte")] {
            Fixture::new().refuses(&[&format!("{key}={value}")], &[key, word]);
        }
    }
    Fixture::new().refuses(&["data.query.inputs=x.npy", "data.query.targets="], &["data.query.targets", "is empty"]);
}

/// A number that single precision does not hold.
#[test]
fn a_rate_that_vanishes_in_f32_is_refused() {
    let fixture = Fixture::new();
    for (text, words) in [
        ("training.optimizer.learning_rate=1e-50", ["training.optimizer.learning_rate", "1e-50", "rounds to 0 in f32"]),
        ("training.optimizer.learning_rate=1e39", ["training.optimizer.learning_rate", "1e39", "infinite in f32"]),
        ("training.optimizer.weight_decay=1e39", ["training.optimizer.weight_decay", "1e39", "infinite in f32"]),
    ] {
        fixture.refuses(&[text], &words);
    }
    fixture.succeeds(&["training.optimizer.learning_rate=1e-50", "run.precision=f64"]);
}

#[test]
fn a_rule_may_have_many_nodes() {
    Fixture::new().succeeds(&["kernel.nodes=300", "kernel.kernel=full"]);
}

/// Of several run files, the message says which.
#[test]
fn errors_name_their_run_file() {
    let fixture = Fixture::new();
    let text = |from: &str, to: &str| crate::fixture::RUN_FILE.replace(from, to).into_bytes();
    fixture.write("layers.toml", &text("{ type = \"tanh\" }", "{ type = \"max_pool2d\", kernel = 2 }"));
    fixture.write("data.toml", &text("x.npy", "gone.npy"));
    fixture.write("key.toml", &text("steps", "stps"));
    let output = fixture.pathkernel(&["run", "layers.toml", "data.toml", "key.toml"]);
    let message = crate::fixture::stderr(&output);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!((output.status.code(), lines.len()), (Some(2), 3), "{message}");
    for (line, words) in
        lines.iter().zip([["layers.toml: model.layers[1]", ""], ["data.toml: ", "gone.npy"], ["key.toml: ", "stps"]])
    {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
        assert_eq!(line.matches(".toml").count(), 1, "{line}");
    }
}
