//! Verdicts: what people leave unsaid of a recorded path, the cause that is named, and the remedy that makes it exact. The paths are
//! PyTorch's (tests/verdicts/make.py).

use crate::bytes::{Tensor, safetensors};
use crate::common::folder::Folder;
use crate::fixture::{Fixture, stderr, stdout};
use std::fs;
use std::path::Path;

const LAYERS: &str = r#"[{ type = "linear", features = 8 }, { type = "tanh" }, { type = "linear", features = 3 }]"#;
const SGD: &str = "training.optimizer={ type = 'sgd', learning_rate = 0.2 }";
const MOMENTUM: &str = "training.optimizer={ type = 'sgd', learning_rate = 0.2, momentum = 0.9 }";
const ADAM: &str = "training.optimizer={ type = 'adam', learning_rate = 0.02 }";

/// A recorded path, with the run file that says plain gradient descent.
struct Recorded {
    folder: Folder,
}

impl Recorded {
    fn new(import: &str) -> Self {
        let (folder, data) = (Folder::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts"));
        let data = data.display();
        let run_file = format!(
            "[run]\ndirectory = \"out\"\ndevice = \"cpu\"\nprecision = \"f64\"\n[data.train]\ninputs = \"{data}/x.npy\"\n\
             targets = \"{data}/y.npy\"\n[data.query]\ninputs = \"{data}/q.npy\"\n[model]\ninput = [6]\nlayers = {LAYERS}\n\
             [training]\nloss = \"cross_entropy\"\noptimizer = {{ type = \"sgd\", learning_rate = 0.2 }}\nsteps = 16\n\
             [trajectory]\nimport = \"{data}/{import}\"\n[kernel]\nnodes = 8\n"
        );
        folder.write("run.toml", run_file.as_bytes());
        Self { folder }
    }

    /// The run must end with a verdict and with its exit code, and so must `check` and the same run again; all of them say it last.
    /// Gives the reason.
    fn ends(&self, overrides: &[&str], verdict: &str) -> String {
        let code = if verdict == "exact" { 0 } else { 3 };
        let command = [&["run", "run.toml"], overrides].concat();
        let mut said = Vec::new();
        for arguments in [&command[..], &["check", "out"], &command[..]] {
            let output = self.folder.pathkernel(arguments);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
            said.push(stdout(&output).lines().last().unwrap_or_default().to_owned());
        }
        let summary = fs::read(self.folder.path("out/summary.json")).expect("the run wrote it");
        let summary: serde_json::Value = serde_json::from_slice(&summary).expect("it is JSON");
        assert_eq!(summary["verdict"], verdict, "{summary}");
        let because = summary["because"].as_str().expect("a sentence").to_owned();
        let line = format!("verdict           {verdict}: {because}");
        // Of an exact run, the residual made again has other roundings.
        let same = if verdict == "exact" { "verdict           exact: the largest residual is " } else { &line };
        assert!(said[0] == line && said.iter().all(|own| own.starts_with(same)), "{said:?}");
        let report = fs::read_to_string(self.folder.path("out/report.html")).expect("the run wrote it");
        assert!(report.contains(&format!("class=\"verdict {verdict}\"")), "{verdict} is not in the report");
        fs::remove_dir_all(self.folder.path("out")).expect("a folder of its own");
        because
    }
}

/// A path that the run file does not explain: each of some words is in the reason.
fn unexplained(import: &str, overrides: &[&str], words: &[&str]) -> Recorded {
    let recorded = Recorded::new(import);
    let because = recorded.ends(overrides, "unexplained");
    for word in words {
        assert!(because.contains(word), "{import} {overrides:?}: no {word:?} in: {because}");
    }
    recorded
}

#[test]
fn a_path_that_is_said_right_is_exact() {
    Recorded::new("plain.safetensors").ends(&[], "exact");
    Recorded::new("plain.safetensors").ends(&["run.precision=f32"], "exact");
}

#[test]
fn checkpoints_without_a_copy_stand_still() {
    unexplained("still.safetensors", &[], &["no tensor moves", "copy.deepcopy"]);
}

#[test]
fn frozen_tensors_are_named() {
    let words = ["0.weight, 0.bias never moved", r#"model.frozen = ["0.*"]"#];
    unexplained("frozen.safetensors", &[], &words).ends(&["model.frozen=['0.*']"], "exact");
}

/// Each part of a path that is cut where a layer was frozen is exact by itself.
#[test]
fn tensors_that_are_frozen_later_are_named() {
    let words = ["0.weight, 0.bias stand still from step 6 on", "as two runs"];
    unexplained("frozen_later.safetensors", &[], &words);
}

#[test]
fn tied_tensors_are_named() {
    let layers = |last: &str| {
        let linear = "{ type = 'linear', features = 6";
        let tanh = "{ type = 'tanh' }";
        format!("model.layers=[{linear} }}, {tanh}, {linear}{last} }}, {tanh}, {{ type = 'linear', features = 3 }}]")
    };
    let words =
        ["0.weight and 2.weight stay equal", "weight = \"0.weight\" in the layer of 2.weight", "bias = \"0.bias\""];
    let recorded = unexplained("tied.safetensors", &[&layers("")], &words);
    recorded.ends(&[&layers(", weight = '0.weight', bias = '0.bias'")], "exact");
}

#[test]
fn rates_are_told() {
    let words = ["from step 6 on: the recorded steps are 0.1 times those of the optimizer", "training.learning_rates"];
    let rates = format!("training.learning_rates={:?}", [vec![0.2; 6], vec![0.02; 10]].concat());
    unexplained("schedule.safetensors", &[], &words).ends(&[&rates], "exact");
    unexplained("schedule.safetensors", &["run.precision=f32"], &words);
    unexplained("warmup.safetensors", &[], &["times 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, …", "schedule"]);
    let words = ["0.25 times", "the learning rate was 0.05"];
    unexplained("rate.safetensors", &[], &words).ends(&["training.optimizer.learning_rate=0.05"], "exact");
    let groups = "training.optimizer={ type = 'sgd', learning_rate = 0.2, groups = [{ parameters = ['2.*'], learning_rate = 0.02 }] }";
    unexplained("groups.safetensors", &[], &["of 2.weight, 2.bias 0.1 times", "optimizer.groups"])
        .ends(&[groups], "exact");
    unexplained("clipped.safetensors", &[], &["training.clip_norm = 0.2"]).ends(&["training.clip_norm=0.2"], "exact");
    unexplained("plain.safetensors", &["training.reduction=sum"], &["0.04167 times", "the other of mean and sum"]);
}

#[test]
fn momenta_are_told() {
    let more = |numbers: &str| format!("training.optimizer={{ type = 'sgd', learning_rate = 0.2, {numbers} }}");
    let cases = [
        ("momentum", SGD, "momentum = 0.9", "momentum = 0.9"),
        ("plain", MOMENTUM, "momentum = 0.0", "momentum = 0.0"),
        ("nesterov", SGD, "nesterov = true with momentum = 0.9", "momentum = 0.9, nesterov = true"),
        ("nesterov", MOMENTUM, "nesterov = true with momentum = 0.9", "momentum = 0.9, nesterov = true"),
        ("dampening", SGD, "momentum = 0.9 and dampening = 0.5", "momentum = 0.9, dampening = 0.5"),
        ("momentum_decay", SGD, "momentum = 0.9 and weight_decay = 0.05", "momentum = 0.9, weight_decay = 0.05"),
        ("momentum_decay", MOMENTUM, "momentum = 0.9 and weight_decay = 0.05", "momentum = 0.9, weight_decay = 0.05"),
    ];
    for (path, given, words, right) in cases {
        let recorded =
            unexplained(&format!("{path}.safetensors"), &[given], &[&format!("the steps are those of {words};")]);
        recorded.ends(&[&more(right)], "exact");
    }
}

/// Two numbers that are wrong at once are both told, or none: what explains some steps alone is no cause.
#[test]
fn no_cause_is_named_that_leaves_a_step() {
    let rate = "training.optimizer={ type = 'sgd', learning_rate = 0.4 }";
    let right = "training.optimizer={ type = 'sgd', learning_rate = 0.2, momentum = 0.9 }";
    unexplained("momentum.safetensors", &[rate], &["the steps are those of momentum = 0.9 and learning_rate = 0.2;"])
        .ends(&[right], "exact");
    for (path, first) in [("dampening", "0.5"), ("nesterov", "0.95"), ("momentum_decay", "0.5")] {
        let words = [
            &*format!("The first step is {first} times the optimizer's"),
            "none of the known causes alone explains the others",
        ];
        let recorded = unexplained(&format!("{path}.safetensors"), &[rate], &words);
        let because = recorded.ends(&[rate], "unexplained");
        assert!(!because.contains("the steps are those of"), "{because}");
    }
}

#[test]
fn weight_decay_and_betas_are_told() {
    let right = "training.optimizer.weight_decay=0.05";
    unexplained("decay.safetensors", &[], &["weight_decay = 0.05", "a multiple of the weights"])
        .ends(&[right], "exact");
    let right = "training.optimizer={ type = 'adamw', learning_rate = 0.02, weight_decay = 0.1 }";
    unexplained("adam_decay.safetensors", &[ADAM], &["weight_decay = 0.1", "adamw"]).ends(&[right], "exact");
    let right = "training.optimizer.betas=[0.9, 0.95]";
    unexplained("betas.safetensors", &[ADAM], &["betas = [0.9, 0.95]"]).ends(&[ADAM, right], "exact");
}

#[test]
fn another_optimizer_is_told_by_its_first_step() {
    unexplained("plain.safetensors", &[ADAM], &["a multiple of the gradient, as of sgd"]);
    unexplained("betas.safetensors", &[], &["as long in every entry, as of adam"]);
}

#[test]
fn resumed_training_is_told() {
    let words = ["was not empty at the first step", "training.optimizer_state"];
    unexplained("resumed_momentum.safetensors", &[MOMENTUM], &words);
    unexplained("resumed_adam.safetensors", &[ADAM], &words);
}

/// A state that is given and is not the path's is not advised to be given.
#[test]
fn a_state_of_another_time_is_told() {
    let shapes: [(&'static str, &[usize]); 4] =
        [("0.weight", &[8, 6]), ("0.bias", &[8]), ("2.weight", &[3, 8]), ("2.bias", &[3])];
    let of = |what: &str, number: f64| -> Vec<Tensor> {
        let vector = |&(name, shape): &(&'static str, &[usize])| -> Tensor {
            let shape = if what == "step" { Vec::new() } else { shape.to_vec() };
            let bytes = number.to_le_bytes().repeat(shape.iter().product());
            (String::leak(format!("{name}.{what}")), shape, bytes)
        };
        shapes.iter().map(vector).collect()
    };
    let moments = [of("exp_avg", 0.1), of("exp_avg_sq", 0.2), of("step", 9.0)].concat();
    let cases = [
        (
            "resumed_momentum",
            MOMENTUM,
            of("momentum_buffer", 0.1),
            "momentum at the first step was not that of training",
        ),
        ("resumed_adam", ADAM, moments, "or the state in training.optimizer_state, were not those"),
    ];
    for (path, optimizer, tensors, words) in cases {
        let recorded = Recorded::new(&format!("{path}.safetensors"));
        recorded.folder.write("state.safetensors", &safetensors("F64", &tensors));
        let because = recorded.ends(&[optimizer, "training.optimizer_state=state.safetensors"], "unexplained");
        assert!(because.contains(words) && !because.contains("give its state"), "{because}");
    }
}

#[test]
fn a_checkpoint_that_does_not_belong_is_named() {
    let words =
        ["the step from best.safetensors to model_0.safetensors", "best.safetensors does not belong where it stands"];
    unexplained("best/*.safetensors", &["training.steps=8"], &words);
    unexplained("tampered.safetensors", &[], &["entry 7 of tampered.safetensors does not belong", "(in 2.weight)"]);
}

#[test]
fn averages_of_weights_are_told() {
    unexplained("average.safetensors", &[], &["running average of the weights (EMA, decay about 0.9)"]);
}

/// Dropout, weights of classes and another scale leave gradients of another function behind: the usual causes are named.
#[test]
fn other_gradients_are_told_from_other_steps() {
    let words = ["the first one too: the gradients were not those", "Usual causes are"];
    let recorded = unexplained("class_weights.safetensors", &[], &[&words[..], &["training.class_weights"]].concat());
    recorded.ends(&["training.class_weights=[1.0, 4.0, 0.5]"], "exact");
    unexplained("dropout.safetensors", &[], &[&words[..], &["dropout"]].concat());
    unexplained("scale.safetensors", &[], &[&words[..], &["another scale"]].concat());
}

/// Raw pixels at the usual rate.
#[test]
fn steps_far_too_long_are_inexact() {
    let recorded = Recorded::new("plain.safetensors");
    let text = fs::read_to_string(recorded.folder.path("run.toml")).expect("a run file");
    let text = text
        .split("[trajectory]")
        .next()
        .unwrap_or_default()
        .replace("x.npy", "pixels.npy")
        .replace("q.npy", "pixels.npy");
    recorded.folder.write("run.toml", format!("{text}[kernel]\nnodes = 3\n").as_bytes());
    let because = recorded.ends(&["training.steps=5"], "inexact");
    for word in ["step ", "more than 3 nodes resolve", "scale the inputs", "learning_rate", "adaptive"] {
        assert!(because.contains(word), "no {word:?} in: {because}");
    }
    recorded.ends(&["training.steps=5", "training.optimizer.learning_rate=1e-6"], "exact");
}

/// TracIn's sum leaves out what a step changes on the way.
#[test]
fn the_rule_left_is_inexact() {
    let recorded = Recorded::new("plain.safetensors");
    let text = fs::read_to_string(recorded.folder.path("run.toml")).expect("a run file");
    recorded.folder.write("run.toml", text.replace("nodes = 8", "rule = \"left\"").as_bytes());
    let because = recorded.ends(&[], "inexact");
    assert!(because.contains("the rule \"left\" takes each step's gradient at its start"), "{because}");
}

/// What is accepted can be said anew of a finished run; it is no other run.
#[test]
fn what_is_accepted_decides() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let output = fixture.run(&["kernel.accept=1e-12"]);
    assert!(output.status.code() == Some(3) && stdout(&output).contains("inexact: "), "{}", stdout(&output));
    let output = fixture.run(&["--quiet", "kernel.accept=1e-12"]);
    assert!(
        stdout(&output).is_empty() && stderr(&output).contains("verdict           inexact: "),
        "{}",
        stderr(&output)
    );
    fixture.succeeds(&[]);
}

/// A run in which nothing changes but roundings has nothing to explain.
#[test]
fn a_run_that_changes_nothing_is_exact() {
    Fixture::new().succeeds(&["training.optimizer.learning_rate=1e-20"]);
}

/// A batch goes on after a verdict, and a failure is worse.
#[test]
fn a_batch_ends_with_the_worst() {
    let fixture = Fixture::new();
    let text = fs::read_to_string(fixture.path("run.toml")).expect("a run file");
    fixture.write("left.toml", text.replace("\"out\"", "\"left\"").as_bytes());
    fixture.write("none.toml", text.replace("x.npy", "none.npy").as_bytes());
    fixture.write(
        "left.toml",
        format!("{}\n[kernel]\nrule = \"left\"\naccept = 1e-9\n", text.replace("\"out\"", "\"left\"")).as_bytes(),
    );
    fixture.fails(&["run", "left.toml", "run.toml"], 3, &[]);
    fixture.fails(&["run", "left.toml", "none.toml", "run.toml"], 2, &["none.npy"]);
}

/// Each step of an imported path says what is unexplained of it; other paths say nothing of it.
#[test]
fn metrics_hold_the_unexplained_part_of_each_step() {
    let metrics = |folder: &Folder| -> Vec<serde_json::Value> {
        let text = fs::read_to_string(folder.path("out/metrics.jsonl")).expect("the run wrote it");
        text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
    };
    let recorded = Recorded::new("schedule.safetensors");
    recorded.folder.fails(&["run", "run.toml"], 3, &[]);
    let parts: Vec<f64> =
        metrics(&recorded.folder).iter().map(|line| line["unexplained"].as_f64().expect("a number")).collect();
    assert!(parts.len() == 16 && parts[..6].iter().all(|part| *part < 1e-12), "{parts:?}");
    assert!(parts[6..].iter().all(|part| *part > 1e-4), "{parts:?}");
    let report = fs::read_to_string(recorded.folder.path("out/report.html")).expect("the run wrote it");
    assert!(report.contains("The largest unexplained part of each step"));
    let made = Fixture::new();
    made.succeeds(&[]);
    assert!(metrics(&made).iter().all(|line| line.get("unexplained").is_none()));
}

#[test]
fn an_array_that_was_changed_is_found() {
    let fixture = Fixture::new();
    fixture.succeeds(&[]);
    let check = |code: i32, words: &[&str]| fixture.fails(&["check", "out"], code, words);
    check(0, &[]);
    let (path, mut bytes) = (fixture.path("out/attribution.npy"), Vec::new());
    bytes.extend(fs::read(&path).expect("the run wrote it"));
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).expect("a writable folder");
    check(2, &["attribution.npy: was changed after it was written"]);
    fixture.fails(&["check", "none"], 2, &["holds no finished run"]);
    // Whoever mends the checksum too does not mend the sum.
    let summary = fs::read_to_string(fixture.path("out/summary.json")).expect("the run wrote it");
    let mut summary: serde_json::Value = serde_json::from_str(&summary).expect("it is JSON");
    bytes[last] ^= 1;
    bytes[last] ^= 0x80;
    fs::write(&path, &bytes).expect("a writable folder");
    summary["checksums"]["attribution.npy"] = format!("{:08x}", crc32c::crc32c(&bytes)).into();
    fixture.write("out/summary.json", format!("{summary:#}\n").as_bytes());
    let output = fixture.pathkernel(&["check", "out"]);
    assert!(output.status.code() == Some(3) && stdout(&output).contains("inexact: "), "{}", stdout(&output));
}
