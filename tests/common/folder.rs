//! A folder of one test, in which the program is started.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// What the program measures of the machine has a folder of its own: tests that run at the same time must not change what
/// another one finds measured.
pub struct Folder {
    folder: TempDir,
    cache: TempDir,
}

impl Folder {
    pub fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a temporary directory");
        Self { folder: folder(), cache: folder() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a writable folder");
        fs::write(path, bytes).expect("a writable folder");
    }

    /// `pathkernel` with some arguments, in the folder, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pathkernel"));
        command.args(arguments).current_dir(&self.folder).env("PATHKERNEL_CACHE", self.cache.path());
        command
    }

    /// `pathkernel` with some arguments, in the folder.
    pub fn pathkernel(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("the program starts");
        let message = stderr(&output);
        assert!(!message.contains("panicked"), "{arguments:?} panicked: {message}");
        output
    }
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
