//! The program, started as its users start it.

use std::path::Path;
use std::process::{Command, Output};

/// Where it lies.
pub const PATHKERNEL: &str = env!("CARGO_BIN_EXE_pathkernel");

/// `pathkernel`, not yet started. What it measures of the machine goes to `cache`: tests that run at the same time must not
/// change what another one finds measured.
pub fn pathkernel(cache: &Path) -> Command {
    let mut command = Command::new(PATHKERNEL);
    command.env("PATHKERNEL_CACHE", cache);
    command
}

/// Runs a command that must end well.
pub fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    output
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
