//! Commands, one file each; here what they are called and how they end.

mod devices;
mod plan;
mod report;
mod run;

use clap::{Parser, Subcommand};
use pathkernel::error::Error;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What each training example contributed to each prediction of a trained network, exactly.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example: pathkernel run examples/digits.toml training.steps=50")]
pub struct Arguments {
    /// Print errors alone.
    #[arg(long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more of what happens; twice for each tile.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train, integrate and write the arrays of one or more run files.
    Run {
        /// Run files, and overrides such as training.steps=50 that go to all of them.
        #[arg(required = true, value_name = "FILE|KEY=VALUE")]
        words: Vec<String>,
    },
    /// Say what a run would compute and need; compute nothing.
    Plan {
        /// A run file, and overrides.
        #[arg(required = true, value_name = "FILE|KEY=VALUE")]
        words: Vec<String>,
    },
    /// List the GPU adapters and the CPU, with what matters for a run.
    Devices,
    /// Write the report of a finished run again.
    Report {
        /// Run directories, such as runs/digits.
        #[arg(required = true, value_name = "DIRECTORY")]
        directories: Vec<PathBuf>,
    },
}

/// Runs a command.
pub fn main(arguments: Arguments) -> ExitCode {
    log(&arguments);
    let worst = match &arguments.command {
        Command::Devices => {
            devices::devices();
            0
        }
        Command::Run { words } => each_file(words, |file, overrides| run::run(file, overrides, arguments.quiet)),
        Command::Plan { words } => each_file(words, plan::plan),
        Command::Report { directories } => each(directories, |directory| report::report(directory, arguments.quiet)),
    };
    ExitCode::from(worst)
}

/// What happens goes to standard error: warnings, with `-v` the course of a run, with `-vv` its details.
fn log(arguments: &Arguments) {
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => tracing::Level::ERROR,
        (false, 0) => tracing::Level::WARN,
        (false, 1) => tracing::Level::INFO,
        (false, _) => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}

/// Runs a command for each path, goes on after a failure, and returns the worst exit code.
fn each(paths: &[PathBuf], command: impl Fn(&Path) -> Result<(), Error>) -> u8 {
    let mut worst = 0;
    for path in paths {
        if let Err(error) = command(path) {
            eprintln!("error: {error}");
            worst = worst.max(error.exit_code());
        }
    }
    worst
}

/// Runs a command for each run file among some words, with the overrides among them.
fn each_file(words: &[String], command: impl Fn(&Path, &[String]) -> Result<(), Error>) -> u8 {
    let (overrides, files): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| is_override(word));
    if files.is_empty() {
        eprintln!("error: no run file among the arguments; try `pathkernel run examples/digits.toml`");
        return 2;
    }
    let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    each(&files, |file| command(file, &overrides))
}

/// An override is a dotted key, `=`, and a value.
fn is_override(word: &str) -> bool {
    word.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::is_override;

    #[test]
    fn overrides_are_told_from_files() {
        assert!(is_override("training.steps=50") && is_override("run.device=cpu"));
        assert!(!is_override("runs/a=b.toml") && !is_override("digits.toml") && !is_override("=3"));
    }
}
