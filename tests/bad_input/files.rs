//! A good run in a folder of its own, to be spoiled by the tests, and writers of the input formats that share no code
//! with the crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;
use tempfile::TempDir;

/// A folder with a run file and its data: six examples of four numbers, three classes, three steps.
pub struct Case {
    folder: TempDir,
}

const RUN_FILE: &str = r#"
[run]
directory = "out"
device = "cpu"
[data.train]
inputs = "x.npy"
targets = "y.npy"
[data.query]
inputs = "q.npy"
targets = "z.npy"
[model]
input = [1, 2, 2]
layers = [
  { type = "conv2d", channels = 2, kernel = 2, padding = 1 },
  { type = "tanh" },
  { type = "flatten" },
  { type = "linear", features = 3 },
]
[training]
loss = "cross_entropy"
optimizer = { type = "sgd", learning_rate = 0.1 }
steps = 3
[kernel]
kernel = "trace"
"#;

impl Case {
    pub fn good() -> Self {
        let case = Self { folder: tempfile::tempdir().expect("a folder") };
        let x: Vec<f64> = (0..24).map(|i| f64::from(i * 7 % 11) / 11.0 - 0.4).collect();
        case.write("run.toml", RUN_FILE);
        case.write("x.npy", npy(&[6, 4], &x));
        case.write("y.npy", npy_integers(&[6], &[0, 1, 2, 0, 1, 2]));
        case.write("q.npy", npy(&[2, 4], &x[3..11]));
        case.write("z.npy", npy_integers(&[2], &[1, 0]));
        case
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).expect("a file");
    }

    /// The run file with one text in the place of another.
    pub fn replace(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("run.toml")).expect("the run file");
        assert!(text.contains(from), "{from} is not in the run file");
        self.write("run.toml", text.replace(from, to));
    }

    /// `pathkernel run run.toml …` within the folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(&[&["run", "run.toml"], arguments].concat())
    }

    pub fn command(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_pathkernel");
        Command::new(program).args(arguments).current_dir(self.folder.path()).output().expect("the program runs")
    }

    /// Every file below the folder, with its size and time.
    pub fn listing(&self) -> Vec<(PathBuf, u64, SystemTime)> {
        let mut found = Vec::new();
        list(self.folder.path(), &mut found);
        found.sort();
        found
    }
}

fn list(folder: &Path, found: &mut Vec<(PathBuf, u64, SystemTime)>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let about = entry.metadata().expect("metadata");
        if about.is_dir() {
            list(&entry.path(), found);
        }
        found.push((entry.path(), about.len(), about.modified().expect("a time")));
    }
}

fn npy_header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side},")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes
}

/// An array of doubles.
pub fn npy(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let data = values.iter().flat_map(|value| value.to_le_bytes());
    npy_header("<f8", shape).into_iter().chain(data).collect()
}

/// An array of 64-bit integers.
pub fn npy_integers(shape: &[usize], values: &[i64]) -> Vec<u8> {
    let data = values.iter().flat_map(|value| value.to_le_bytes());
    npy_header("<i8", shape).into_iter().chain(data).collect()
}

/// An archive with one stored member.
pub fn npz(name: &str, member: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.start_file(name, stored).expect("a member");
    std::io::Write::write_all(&mut archive, member).expect("a member");
    archive.finish().expect("an archive").into_inner()
}

/// MNIST's format, unsigned bytes.
pub fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    bytes.extend(shape.iter().flat_map(|side| side.to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Tensors of doubles under their names.
pub fn safetensors(tensors: &[(&str, &[usize], Vec<f64>)]) -> Vec<u8> {
    let (mut entries, mut data) = (Vec::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        entries
            .push(format!(r#""{name}":{{"dtype":"F64","shape":{shape:?},"data_offsets":[{start},{}]}}"#, data.len()));
    }
    let header = format!("{{{}}}", entries.join(","));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// The weights that the good run's network takes.
pub fn good_weights() -> Vec<(&'static str, &'static [usize], Vec<f64>)> {
    vec![
        ("0.weight", &[2, 1, 2, 2], vec![0.1; 8]),
        ("0.bias", &[2], vec![0.0; 2]),
        ("3.weight", &[3, 18], vec![0.02; 54]),
        ("3.bias", &[3], vec![0.0; 3]),
    ]
}
