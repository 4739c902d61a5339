//! `pathkernel import` on files that PyTorch's exporter wrote (make.py): a run of the graph gives the module's outputs.

#[path = "../common/mod.rs"]
mod common;

use common::arrays::{Array, read_npy};
use common::program::{pathkernel, stderr, stdout, succeeds};
use std::fs;
use std::path::{Path, PathBuf};

/// Sums of up to some hundred products, of numbers around 1, in another order.
const ROUNDING: f64 = 1e-12;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx/models")
}

/// Imports a model into a folder: what is printed.
fn import(name: &str, folder: &Path) -> String {
    let file = models().join(name).join("model.onnx");
    stdout(&succeeds(pathkernel(folder).arg("import").arg(file).arg("--output").arg(folder)))
}

/// Puts the printed section into a run of no steps: the outputs of the model's inputs.
fn outputs(name: &str, folder: &Path) -> Array {
    let section = import(name, folder);
    let names: Vec<&str> =
        section.lines().filter(|line| line.starts_with("# input")).filter_map(|line| line.split('"').nth(1)).collect();
    let file = |input: &&str| models().join(name).join(format!("{input}.npy")).display().to_string();
    let inputs = match names.as_slice() {
        [only] => format!("{:?}", file(only)),
        several => format!(
            "{{ {} }}",
            several.iter().map(|name| format!("{name:?} = {:?}", file(name))).collect::<Vec<_>>().join(", ")
        ),
    };
    let run_file = format!(
        "[run]\ndirectory = \"run\"\ndevice = \"cpu\"\nprecision = \"f64\"\ntune = false\n\
         [data.train]\ninputs = {inputs}\n{section}\n\
         [training]\nsteps = 0\n"
    );
    fs::write(folder.join("run.toml"), run_file).expect("room");
    succeeds(pathkernel(folder).arg("run").arg(folder.join("run.toml")));
    read_npy(&folder.join("run/initial.npy")).expect("outputs")
}

/// A test's folder is named after its model.
fn name(folder: &Path) -> &str {
    folder.file_name().and_then(|name| name.to_str()).expect("a name")
}

#[test]
fn the_graph_gives_what_the_module_does() {
    let mut count = 0;
    for entry in fs::read_dir(models()).expect("models") {
        let model = entry.expect("an entry").path();
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join(name(&model));
        fs::create_dir(&folder).expect("a folder");
        let (got, want) = (outputs(name(&model), &folder), read_npy(&model.join("outputs.npy")).expect("outputs"));
        assert_eq!(got.values.len(), want.values.len(), "{}", model.display());
        let far = got.values.iter().zip(&want.values).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        assert!(far <= ROUNDING * want.largest(), "{}: {far:e} off", model.display());
        count += 1;
    }
    assert_eq!(count, 7, "the models that make.py writes");
}

/// The names of the module's tensors stay, and a head that is the table of an embedding is the same tensor.
#[test]
fn tensors_keep_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    import("encoder", folder.path());
    let graph: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("model.json")).expect("a graph")).expect("JSON");
    let nodes = graph["nodes"].as_array().expect("nodes");
    let named =
        |name: &str| nodes.iter().find(|node| node["name"] == name).unwrap_or_else(|| panic!("no layer {name}"));
    assert_eq!(named("layer.linear1")["type"], "linear");
    assert_eq!(named("table")["type"], "embedding");
    assert!(nodes.iter().any(|node| node["type"] == "linear" && node["weight"] == "table.weight"));
    assert_eq!(graph["parameters"]["positions.weight"]["tensor"], "positions");
    let weights = common::arrays::read_safetensors(&folder.path().join("model.safetensors")).expect("weights");
    assert!(weights.contains_key("layer.self_attn.in_proj_weight") && weights.contains_key("positions"));
}

#[test]
fn what_cannot_be_imported_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |file: &Path, more: &[&str]| {
        let output = pathkernel(folder.path()).arg("import").arg(file).args(more).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    let good = fs::read(models().join("mlp/model.onnx")).expect("a model");
    let changed = |from: &[u8], to: &[u8]| {
        assert_eq!(from.len(), to.len());
        let mut bytes = good.clone();
        let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
        places.iter().for_each(|&at| bytes[at..at + to.len()].copy_from_slice(to));
        let path = folder.path().join("changed.onnx");
        fs::write(&path, bytes).expect("room");
        path
    };
    let unknown = refused(&changed(b"Gelu", b"Gulp"), &[]);
    assert!(unknown.contains("(Gulp") && unknown.contains("has no layer"), "{unknown}");
    let cut = folder.path().join("cut.onnx");
    fs::write(&cut, &good[..good.len() / 2]).expect("room");
    assert!(refused(&cut, &[]).contains("is no readable ONNX file"));
    assert!(refused(&models().join("mlp/model.onnx"), &["--take", "outputs"]).contains("has no output \"outputs\""));
    assert!(refused(&models().join("mlp/model.onnx"), &["--batch-axis", "3"]).contains("no axis 3 for the batch"));
}

/// Weights in a file of their own are read from the folder of the model alone, and held against their sizes.
#[test]
fn weights_beside_are_checked() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("model");
    fs::create_dir(&folder).expect("a folder");
    let bytes = fs::read(models().join("fixed/model.onnx")).expect("a model");
    let weights = fs::read(models().join("fixed/weights.bin")).expect("weights");
    let refused = || {
        let output =
            pathkernel(&folder).arg("import").arg(folder.join("model.onnx")).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    fs::write(folder.join("model.onnx"), &bytes).expect("room");
    fs::write(folder.join("weights.bin"), &weights[..weights.len() / 2]).expect("room");
    assert!(refused().contains("is shorter than"));
    fs::write(parent.path().join("ghts.bin"), &weights).expect("room");
    let mut outside = bytes.clone();
    let (from, to) = (b"weights.bin", b"../ghts.bin");
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|&at| outside[at..at + to.len()].copy_from_slice(to));
    fs::write(folder.join("model.onnx"), &outside).expect("room");
    assert!(refused().contains("outside the file's folder"));
}
