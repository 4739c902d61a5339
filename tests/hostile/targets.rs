//! The parsers of single files and of checkpoints.

use crate::harness::{Input, OF_A_RUN_FILE, Target, read_input, run};
use crate::mutate::any_file;
use crate::random::Random;
use pathkernel::formats::{Array, MappedArray, TensorFile, read};
use pathkernel::graph::Graph;
use pathkernel::layer::{Layer, LayerKind, Linear};
use pathkernel::onnx::{OnnxFile, Options};
use pathkernel::run::keys::{Model, RunFile, difference};
use pathkernel::run::{Checkpoints, Inputs};
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes that every parser may take: buffers, tables, messages.
const CONSTANT: usize = 1 << 19;
/// Bytes that a deflated byte may become, at the most.
const DEFLATED: usize = 1032;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/corpus").join(target)
}

/// An input for each file of a folder.
fn each(folder: &Path) -> Vec<Input> {
    read_input(folder).into_iter().map(|file| vec![file]).collect()
}

fn only_file(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).expect("the input's folder");
    entries.next().expect("a file").expect("an entry").path()
}

fn spelled(path: &Path) -> &str {
    path.to_str().expect("a name of text")
}

/// The elements of a shape that was read, which therefore are few.
fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

fn read_whole(path: &str) -> Result<Array, String> {
    let array = read(path).map_err(|error| error.to_string())?;
    assert_eq!(count(&array.shape), array.len(), "{path}: the shape {:?}", array.shape);
    assert_eq!(array.to_f64().len(), array.len());
    Ok(array)
}

fn read_only_file(folder: &Path) -> Result<(), String> {
    read_whole(spelled(&only_file(folder))).map(drop)
}

fn read_npy(folder: &Path) -> Result<(), String> {
    let path = only_file(folder);
    let array = read_whole(spelled(&path));
    match (MappedArray::open(&path), &array) {
        (Ok(Some(mapped)), Ok(array)) => {
            assert_eq!(mapped.shape, array.shape);
            let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
            assert_eq!(bits(mapped.all()), bits(array.to_f64()));
            if mapped.shape.first().is_some_and(|&rows| rows > 0) {
                assert_eq!(mapped.row(0).len(), mapped.row_len());
            }
        }
        (Ok(Some(_)), Err(error)) => panic!("mapped, but not read: {error}"),
        (Ok(None), _) => panic!("the file is there"),
        (Err(_), _) => {}
    }
    array.map(drop)
}

fn read_tensors(path: &Path) -> Result<(), String> {
    let file = TensorFile::open(path).map_err(|error| error.to_string())?;
    let has_rows = file.shapes().values().all(|shape| shape.first().is_some_and(|&rows| rows > 0));
    let tensors = file.read().map_err(|error| error.to_string())?;
    let shapes = file.shapes();
    assert_eq!(shapes.len(), tensors.len());
    for (name, array) in &tensors {
        assert_eq!((shapes[name.as_str()], count(&array.shape)), (array.shape.as_slice(), array.len()), "{name}");
    }
    if let Ok(rows) = file.read_row(0) {
        assert!(has_rows);
        rows.iter().for_each(|(name, row)| assert_eq!(row.shape, tensors[name].shape[1..], "{name}"));
    }
    Ok(())
}

fn read_npz(folder: &Path) -> Result<(), String> {
    let path = only_file(folder);
    let tensors = read_tensors(&path);
    assert!(read(spelled(&path)).is_err(), "an archive is no array");
    let arrays = ["x", "0.weight"].map(|key| read_whole(&format!("{}:{key}", path.display())));
    arrays.into_iter().fold(tensors, |all, one| all.or(one.map(drop)))
}

#[test]
fn npy() {
    run(Target {
        name: "npy",
        seeds: || each(&corpus("npy")),
        mutate: any_file,
        attempt: read_npy,
        factor: 20,
        constant: CONSTANT,
        writes: &[],
        inputs: 20_000,
    });
}

#[test]
fn npz() {
    run(Target {
        name: "npz",
        seeds: || [each(&corpus("npz")), of_pt(&["stacked.npz", "stacked_compressed.npz"])].concat(),
        mutate: any_file,
        attempt: read_npz,
        factor: 20 * DEFLATED,
        constant: CONSTANT,
        writes: &[],
        inputs: 10_000,
    });
}

#[test]
fn csv() {
    run(Target {
        name: "csv",
        seeds: || each(&corpus("csv")),
        mutate: any_file,
        attempt: read_only_file,
        // A cell of one byte has a place of eight in each of two records, which grow by doubling.
        factor: 64,
        constant: CONSTANT,
        writes: &[],
        inputs: 20_000,
    });
}

#[test]
fn idx() {
    run(Target {
        name: "idx",
        seeds: || each(&corpus("idx")),
        mutate: any_file,
        attempt: read_only_file,
        factor: 20,
        constant: CONSTANT,
        writes: &[],
        inputs: 20_000,
    });
}

#[test]
fn idx_gz() {
    run(Target {
        name: "idx_gz",
        seeds: || each(&corpus("idx_gz")),
        mutate: any_file,
        attempt: read_only_file,
        factor: 20 * DEFLATED,
        constant: CONSTANT,
        writes: &[],
        inputs: 10_000,
    });
}

#[test]
fn safetensors() {
    run(Target {
        name: "safetensors",
        seeds: || each(&corpus("safetensors")),
        mutate: any_file,
        attempt: |folder| read_tensors(&only_file(folder)),
        factor: 100,
        constant: CONSTANT,
        writes: &[],
        inputs: 20_000,
    });
}

/// Networks as ONNX: read, translated, and written where that succeeds.
fn import_onnx(folder: &Path) -> Result<(), String> {
    let read = |error: &dyn std::fmt::Display| error.to_string();
    let file = OnnxFile::open(&only_file(folder)).map_err(|error| read(&error))?;
    let imported = file.translate(&Options::default()).map_err(|error| read(&error))?;
    file.write(&imported, &folder.join("imported")).map(drop).map_err(|error| read(&error))
}

#[test]
fn onnx() {
    run(Target {
        name: "onnx",
        seeds: || {
            let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx/models");
            let one = |name: &str| {
                vec![(format!("{name}.onnx"), fs::read(models.join(name).join("model.onnx")).expect(name))]
            };
            ["mlp", "images", "causal", "encoder", "lstm", "two"].map(one).to_vec()
        },
        mutate: any_file,
        attempt: import_onnx,
        // An empty message of two bytes is a node of some hundred.
        factor: 400,
        // A few bytes can ask for arrays of so many elements, and no more.
        constant: 2 << 30,
        writes: &["imported"],
        inputs: 3000,
    });
}

/// PyTorch's files.
fn of_pt(names: &[&str]) -> Vec<Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pt");
    let read = |name: &&str| vec![(name.to_string(), fs::read(folder.join(name)).expect("a seed"))];
    names.iter().map(read).collect()
}

#[test]
fn pt() {
    run(Target {
        name: "pt",
        seeds: || {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pt");
            let other = |input: &Input| [".npz", ".py"].iter().any(|end| input[0].0.ends_with(end));
            each(&folder).into_iter().filter(|input| !other(input)).collect()
        },
        mutate: any_file,
        attempt: |folder| read_tensors(&only_file(folder)),
        factor: 200,
        constant: CONSTANT,
        writes: &[],
        inputs: 10_000,
    });
}

/// Cases of tests/fixtures, and their files of an optimizer's state.
const STATES: [(&str, &str); 4] = [
    ("earlier_momentum", "optimizer.pt"),
    ("earlier_adamw", "checkpoint.pt"),
    ("earlier_nadam", "optimizer.safetensors"),
    ("earlier_lion", "optimizer.npz"),
];

fn fixture(case: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(case).join(file)
}

/// The inputs of a case, with the state that lies in the folder.
fn read_optimizer_state(folder: &Path) -> Result<(), String> {
    let path = only_file(folder);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (case, _) = STATES.into_iter().find(|(_, file)| *file == name).unwrap_or(STATES[0]);
    let state = format!("training.optimizer_state={}", path.display());
    let run_file = RunFile::load(&fixture(case, "run.toml"), &[state]).map_err(|error| error.to_string())?;
    let inputs = Inputs::read(&run_file)
        .inspect_err(|error| assert_eq!(error.exit_code(), 2, "{error}"))
        .map_err(|error| error.to_string())?;
    assert!(inputs.problem.spec.optimizer.state().is_some());
    Ok(())
}

#[test]
fn optimizer_state() {
    run(Target {
        name: "optimizer_state",
        seeds: || {
            let read = |(case, file)| vec![(String::from(file), fs::read(fixture(case, file)).expect("a seed"))];
            STATES.into_iter().map(read).collect()
        },
        mutate: any_file,
        attempt: read_optimizer_state,
        factor: 20 * DEFLATED,
        constant: 4 * CONSTANT,
        writes: &[],
        inputs: 3_000,
    });
}

const OVERRIDES: &str = "overrides";

/// Each run file with the record beside it, and some overrides.
fn run_files() -> Vec<Input> {
    let (records, files): (Input, Input) =
        read_input(&corpus("run_file")).into_iter().partition(|(name, _)| name.ends_with(".json"));
    let words = b"run.seed=7\nmodel.input=[4]\nkernel.nodes=2".to_vec();
    let one = |(_, text)| {
        let mut input = vec![("run.toml".to_owned(), text), (OVERRIDES.to_owned(), words.clone())];
        input.extend(records.clone());
        input
    };
    files.into_iter().map(one).collect()
}

/// A run file that is read means the same when it is written and read again, and has a network or none.
fn read_run_file(folder: &Path) -> Result<(), String> {
    let path = folder.join("run.toml");
    let overrides = fs::read(folder.join(OVERRIDES)).expect("the overrides");
    let overrides: Vec<String> = String::from_utf8_lossy(&overrides).lines().map(str::to_owned).collect();
    let read = RunFile::load(&path, &overrides);
    let alone = RunFile::load(&path, &[]);
    let model = Model::load(&path);
    if let Ok(model) = &model {
        let _ = Graph::new(&model.input, &model.layers);
    }
    for run_file in [&read, &alone].into_iter().flatten() {
        let text = run_file.to_toml();
        let again = RunFile::parse(&text, &path, &[]).unwrap_or_else(|error| panic!("{error}, of:\n{text}"));
        assert_eq!(&again, run_file, "{text}");
        assert_eq!(difference(&text, &again.to_toml()), None);
        let _ = Graph::new(&run_file.model.input, &run_file.model.layers);
    }
    read.map(drop).map_err(|error| error.to_string())
}

fn spoil_run_file(input: &mut Input, random: &mut Random) {
    let place = if random.once_in(2) { input.iter().position(|(name, _)| name == "run.toml") } else { None };
    match place.and_then(|place| input.get_mut(place)) {
        Some((_, text)) if random.once_in(2) => crate::mutate::text::gently(text, random),
        Some((_, text)) => crate::mutate::text::mutate(text, random),
        None => any_file(input, random),
    }
}

#[test]
fn run_file() {
    run(Target {
        name: "run_file",
        seeds: run_files,
        mutate: spoil_run_file,
        attempt: read_run_file,
        factor: OF_A_RUN_FILE,
        constant: 2 * CONSTANT,
        writes: &[],
        inputs: 5_000,
    });
}

/// Tables in tables are dropped one inside the other.
#[test]
fn overrides_are_not_nested_without_end() {
    let deep = format!("{}seed=1", "run.".repeat(100_000));
    let error = RunFile::parse("", Path::new("run.toml"), &[deep]).expect_err("it was read").to_string();
    assert!(error.contains("the key has 100001 parts") && error.len() < 4000, "{error}");
}

/// A file for each of two points, and one file for four.
fn checkpoint_seeds() -> Vec<Input> {
    let file = |name: &str, from: &str| (name.to_owned(), of_pt(&[from]).swap_remove(0).swap_remove(0).1);
    vec![
        vec![file("w_1.pt", "linear.pt"), file("w_10.pt", "protocol_4.pt")],
        vec![file("w_0.pth", "parallel.pt"), file("w_1.pt", "checkpoint_model.pt")],
        vec![file("w_0.bin", "trainer.ckpt"), file("w_1.tar", "legacy.pt")],
        vec![file("stack.pt", "stacked.pt")],
        vec![file("stack.npz", "stacked.npz")],
    ]
}

fn read_checkpoints(folder: &Path) -> Result<(), String> {
    let layers = vec![Layer::new(LayerKind::Linear(Linear { features: 2, bias: true }))];
    let network = Graph::new(&[3], &layers).expect("a network");
    let stack = read_input(folder).into_iter().find(|(name, _)| name.starts_with("stack"));
    let (pattern, steps) = stack.map_or(("w_*".to_owned(), 1), |(name, _)| (name, 3));
    let found = Checkpoints::open(spelled(&folder.join(pattern)), &network, steps);
    let found =
        found.inspect_err(|error| assert_eq!(error.exit_code(), 2, "{error}")).map_err(|error| error.to_string())?;
    for point in 0..=steps {
        let weights = found.weights(point).map_err(|error| error.to_string())?;
        assert_eq!(weights.len(), network.len);
    }
    assert!(found.weights(steps + 1).is_err());
    Ok(())
}

#[test]
fn checkpoints() {
    run(Target {
        name: "checkpoints",
        seeds: checkpoint_seeds,
        mutate: any_file,
        attempt: read_checkpoints,
        factor: 200,
        constant: CONSTANT,
        writes: &[],
        inputs: 5_000,
    });
}
