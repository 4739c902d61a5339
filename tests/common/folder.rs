//! A folder of one test, in which the program is started.

use super::program::{pathkernel, stderr};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What the program measures of the machine has a folder of its own, beside the test's.
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
        let mut command = pathkernel(self.cache.path());
        command.args(arguments).current_dir(&self.folder);
        command
    }

    /// `pathkernel` with some arguments, in the folder.
    pub fn pathkernel(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().expect("the program starts");
        let message = stderr(&output);
        assert!(!message.contains("panicked"), "{arguments:?} panicked: {message}");
        output
    }

    /// The program must end well.
    pub fn succeeds(&self, arguments: &[&str]) {
        let output = self.pathkernel(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    }

    /// The program must end well, with a verdict that is not `exact`.
    pub fn is_not_exact(&self, arguments: &[&str]) {
        let output = self.pathkernel(arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", stderr(&output));
    }

    /// The program must end with a code, and say each of some words; gives all that it said.
    pub fn fails(&self, arguments: &[&str], code: i32, words: &[&str]) -> String {
        let output = self.pathkernel(arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} said: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments:?}: no {word:?} in: {message}");
        }
        message
    }
}

/// Takes every file of a folder, at any depth.
pub fn visit(folder: &Path, take: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() { visit(&path, take) } else { take(&path) }
    }
}
