//! Run directories, as `pathkernel report` reads them.

use crate::harness::{Input, OF_A_RUN_FILE, Target, read_input, run};
use crate::mutate::any_file;
use crate::random::Random;
use pathkernel::formats::write_npy;
use pathkernel::report;
use pathkernel::run::keys::{InputFiles, RunFile};
use pathkernel::run::{self, Progress};
use std::fs;
use std::path::Path;

struct Quiet;

impl Progress for Quiet {
    fn begin(&mut self, _: &str, _: u64) {}
    fn advance(&mut self) {}
}

/// Pictures of four pixels in two classes.
const RUN_FILE: &str = r#"
run = { directory = ".", device = "cpu", tune = false }
data.train = { inputs = "data_x.npy", targets = "data_y.npy" }
model.input = [1, 2, 2]
model.layers = [{ type = "flatten" }, { type = "linear", features = 3 }, { type = "relu" }, { type = "linear", features = 2 }]
training = { loss = "cross_entropy", optimizer = { type = "sgd", learning_rate = 0.1 }, steps = 4 }
kernel = { kernel = "trace", superposition = true, readout = "probabilities" }
report = { shape = [2, 2], class_names = ["cat", "dog"], names = "names.txt" }
"#;

/// Other runs on the same data.
const KINDS: [&[&str]; 9] = [
    &[],
    &["kernel.kernel=full", "kernel.readout=margin", "training.batch_size=2", "kernel.layers=true"],
    &["kernel.kernel=none", "kernel.rule=adaptive", "training.optimizer.weight_decay=0.1", "kernel.readout=outputs"],
    &["run.store=zarr", "kernel.kernel=full", "kernel.layers=true", "kernel.readout=outputs"],
    &["kernel.top=2", "kernel.kernel=none", "kernel.readout=outputs"],
    &["kernel.influence=true", "kernel.kernel=none", "kernel.windows=3", "kernel.readout=outputs"],
    &["kernel.influence=true", "kernel.kernel=none", "kernel.windows=2", "run.store=zarr"],
    &["kernel.influence=true", "kernel.kernel=none", "kernel.top=2", "kernel.attribution=false"],
    &["training.loss=logistic", "data.train.targets=data_r.npy", "kernel.kernel=diagonal", "kernel.readout=outputs"],
];

/// The files of a finished run, with its data beside them.
fn finished(overrides: &[&str]) -> Input {
    let folder = tempfile::tempdir().expect("a folder");
    let (at, out) = (|name: &str| folder.path().join(name), folder.path().join("out"));
    let pixels: Vec<f64> = (0..20).map(|at| f64::from(at * 7 % 11) / 8.0).collect();
    write_npy(&at("data_x.npy"), &[5, 1, 2, 2], &pixels).expect("the inputs");
    write_npy(&at("data_y.npy"), &[5], &[0i64, 1, 1, 0, 1]).expect("the classes");
    write_npy(&at("data_r.npy"), &[5, 2], &[0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).expect("the targets");
    std::fs::write(at("names.txt"), "a\nb\nc\nd\ne\n").expect("the names");
    let words: Vec<String> = overrides.iter().map(|&word| word.to_owned()).collect();
    let words = [words.as_slice(), &["run.directory=out".to_owned()]].concat();
    let mut run_file = RunFile::parse(RUN_FILE, &at("run.toml"), &words).expect("a run file");
    run_file.run.directory = out.clone();
    run_file.data.inputs = InputFiles::One(at("data_x.npy").display().to_string());
    let targets = Path::new(run_file.data.targets.as_deref().expect("targets"))
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    run_file.data.targets = Some(at(targets).display().to_string());
    run_file.report.names = Some(at("names.txt").display().to_string());
    run::run(&run_file, &mut Quiet).expect("a run");
    let mut input = read_input(&out);
    input.retain(|(name, _)| !name.starts_with("trajectory/"));
    input.extend(read_input(folder.path()).into_iter().filter(|(name, _)| !name.starts_with("out/")));
    for (name, text) in &mut input {
        // The directory can be read wherever it lies.
        if name == "run.toml" {
            *text = String::from_utf8_lossy(text).replace(&format!("{}/", folder.path().display()), "").into_bytes();
        }
        // Whoever mends the checksums too is not stopped by them.
        if name == "summary.json" {
            *text = String::from_utf8_lossy(text).replace("\"checksums\"", "\"none\"").into_bytes();
        }
    }
    input
}

/// What a page must never hold as it stands.
const SCRIPT: &str = "<script>";

fn read_run(folder: &Path) -> Result<(), String> {
    match report::write(folder, &[]) {
        Ok(path) => {
            let page = fs::read_to_string(path).expect("the report");
            assert!(!page.contains(SCRIPT), "a name in the run directory is markup in the report");
            Ok(())
        }
        Err(error) => {
            assert_eq!(error.exit_code(), 2, "{error}");
            Err(error.to_string())
        }
    }
}

/// Sides of arrays that agree with each other.
const SIDES: [usize; 6] = [0, 1, 2, 5, 1 << 40, 1 << 60];

/// Makes arrays and summary agree on shapes that no run has.
fn agree(input: &mut Input, random: &mut Random) {
    let [queries, examples] = [(); 2].map(|()| *random.pick(&SIDES));
    let [values, outputs, layers] = [(); 3].map(|()| *random.pick(&SIDES[..4]));
    let many = *random.pick(&SIDES);
    let mut set = |name: &str, shape: &[usize]| {
        let count = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let count = count.filter(|&count| count < 1 << 12).unwrap_or(0);
        let sides: String = shape.iter().map(|side| format!("{side},")).collect();
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sides}), }}\n");
        let mut bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
        bytes.resize(bytes.len() + 4 * count, 1);
        input.retain(|(other, _)| other != name);
        input.push((name.to_owned(), bytes));
    };
    for name in ["initial.npy", "prediction.npy", "regularizer.npy", "residual.npy"] {
        set(name, &[queries, values]);
    }
    set("attribution.npy", &[queries, examples, values]);
    set("influence.npy", &[queries, examples, values]);
    let windows = *random.pick(&[layers, many]);
    set("attribution_windows.npy", &[windows, queries, examples, values]);
    set("windows.npy", &[windows.saturating_add(1)]);
    for of in ["", "influence_"] {
        set(&format!("{of}top_rest.npy"), &[queries, values, 2]);
        for name in ["values", "examples"] {
            set(&format!("{of}top_{name}.npy"), &[queries, values, 2 * layers]);
        }
    }
    set(
        "kernel.npy",
        &[[queries, examples].as_slice(), *random.pick(&[&[][..], &[outputs], &[values, outputs], &[0, many]])]
            .concat(),
    );
    set("superposition.npy", &[examples, *random.pick(&[layers, many]), 2]);
    let gone = [
        "attribution",
        "attribution_windows",
        "influence",
        "influence_top_rest",
        "kernel",
        "superposition",
        "top_rest",
    ];
    for gone in gone.map(|name| format!("{name}.npy")) {
        if random.once_in(2) {
            input.retain(|(name, _)| *name != gone);
        }
    }
    let shapes = format!(
        r#"{{"shapes": {{"examples": {examples}, "queries": {queries}, "outputs": {outputs}, "parameters": {many}, "steps": {many}}}}}"#
    );
    input.retain(|(name, _)| name != "summary.json");
    input.push(("summary.json".to_owned(), shapes.into_bytes()));
}

fn spoil(input: &mut Input, random: &mut Random) {
    match random.below(8) {
        0 => agree(input, random),
        1 if random.once_in(2) => drop(input.remove(random.below(input.len()))),
        2 if random.once_in(2) => {
            let bytes = random.pick(input).1.clone();
            let place = random.below(input.len());
            input[place].1 = bytes;
        }
        _ => any_file(input, random),
    }
}

#[test]
fn report() {
    run(Target {
        name: "report",
        seeds: || KINDS.iter().map(|overrides| finished(overrides)).collect(),
        mutate: spoil,
        attempt: read_run,
        factor: OF_A_RUN_FILE,
        constant: 8 << 20,
        writes: &["report.html"],
        inputs: 1_000,
    });
}
