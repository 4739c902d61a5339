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
        ("training.optimizer={typ='sgd'}", &["training.optimizer.typ:", "mean \"type\"", "optimizer.type is required"]),
        ("training.schedule={Type='cosine'}", &["training.schedule.Type:", "mean \"type\""]),
        ("training.optimizer={type='flow', learning_rate=1}", &["learning_rate:", "optimizer.time is required"]),
        ("run.fall_back=true", &["run.fall_back:", "mean \"fallback\""]),
        ("run.memry=5", &["run.memry:", "mean \"memory\""]),
        ("run.storage=zarr", &["run.storage:", "mean \"store\""]),
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
        ("training.loss=rmse", &["training.loss", "\"rmse\"", "mean \"mse\""]),
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
        ("training.steps=-3", &["training.steps", "is -3", "at least 0"]),
        ("training.batch_size=0", &["training.batch_size", "is 0", "at least 1"]),
        ("training.batches=[1]", &["training.batches", "a list of examples for each step"]),
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
fn optimizers_take_their_own_keys_and_values() {
    const OPTIMIZER: &str = "training.optimizer=";
    let cases: [(&str, &[&str]); 12] = [
        ("{ type = 'sgd', learning_rate = 0.1, momentum = -0.5 }", &["optimizer.momentum", "must not be negative"]),
        ("{ type = 'sgd', learning_rate = 0.1, nesterov = true }", &["optimizer.nesterov", "a momentum above 0"]),
        (
            "{ type = 'sgd', learning_rate = 0.1, nesterov = true, momentum = 0.9, dampening = 0.1 }",
            &["optimizer.nesterov", "a dampening of 0"],
        ),
        ("{ type = 'sgd', learning_rate = 0.1, betas = [0.9, 0.99] }", &["optimizer.betas", "unknown key"]),
        ("{ type = 'adam', learning_rate = 0.1, momentum = 0.9 }", &["optimizer.momentum", "unknown key"]),
        ("{ type = 'adam', learning_rate = 0.1, betas = [0.9] }", &["optimizer.betas", "two numbers"]),
        ("{ type = 'adam', learning_rate = 0.1, betas = [0.9, 1.0] }", &["optimizer.betas", "below 1"]),
        ("{ type = 'adamw', learning_rate = 0.1, eps = -1e-8 }", &["optimizer.eps", "must not be negative"]),
        ("{ type = 'adamw' }", &["optimizer.learning_rate", "is required"]),
        ("{ type = 'flow' }", &["optimizer.time", "is required"]),
        ("{ type = 'flow', time = 0.0 }", &["optimizer.time", "above 0"]),
        ("{ type = 'flow', time = 1.0, weight_decay = 0.1 }", &["optimizer.weight_decay", "unknown key"]),
    ];
    let fixture = Fixture::new();
    for (optimizer, words) in cases {
        fixture.refuses(&[&format!("{OPTIMIZER}{optimizer}")], words);
    }
}

#[test]
fn schedules_and_clipping_are_checked() {
    refuses_overrides(&[
        ("training.schedule={ type = 'step', every = 0, factor = 0.5 }", &["schedule.every", "at least 1"]),
        ("training.schedule={ type = 'step', factor = 0.5 }", &["schedule.every", "is required"]),
        ("training.schedule={ type = 'step', every = 2, factor = 0 }", &["schedule.factor", "above 0"]),
        ("training.schedule={ type = 'cosine', finale = 0.1 }", &["schedule.finale", "mean \"final\""]),
        ("training.schedule={ type = 'cosine', warmup = -1 }", &["schedule.warmup"]),
        ("training.schedule={ type = 'linear' }", &["schedule.type", "constant, step, cosine"]),
        ("training.learning_rates=[0.1, 0.2]", &["training.learning_rates", "has 2 rates", "steps = 3"]),
        ("training.learning_rates=[0.1, -0.2, 0.1]", &["training.learning_rates", "none may be negative"]),
        ("training.learning_rates=rates.npy", &["training.learning_rates:", "must be a list"]),
        ("training.clip_norm=-1.0", &["training.clip_norm", "must not be negative"]),
        ("training.batches=[[0], [1], [9]]", &["training.batches", "step 2 names example 9"]),
        ("training.batches=[[0], [1]]", &["training.batches", "has 2 batches", "steps = 3"]),
        ("training.batches=[[0], [], [1]]", &["training.batches", "step 1 has no example", "leave the step out"]),
    ]);
}

/// What is wrong in the record of an imported path is wrong there, not in the run file.
#[test]
fn a_record_is_named_where_it_is_wrong() {
    let fixture = Fixture::imported();
    fixture.write("r.json", br#"{"batches": [[]]}"#);
    fixture.refuses(&["trajectory.record=r.json"], &["r.json: batches: step 0 has no example"]);
    fixture.refuses(&["trajectory.record=r.json", "training.clip_norm=-1.0"], &["run.toml: training.clip_norm"]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let cases: [(&[&str], &[&str]); 20] = [
        (&["training.optimizer.momentum=0.9", "kernel.kernel=full"], &["kernel.kernel", "set it to \"none\""]),
        (
            &["training.optimizer={ type = 'adam', learning_rate = 0.1 }", "kernel.kernel=trace"],
            &["kernel.kernel", "the attribution is as exact"],
        ),
        (&["training.optimizer={ type = 'flow', time = 1.0 }"], &["training.steps", "gradient flow", "remove it"]),
        (
            &["kernel.readout=probabilities", "training.loss=squared_error"],
            &["kernel.readout", "cross_entropy and logistic"],
        ),
        (&["kernel.readout=target", "training.loss=squared_error"], &["kernel.readout", "the loss cross_entropy"]),
        (&["kernel.readout=loss", "data.query.inputs=x.npy"], &["data.query.targets", "is required"]),
        (&["kernel.readout=margin", "kernel.kernel=trace"], &["kernel.kernel", "use full"]),
        (&["kernel.superposition_vectors=[0]"], &["superposition_vectors", "kernel.superposition = true"]),
        (&["kernel.superposition=true", "kernel.superposition_vectors=[4]"], &["superposition_vectors", "example 4"]),
        (&["trajectory.every=0"], &["trajectory.every", "at least 1"]),
        (&["trajectory.record=r.json"], &["trajectory.record", "trajectory.import"]),
        (&["trajectory.import=gone/*.safetensors"], &["gone"]),
        (&["trajectory.import=gone.safetensors", "trajectory.every=2"], &["trajectory.every", "an imported path"]),
        (
            &["trajectory.import=gone.safetensors", "model.weights=w.safetensors"],
            &["model.weights", "first checkpoint"],
        ),
        (&["training.smoothing=0.1", "training.loss=mse"], &["training.smoothing", "losses of classes"]),
        (&["training.delta=2", "training.loss=mse"], &["training.delta", "training.loss = \"huber\""]),
        (&["kernel.readout={ type = 'target', positions = [1] }"], &["kernel.readout", "positions 0 to 0"]),
        (&["kernel.readout=difference"], &["kernel.readout", "classes = [a, b]"]),
        (&["training.class_weights=[1, 2, 3]"], &["training.class_weights", "give one, or 2"]),
        (&["trajectory.importt=x"], &["trajectory.importt", "mean \"import\""]),
    ];
    let fixture = Fixture::new();
    for (overrides, words) in cases {
        fixture.refuses(overrides, words);
    }
}

/// What gradient flow has no use for is an error that names it.
#[test]
fn gradient_flow_takes_the_full_batch_and_the_rule_gauss() {
    let fixture = Fixture::with(
        "optimizer = { type = \"sgd\", learning_rate = 0.1 }\nsteps = 3",
        "optimizer = { type = \"flow\", time = 0.5, tolerance = 1e-5 }",
    );
    for key in ["clip_norm=1.0", "steps=3", "batch_size=2", "batches=b.npy", "schedule={ type = 'constant' }"] {
        let name = key.split('=').next().unwrap_or_default();
        fixture.refuses(&[&format!("training.{key}")], &[&format!("training.{name}"), "gradient flow"]);
    }
    fixture.refuses(&["kernel.rule=left"], &["kernel.rule", "use gauss"]);
    fixture.refuses(&["kernel.rule=adaptive"], &["kernel.rule", "use gauss"]);
    fixture.refuses(&["trajectory.every=2"], &["trajectory.every", "its own path"]);
    fixture.refuses(&["trajectory.import=c.safetensors"], &["trajectory.import", "its own path"]);
    fixture.succeeds(&["kernel.kernel=full", "kernel.coefficients=true"]);
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

/// What a run was told of its memory and its devices stands in its record, with every default.
#[test]
fn memory_and_devices_are_read() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run.memory=1.5 GiB", "run.fallback=true"]);
    let record = std::fs::read_to_string(fixture.path("out/run.toml")).expect("a record");
    for line in ["memory = 1610612736", "fallback = true", "store = \"npy\""] {
        assert!(record.lines().any(|own| own == line), "{record}");
    }
    // Falling back or not is no other run.
    fixture.succeeds(&["run.memory=1610612736"]);
    for memory in ["0", "-1", "\"\"", "much", "3 XB", "true", "1.5"] {
        fixture.refuses(&[&format!("run.memory={memory}")], &["run.memory"]);
    }
    fixture.refuses(&["run.store=zar"], &["run.store", "mean \"zarr\""]);
    fixture.refuses(&["run.fallback=1"], &["run.fallback", "true or false"]);
    fixture.refuses(&["run.precision=f64", "run.device=gpu:all"], &["run.precision", "CPU", "run.device"]);
}

/// A number of nodes that the rule does not use would be passed over.
#[test]
fn nodes_belong_to_one_rule() {
    let cases: [(&[&str], [&str; 2]); 3] = [
        (&["kernel.rule=auto", "kernel.nodes=3"], ["kernel.nodes", "\"auto\""]),
        (&["kernel.rule=left", "kernel.nodes=3"], ["kernel.nodes", "\"left\""]),
        (&["kernel.rule=adaptive", "kernel.nodes=3"], ["kernel.nodes", "\"adaptive\""]),
    ];
    let fixture = Fixture::new();
    for (overrides, words) in cases {
        fixture.refuses(overrides, &[&words[..], &["run.toml", "remove it"]].concat());
    }
    // Nothing on the command line takes a key of the file away.
    fixture.replace("steps = 3", "steps = 3\n[kernel]\nnodes = 2");
    fixture.refuses(&["kernel.rule=left"], &["kernel.nodes", "remove it"]);
}

/// The record of a run is a run file for it.
#[test]
fn the_record_of_every_rule_is_read_again() {
    for (overrides, line) in [
        (&["kernel.rule=left"] as &[&str], "rule = \"left\""),
        (&["kernel.nodes=2"], "nodes = 2"),
        (&["kernel.rule=adaptive", "kernel.tolerance=1e-4"], "tolerance = 0.0001"),
    ] {
        let fixture = Fixture::new();
        let accept = "kernel.accept=1e3";
        let overrides = &[overrides, &[accept]].concat();
        fixture.succeeds(overrides);
        let record = std::fs::read_to_string(fixture.path("out/run.toml")).expect("a record");
        assert!(record.lines().any(|own| own == line), "{record}");
        let kernel = record.split("[kernel]").nth(1).expect("the section");
        let own = ["nodes = ", "tolerance = "].iter().filter(|key| kernel.contains(**key)).count();
        assert_eq!(own, usize::from(!line.contains("left")), "{record}");
        fixture.succeeds(overrides);
        let again = fixture.pathkernel(&["run", "out/run.toml"]);
        assert!(again.status.success(), "{}", crate::fixture::stderr(&again));
    }
    let flow = Fixture::flow();
    flow.succeeds(&["kernel.nodes=2"]);
    flow.succeeds(&["kernel.nodes=2"]);
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
