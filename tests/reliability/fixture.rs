//! A run of a second or so, with several tiles.

use crate::common::folder::Folder;
pub use crate::common::folder::visit;
pub use crate::common::program::stderr;
use pathkernel::formats::{NpyElement, write_npy};
use pathkernel::random::numbers;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// 500 examples and 300 queries of 6 numbers, 4 classes; with this memory, several tiles.
const RUN_FILE: &str = r#"[run]
directory = "out"
device = "cpu"
memory = "58 MiB"

[data.train]
inputs = "x.npy"
targets = "y.npy"
[data.query]
inputs = "q.npy"

[model]
input = [6]
layers = [{ type = "linear", features = 16 }, { type = "tanh" }, { type = "linear", features = 4 }]

[training]
loss = "cross_entropy"
optimizer = { type = "sgd", learning_rate = 0.1, momentum = 0.5 }
batch_size = 100
steps = 60

[kernel]
layers = true
"#;

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
        fixture.write("run.toml", RUN_FILE.as_bytes());
        fixture.write_npy("x.npy", &[500, 6], &numbers(1, 500 * 6));
        fixture.write_npy("q.npy", &[300, 6], &numbers(2, 300 * 6));
        fixture.write_npy("y.npy", &[500], &(0..500i64).map(|row| row * 7 % 4).collect::<Vec<_>>());
        fixture
    }

    pub fn write_npy<T: NpyElement>(&self, name: &str, shape: &[usize], values: &[T]) {
        write_npy(&self.path(name), shape, values).expect("a writable folder");
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// The arrays of a run directory: every file of numbers, by its name in the directory.
    pub fn arrays(&self, directory: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let (root, mut files) = (self.path(directory), BTreeMap::new());
        visit(&root, &mut |path| {
            let name = path.strip_prefix(&root).expect("a file below").to_owned();
            let ends = ["npy", "safetensors"].iter().any(|end| name.extension() == Some(end.as_ref()));
            if ends || name.to_string_lossy().contains(".zarr/") {
                files.insert(name, std::fs::read(path).expect("a readable file"));
            }
        });
        files
    }

    /// A finished run is there, with nothing that it needs no more, and the same arrays as another's.
    pub fn is_as(&self, directory: &str, whole: &str) {
        let (found, want) = (self.arrays(directory), self.arrays(whole));
        assert!(want.len() > 5, "{:?}", want.keys());
        assert_eq!(found.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
        for (name, bytes) in &want {
            assert!(found[name] == *bytes, "{directory}: {} differs", name.display());
        }
        visit(&self.path(directory), &mut |path| {
            let end = path.extension().map(|end| end.to_string_lossy().into_owned());
            let left =
                end.is_some_and(|end| end == "tmp" || end == "lock") || path.to_string_lossy().contains("/state/");
            assert!(!left, "{} was left", path.display());
        });
    }
}

/// A file of a folder whose name contains a text.
pub fn file_with(folder: &Path, part: &str) -> PathBuf {
    let mut found = None;
    visit(folder, &mut |path| {
        if path.to_string_lossy().contains(part) {
            found = Some(path.to_owned());
        }
    });
    found.unwrap_or_else(|| panic!("no {part} in {}", folder.display()))
}

/// Changes one byte in the middle of a file.
pub fn tamper(path: &Path) {
    let mut bytes = std::fs::read(path).expect("a readable file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(path, bytes).expect("a writable file");
}
