//! Run directories of interrupted runs, as a run that goes on with them reads them: identity, recorded path, states of
//! training and of tiles, finished tiles.

use crate::harness::{Input, OF_A_RUN_FILE, Target, read_input, run};
use crate::mutate::any_file;
use crate::random::Random;
use pathkernel::error::Error;
use pathkernel::formats::write_npy;
use pathkernel::run::keys::RunFile;
use pathkernel::run::{self, Part, Progress};
use std::fs;
use std::path::Path;

/// Ends a run after some units of its progress.
struct Stops(usize);

impl Progress for Stops {
    fn begin(&mut self, _: &str, _: u64) {}

    fn advance(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    fn stopped(&self) -> bool {
        self.0 == 0
    }
}

const OUT: &str = "out";
const KIND: &str = "kind";
/// Stands for the folder in which an input lies.
const HERE: &str = "@HERE@";

const RUN_FILE: &str = r#"
run = { directory = "out", device = "cpu", precision = "f64", tune = false }
data.train = { inputs = "x.npy", targets = "y.npy" }
model.input = [3]
model.layers = [{ type = "linear", features = 3 }, { type = "tanh" }, { type = "linear", features = 2 }]
training = { loss = "squared_error", optimizer = { type = "sgd", learning_rate = 0.1 }, steps = 4 }
kernel.nodes = 2
"#;

/// Runs, and how they were interrupted: units of progress made by a first shard of two, and then by the whole run.
const KINDS: [(&[&str], Option<usize>, usize); 6] = [
    (&["training.optimizer.momentum=0.9"], None, 2),
    (&["kernel.kernel=full", "kernel.layers=true", "run.store=zarr"], Some(usize::MAX), 3),
    (
        &["training.optimizer={type=\"adamw\",learning_rate=0.1,weight_decay=0.1}", "trajectory.every=2"],
        Some(usize::MAX),
        2,
    ),
    (&["training.optimizer={type=\"flow\",time=1.0}", "training.steps=0", "kernel.kernel=trace"], None, 2),
    (&["kernel.rule=adaptive", "kernel.superposition=true"], None, 8),
    (&["training.optimizer.momentum=0.9", "training.optimizer.weight_decay=0.1"], None, 7),
];

/// The run file of a kind, for data and a run directory in `folder`.
fn run_file(folder: &Path, kind: usize) -> Result<RunFile, Error> {
    let words: Vec<String> = KINDS[kind].0.iter().map(|&word| word.to_owned()).collect();
    let flow = words.iter().any(|word| word.contains("flow"));
    let adaptive = words.iter().any(|word| word.contains("adaptive"));
    let text = if flow { RUN_FILE.replace(", steps = 4", "") } else { RUN_FILE.to_owned() };
    let text = if adaptive { text.replace("kernel.nodes = 2", "") } else { text };
    let words: Vec<String> = words.into_iter().filter(|word| word != "training.steps=0").collect();
    Ok(RunFile::parse(&text, &folder.join("run.toml"), &words)?)
}

/// What is left of an interrupted run, with its data.
fn interrupted(kind: usize) -> Input {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let numbers = |len: u32, of: u32| (0..len).map(|at| f64::from(at * 7 % of) / 8.0).collect::<Vec<f64>>();
    write_npy(&folder.join("x.npy"), &[5, 3], &numbers(15, 11)).expect("the inputs");
    write_npy(&folder.join("y.npy"), &[5, 2], &numbers(10, 5)).expect("the targets");
    let run_file = run_file(folder, kind).expect("a run file");
    let (_, shard, units) = KINDS[kind];
    if let Some(units) = shard {
        run::run_part(&run_file, Part::Shard { index: 0, count: 2 }, &mut Stops(units)).expect("a shard");
    }
    let stopped = run::run(&run_file, &mut Stops(units));
    assert!(matches!(stopped, Err(Error::Stopped)), "kind {kind}: {stopped:?}");
    let mut input = read_input(folder);
    let here = folder.to_str().expect("a name of text");
    for (name, text) in &mut input {
        if name.ends_with("run.toml") || name.ends_with("identity.json") {
            *text = String::from_utf8_lossy(text).replace(here, HERE).into_bytes();
        }
    }
    input.push((KIND.to_owned(), vec![kind as u8]));
    input
}

/// Goes on with what is there: to the end, or to an error that is the directory's.
fn go_on(folder: &Path) -> Result<(), String> {
    let kind = fs::read(folder.join(KIND)).expect("the kind")[0];
    for name in ["out/run.toml", "out/state/identity.json"].map(|name| folder.join(name)) {
        if let Ok(text) = fs::read_to_string(&name) {
            fs::write(name, text.replace(HERE, folder.to_str().expect("a name of text"))).expect("room");
        }
    }
    let run_file = run_file(folder, kind as usize).expect("a run file");
    match run::run(&run_file, &mut Stops(usize::MAX)) {
        Ok(_) => Ok(()),
        Err(error) => {
            assert!([1, 2].contains(&error.exit_code()), "{error}");
            Err(error.to_string())
        }
    }
}

/// Spoils a file of the run directory, or takes one away, or puts one in another's place.
fn spoil(input: &mut Input, random: &mut Random) {
    let mut own: Input = input.extract_if(.., |(name, _)| name.starts_with(OUT)).collect();
    let states = |input: &Input| -> Vec<usize> {
        (0..input.len()).filter(|&place| input[place].0.ends_with(".state")).collect()
    };
    match (random.below(16), states(&own).as_slice()) {
        (0, _) if own.len() > 1 => drop(own.swap_remove(random.below(own.len()))),
        (1, _) => {
            let bytes = random.pick(&own).1.clone();
            let place = random.below(own.len());
            own[place].1 = bytes;
        }
        (2..=9, states @ [_, ..]) => crate::mutate::state::mutate(&mut own[*random.pick(states)].1, random),
        _ => any_file(&mut own, random),
    }
    input.append(&mut own);
}

#[test]
fn resume() {
    run(Target {
        name: "resume",
        seeds: || (0..KINDS.len()).map(interrupted).collect(),
        mutate: spoil,
        attempt: go_on,
        factor: OF_A_RUN_FILE,
        constant: 16 << 20,
        writes: &[OUT],
        inputs: 200,
    });
}

/// What is said of an interrupted run in whose states the first number of an array is none, under right checksums.
fn with_nan(kind: usize, array: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, mut bytes) in interrupted(kind) {
        if let Some(place) = bytes.windows(array.len()).position(|window| window == array) {
            bytes[place + array.len()..][..8].copy_from_slice(&f64::NAN.to_le_bytes());
            crate::mutate::state::seal(&mut bytes);
        }
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("room");
        fs::write(path, bytes).expect("room");
    }
    go_on(folder.path()).expect_err("it went on")
}

/// The first was a panic once, the second half a gigabyte of steps.
#[test]
fn a_time_that_is_no_number_is_refused() {
    let refused = with_nan(0, b"seconds of work");
    assert!(refused.contains("training.state: says that its work took NaN seconds"), "{refused}");
    let refused = with_nan(3, b"solver");
    assert!(refused.contains("training.state: has numbers that the solver"), "{refused}");
}
