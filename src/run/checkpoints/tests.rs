use super::*;
use crate::formats::{NpyElement, write_safetensors};
use crate::graph::{Design, View};
use crate::layer::{Layer, LayerKind, Linear};

/// A layer of three inputs and two outputs.
fn network() -> Graph {
    let layers = vec![Layer::new(LayerKind::Linear(Linear { features: 2, bias: true }))];
    Graph::new(&[3], &layers).unwrap()
}

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pt").join(name)
}

/// Weights and bias of point `number`, stacked for as many points as the slices hold.
fn write<T: NpyElement>(path: &Path, lead: &[usize], weight: &[T], bias: &[T], names: [&str; 2]) {
    let shape = |rest: &[usize]| [lead, rest].concat();
    let tensors = [(names[0].to_owned(), shape(&[2, 3]), weight), (names[1].to_owned(), shape(&[2]), bias)];
    write_safetensors(path, &tensors).unwrap();
}

const NAMES: [&str; 2] = ["0.weight", "0.bias"];

fn point(number: usize) -> Vec<f64> {
    (0..8).map(|at| (8 * number + at) as f64 / 2.0).collect()
}

fn write_point(path: &Path, number: usize, names: [&str; 2]) {
    let values = point(number);
    write(path, &[], &values[..6], &values[6..], names);
}

fn problem(pattern: &Path, steps: usize) -> String {
    Checkpoints::open(pattern.to_str().unwrap(), &network(), steps).unwrap_err().to_string()
}

#[test]
fn files_in_the_order_of_their_numbers() {
    // Special characters in the folders above are only names.
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("runs [v2] *");
    std::fs::create_dir(&inner).unwrap();
    for number in 0..12 {
        let names = if number == 5 { ["module.0.weight", "module.0.bias"] } else { NAMES };
        write_point(&inner.join(format!("step_{number}.safetensors")), number, names);
    }
    std::fs::write(inner.join("other.txt"), "").unwrap();
    std::fs::write(inner.join(".step_3.safetensors"), "").unwrap();
    let network = network();
    for name in ["*.safetensors", "step_*.safe*", "step_*[0-9].safetensors"] {
        let found = Checkpoints::open(inner.join(name).to_str().unwrap(), &network, 11).unwrap();
        for number in 0..12 {
            let weights = found.weights(number).unwrap();
            assert_eq!(weights.len(), network.len);
            assert_eq!(weights[..8], point(number), "{name} {number}");
            assert!(weights[8..].iter().all(|&gap| gap == 0.0));
        }
        assert!(found.weights(12).is_err());
    }
    let error = problem(&inner.join("step_?.safetensors"), 11);
    assert!(error.contains("10 files") && error.contains("step_0.") && error.contains("step_9."), "{error}");
    assert!(error.contains("11 steps need 12"), "{error}");
    let error = problem(&inner.join("epoch_*.pt"), 3);
    assert!(error.contains("no file has such a name"), "{error}");
    let error = problem(&inner.join("*"), 12);
    assert!(error.contains("other.txt: unknown kind of file"), "{error}");
    let error = problem(&inner, 3);
    assert!(error.contains("is a folder"), "{error}");
    let error = problem(&inner.join("step_[.pt"), 3);
    assert!(error.contains("step_[.pt: "), "{error}");
}

#[test]
fn pytorch_files_and_mixtures() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["linear.pt", "protocol_4.pt", "parallel.pt", "checkpoint_model.pt"];
    for (number, name) in files.iter().enumerate() {
        std::fs::copy(made(name), folder.path().join(format!("{number}.pt"))).unwrap();
    }
    let found = Checkpoints::open(folder.path().join("*.pt").to_str().unwrap(), &network(), 3).unwrap();
    for number in 0..4 {
        assert_eq!(found.weights(number).unwrap()[..8], [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, -0.0, -0.5]);
    }
}

#[test]
fn a_trainers_checkpoint_has_more_than_the_model() {
    let found = Checkpoints::open(made("trainer.ckp[t]").to_str().unwrap(), &network(), 0).unwrap();
    assert_eq!(found.weights(0).unwrap()[..3], [0.0, 0.5, 1.0]);
    let [others, prefix] = found.notes() else { panic!("{:?}", found.notes()) };
    assert!(others.contains("for 2 of the tensors: model.1.num_batches_tracked, model.mask"), "{others}");
    assert!(prefix.contains("the prefix model. was taken"), "{prefix}");
}

#[test]
fn integers_are_no_weights() {
    let folder = tempfile::tempdir().unwrap();
    let network = Graph::new(&[1], &[Layer::new(LayerKind::Linear(Linear { features: 2, bias: false }))]).unwrap();
    let json = r#"{"0.weight":{"dtype":"I8","shape":[2,1],"data_offsets":[0,2]}}"#;
    let bytes = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[1, 2]].concat();
    std::fs::write(folder.path().join("a_0.safetensors"), bytes).unwrap();
    let found = Checkpoints::open(folder.path().join("a_*").to_str().unwrap(), &network, 0).unwrap();
    let error = found.weights(0).unwrap_err().to_string();
    assert!(error.contains("tensor 0.weight holds integers; weights are"), "{error}");
}

#[test]
fn one_file_for_the_whole_path() {
    let network = network();
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("path.safetensors");
    let (weight, bias): (Vec<f32>, Vec<f32>) =
        ((0..24).map(|at| at as f32 / 2.0).collect(), (0..8).map(|at| at as f32 / 2.0).collect());
    write(&mine, &[4], &weight, &bias, NAMES);
    for path in [mine.clone(), made("stacked.pt"), made("stacked.npz")] {
        let found = Checkpoints::open(path.to_str().unwrap(), &network, 3).unwrap();
        for number in 0..4 {
            let weights = found.weights(number).unwrap();
            let weight: Vec<f64> = (0..6).map(|at| (6 * number + at) as f64 / 2.0).collect();
            assert_eq!(weights[..6], weight, "{}", path.display());
            assert_eq!(weights[6..8], [number as f64, number as f64 + 0.5], "{}", path.display());
        }
        assert!(found.weights(4).is_err());
        let error = problem(&path, 9);
        assert!(error.contains("has shape [4, 2") && error.contains("a first axis of 10"), "{error}");
    }
    let error = problem(&made("stacked_compressed.npz"), 3);
    assert!(error.contains("is compressed"), "{error}");
    let error = problem(&made("stacked_inside_out.pt"), 3);
    assert!(error.contains("not the outermost in memory"), "{error}");
}

/// Packed, of 16 bits, with columns first, and beside a counter.
#[test]
fn archives_of_numpy_are_read_whatever_their_elements() {
    let network = network();
    let found = Checkpoints::open(made("kinds_*.npz").to_str().unwrap(), &network, 3).unwrap();
    for number in 0..4 {
        assert_eq!(found.weights(number).unwrap()[..8], [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 0.0, -0.5], "{number}");
    }
    assert_eq!(found.notes().len(), 1, "{:?}", found.notes());
}

/// An archive that lies about what it holds, in its directory or in its data.
#[test]
fn packed_archives_that_are_damaged_are_refused() {
    let whole = std::fs::read(made("kinds_3.npz")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a_0.npz");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Checkpoints::open(folder.path().join("a_*").to_str().unwrap(), &network(), 0).and_then(|found| found.weights(0))
    };
    let right = read(&whole).unwrap();
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        match read(&bytes) {
            Ok(weights) => assert_eq!(weights, right, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > whole.len() / 3, "{refused} of {}", whole.len());
}

/// Kernels [in, out]: the message has what the run file must say, and with it they are read.
#[test]
fn kernels_of_jax_are_read_where_the_run_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a_0.safetensors");
    let tensors = [
        ("0.weight".to_owned(), vec![3, 2], &[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0][..]),
        ("0.bias".to_owned(), vec![2], &[7.0, 8.0][..]),
    ];
    write_safetensors(&path, &tensors).unwrap();
    let pattern = folder.path().join("a_*");
    let error = problem(&pattern, 0);
    let remedy = "model.parameters = { \"0.weight\" = { tensor = \"0.weight\", transposed = true } }";
    assert!(error.contains("has shape [3, 2]; the model needs [2, 3]") && error.contains(remedy), "{error}");
    let view = View { tensor: "0.weight".into(), transposed: true, ..View::default() };
    let layers = [Layer::new(LayerKind::Linear(Linear { features: 2, bias: true }))];
    let network = Design { views: [("0.weight".into(), view)].into(), ..Design::new(&[3], &layers) }.build().unwrap();
    let found = Checkpoints::open(pattern.to_str().unwrap(), &network, 0).unwrap();
    assert_eq!(found.weights(0).unwrap()[..8], [1.0, 3.0, 5.0, 2.0, 4.0, 6.0, 7.0, 8.0]);
}

#[test]
fn what_does_not_fit_names_file_and_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_point(&at("a_0.safetensors"), 0, NAMES);
    let cases: [(&str, [&str; 2], &str); 2] = [
        (
            "a_1.safetensors",
            ["0.weight", "1.bias"],
            "tensor 0.bias of shape [2] is missing; nearest to it of the file's 2 are 1.bias",
        ),
        ("a_1.safetensors", ["0.bias", "0.weight"], "tensor 0.weight has shape [2]; the model needs [2, 3]"),
    ];
    for (name, names, part) in cases {
        write_point(&at(name), 1, names);
        let error = problem(&at("a_*.safetensors"), 1);
        assert!(error.contains(part) && error.contains("a_1.safetensors"), "{error} lacks {part:?}");
    }
    let mut values = point(1);
    values[7] = f64::NAN;
    write(&at("a_1.safetensors"), &[], &values[..6], &values[6..], NAMES);
    let found = Checkpoints::open(at("a_*.safetensors").to_str().unwrap(), &network(), 1).unwrap();
    assert!(found.weights(0).is_ok());
    let error = found.weights(1).unwrap_err().to_string();
    assert!(error.contains("a_1.safetensors: tensor 0.bias holds NaN or infinity, first at element 1"), "{error}");
    // A file that changes after it was opened is an error too.
    std::fs::write(at("a_0.safetensors"), "").unwrap();
    assert!(found.weights(0).is_err());
}

#[test]
fn numbers_count_as_numbers() {
    let mut names = ["b1", "a10", "a2", "a02", "a", "a1b10", "a1b9", "a1", "10", "9", "a99999999999999999999999", "é2"];
    names.sort_by(|a, b| natural(a, b));
    let sorted = ["9", "10", "a", "a1", "a1b9", "a1b10", "a02", "a2", "a10", "a99999999999999999999999", "b1", "é2"];
    assert_eq!(names, sorted);
}
