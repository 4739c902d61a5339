//! A tiny run in a folder of its own, to be spoilt in one place by each test.

use crate::bytes::{npy_f64, npy_i64};
use crate::common::folder::Folder;
pub use crate::common::program::{stderr, stdout};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::SystemTime;

/// 4 examples of 3 numbers, 2 classes, a network of 3 - 5 - 2.
pub const RUN_FILE: &str = r#"[run]
directory = "out"
device = "cpu"

[data.train]
inputs = "x.npy"
targets = "y.npy"

[model]
input = [3]
layers = [
  { type = "linear", features = 5 },
  { type = "tanh" },
  { type = "linear", features = 2 },
]

[training]
loss = "cross_entropy"
optimizer = { type = "sgd", learning_rate = 0.1 }
steps = 3
"#;

/// Every file of a folder: its bytes and when they were written. A folder counts as a file without bytes.
pub type Listing = BTreeMap<PathBuf, (Vec<u8>, SystemTime)>;

/// A folder with a good run file, `run.toml`, and its data.
pub struct Fixture(Folder);

impl Deref for Fixture {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.0
    }
}

impl Fixture {
    pub fn new() -> Self {
        let fixture = Self(Folder::new());
        let inputs: Vec<f64> = (0..12).map(|i| f64::from(i * 7 % 5) / 4.0 - 0.5).collect();
        fixture.write("run.toml", RUN_FILE.as_bytes());
        fixture.write("x.npy", &npy_f64(&[4, 3], &inputs));
        fixture.write("y.npy", &npy_i64(&[4], &[0, 1, 1, 0]));
        fixture
    }

    /// The good run but for one text of its run file.
    pub fn with(from: &str, to: &str) -> Self {
        let fixture = Self::new();
        fixture.replace(from, to);
        fixture
    }

    /// The good run on a path of two checkpoints, of which one step of its optimizer explains a part.
    pub fn imported() -> Self {
        let fixture = Self::new();
        for (checkpoint, steps) in [("step_0", "training.steps=1"), ("step_1", "training.steps=3")] {
            fixture.succeeds(&["run.directory=made", steps]);
            let weights = fs::read(fixture.path("made/weights_final.safetensors")).expect("a run writes its weights");
            fixture.write(&format!("checkpoints/{checkpoint}.safetensors"), &weights);
            fs::remove_dir_all(fixture.path("made")).expect("a folder of its own");
        }
        let import = "steps = 1\n[trajectory]\nimport = \"checkpoints/*.safetensors\"";
        fixture.replace("steps = 3", import);
        fixture
    }

    /// The good run with gradient flow as its optimizer.
    pub fn flow() -> Self {
        let optimizer = "optimizer = { type = \"sgd\", learning_rate = 0.1 }\nsteps = 3";
        Self::with(optimizer, "optimizer = { type = \"flow\", time = 2.0, tolerance = 1e-5 }")
    }

    pub fn replace(&self, from: &str, to: &str) {
        assert!(RUN_FILE.contains(from), "the run file holds no {from:?}");
        self.write("run.toml", RUN_FILE.replace(from, to).as_bytes());
    }

    /// `pathkernel run run.toml` with some overrides.
    pub fn run(&self, overrides: &[&str]) -> Output {
        self.pathkernel(&[&["run", "run.toml"], overrides].concat())
    }

    /// The run must end well.
    pub fn succeeds(&self, overrides: &[&str]) {
        self.0.succeeds(&[&["run", "run.toml"], overrides].concat());
    }

    /// The run must end well, with a verdict that is not `exact`.
    pub fn is_not_exact(&self, overrides: &[&str]) {
        self.0.is_not_exact(&[&["run", "run.toml"], overrides].concat());
    }

    /// The run must be refused: exit code 2, a message with each of `words`, and no file written or changed.
    pub fn refuses(&self, overrides: &[&str], words: &[&str]) {
        self.refuses_command(&[&["run", "run.toml"], overrides].concat(), words);
    }

    /// As [`refuses`](Self::refuses), for any arguments.
    pub fn refuses_command(&self, arguments: &[&str], words: &[&str]) {
        let before = self.listing("");
        self.fails(arguments, 2, words);
        assert!(before == self.listing(""), "{arguments:?} wrote something");
    }

    /// Everything in a folder below, at any depth.
    pub fn listing(&self, folder: &str) -> Listing {
        let mut listing = Listing::new();
        list(&self.path(folder), &mut listing);
        listing
    }
}

fn list(folder: &Path, listing: &mut Listing) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        let written = fs::metadata(&path).and_then(|data| data.modified()).expect("a time of writing");
        let bytes = if path.is_dir() { Vec::new() } else { fs::read(&path).expect("a readable file") };
        if path.is_dir() {
            list(&path, listing);
        }
        listing.insert(path, (bytes, written));
    }
}
