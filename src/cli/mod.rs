//! The command line: commands, one file each; here what they are called and how they end.

mod bench;
mod check;
mod devices;
mod export;
mod import;
mod init;
mod machine;
mod plan;
mod progress;
mod report;
mod run;
mod self_influence;
mod shard;
mod spectrum;
mod stop;
mod top;
mod validate;

use crate::cache::Cache;
use crate::error::Error;
use crate::run::Part;
use crate::run::keys::RunFileError;
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What each training example contributed to each prediction of a trained network, exactly.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example: pathkernel run examples/digits.toml training.steps=50 run.directory=runs/short"
)]
struct Arguments {
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
    #[command(
        after_help = "`pathkernel init` writes a run file that has every key, with its default and what it does. \
                            An override's key is dotted, section.key=value; its value is read as TOML, or else as text."
    )]
    Run {
        /// Run files, and overrides such as training.steps=50 that go to all of them.
        #[arg(required = true, value_name = "FILE|KEY=VALUE")]
        words: Vec<String>,
        /// Measure nothing beforehand, as run.tune=false: typical rates, and tiles from a table.
        #[arg(long)]
        no_tune: bool,
        /// Compute a part beside other processes: the i-th of N shares of the tiles, from 0; or as Slurm's array and step,
        /// Open MPI or PMI say.
        #[arg(long, value_name = "I/N|auto")]
        shard: Option<String>,
        /// Stop after so long, such as 3h or 90m, with exit code 75; the same command goes on.
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        max_time: Option<Duration>,
    },
    /// Finish a run whose shards are done: check that nothing is missing, write the arrays, and report.
    Finish {
        /// Run files, and overrides.
        #[arg(required = true, value_name = "FILE|KEY=VALUE")]
        words: Vec<String>,
    },
    /// Write run.toml, a commented run file to start from, filled in with what files tell.
    Init {
        /// A file of weights, or a folder with data, checkpoints or both.
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Write a network of an ONNX file as model.json and its weights, and print the [model] section that takes them.
    Import(import::Import),
    /// Say what a run would compute and need; compute nothing.
    Plan {
        /// A run file, and overrides.
        #[arg(required = true, value_name = "FILE|KEY=VALUE")]
        words: Vec<String>,
        /// Measure the device now, and keep that for the runs to come, in place of what an earlier run measured.
        #[arg(long)]
        measure: bool,
        /// Print one JSON object a run file, alone on standard output.
        #[arg(long)]
        json: bool,
    },
    /// List the GPU adapters and the CPU, with what matters for a run.
    Devices,
    /// Measure throughput.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Write the report of a finished run again.
    Report {
        /// Run directories, such as runs/digits, and overrides of [report], such as report.names=names.txt.
        #[arg(required = true, value_name = "DIRECTORY|KEY=VALUE")]
        words: Vec<String>,
    },
    /// Say which examples raised and lowered a query most, or which queries an example moved most.
    Top(top::Question),
    /// Say which training examples did the most to themselves, as those with wrong labels do.
    #[command(name = "self")]
    SelfInfluence(self_influence::Question),
    /// Train a finished run again on subsets of its examples, and say how well contributions, influence and other scores predict
    /// what comes of it.
    Validate(validate::Question),
    /// Fit kernel machines on the kernels of a finished run, and say how well they answer beside the network.
    Machine(machine::Question),
    /// Say what the kernels of a finished run know: their eigenvalues and rank, and how they go with the labels and with each other.
    Spectrum(spectrum::Question),
    /// Say the verdict of a finished run again, from its arrays: every file is held against its checksum, and the residual is
    /// made again.
    Check {
        /// Run directories, such as runs/digits.
        #[arg(required = true, value_name = "DIRECTORY")]
        directories: Vec<PathBuf>,
    },
    /// Write the arrays of a finished run that are in tiles (.zarr) as .npy; the tiles stay.
    Export {
        /// Run directories, such as runs/digits.
        #[arg(required = true, value_name = "DIRECTORY")]
        directories: Vec<PathBuf>,
        /// Where to, of one run directory; each run's own directory if left out.
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
}

/// Does what the words of a command line say, the program's name first, and returns the exit code.
pub fn main(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    match Arguments::try_parse_from(&words) {
        Ok(arguments) => command(&arguments, &words),
        Err(refused) => {
            // Nobody is left to tell where the terminal is gone.
            let _ = refused.print();
            refused.exit_code().clamp(0, u8::MAX.into()) as u8
        }
    }
}

/// Runs a command; returns its exit code.
fn command(arguments: &Arguments, words: &[OsString]) -> u8 {
    log(arguments);
    match &arguments.command {
        Command::Devices => {
            devices::devices();
            0
        }
        Command::Bench(what) => one(done(bench::bench(what, words))),
        Command::Run { words, no_tune, shard, max_time } => {
            let part = shard.as_deref().map_or(Ok(Part::Whole), shard::shard);
            match part.map_err(usage).and_then(|part| stop::listen(*max_time, arguments.quiet).map(|()| part)) {
                Ok(part) => each_file(&tuned(words, *no_tune), |file, overrides| {
                    run::run(file, overrides, part, arguments.quiet)
                }),
                Err(error) => one(Err(error)),
            }
        }
        Command::Finish { words } => match stop::listen(None, arguments.quiet) {
            Ok(()) => each_file(words, |file, overrides| run::run(file, overrides, Part::Finish, arguments.quiet)),
            failed => one(done(failed)),
        },
        Command::Init { from } => one(done(init::init(from.as_deref(), arguments.quiet))),
        Command::Import(what) => one(done(import::import(what, arguments.quiet))),
        Command::Plan { words, measure, json } => {
            let cache = if *measure { Cache::Anew } else { Cache::ReadOnly };
            each_file(words, |file, overrides| done(plan::plan(file, overrides, cache, *json)))
        }
        Command::Report { words } => {
            let (overrides, directories) = split(words);
            match directories.is_empty() {
                true => one(Err(usage(anyhow::anyhow!(
                    "no run directory among the arguments; name one, such as runs/digits"
                )))),
                false => each(&directories, |directory| done(report::report(directory, &overrides, arguments.quiet))),
            }
        }
        Command::Check { directories } => each(directories, |directory| check::check(directory, arguments.quiet)),
        Command::Top(question) => one(done(top::answer(question))),
        Command::SelfInfluence(question) => one(done(self_influence::answer(question))),
        Command::Validate(question) => one(done(validate::answer(question, arguments.quiet))),
        Command::Machine(question) => one(done(machine::answer(question, arguments.quiet))),
        Command::Spectrum(question) => one(done(spectrum::answer(question, arguments.quiet))),
        Command::Export { directories, to } => {
            match stop::listen(None, arguments.quiet).and_then(|()| one_folder(directories, to)) {
                Ok(()) => {
                    each(directories, |directory| done(export::export(directory, to.as_deref(), arguments.quiet)))
                }
                failed => one(done(failed)),
            }
        }
    }
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

/// A wrong option, for its exit code.
fn usage(error: anyhow::Error) -> anyhow::Error {
    Error::Input(format!("{error:#}")).into()
}

/// How a command ended: the exit code of a verdict, or an error.
type Ended = anyhow::Result<u8>;

/// The end of a command that has no verdict.
fn done(outcome: anyhow::Result<()>) -> Ended {
    outcome.map(|()| 0)
}

/// The exit code of a command that is done once.
fn one(ended: Ended) -> u8 {
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        exit_code(&error)
    })
}

/// The exit code that an error of the library names; 1 for any other.
fn exit_code(error: &anyhow::Error) -> u8 {
    let run_file = error.downcast_ref::<RunFileError>().map(|_| 2);
    error.downcast_ref::<Error>().map(Error::exit_code).or(run_file).unwrap_or(1)
}

/// Exit codes, the worst last: done; done, but not exact; failed; wrong; stopped, so that the same command goes on.
const CODES: [u8; 5] = [0, 3, 1, 2, 75];

/// The worse of two exit codes.
fn worse(a: u8, b: u8) -> u8 {
    let place = |code: u8| CODES.iter().position(|known| *known == code);
    if place(a) >= place(b) { a } else { b }
}

/// Runs a command for each path, goes on after a failure unless told to stop, and returns the worst exit code.
fn each(paths: &[PathBuf], command: impl Fn(&Path) -> Ended) -> u8 {
    let mut worst = 0;
    for path in paths {
        if stop::requested() {
            eprintln!("not begun: {}", path.display());
            worst = worse(worst, Error::Stopped.exit_code());
            continue;
        }
        worst = worse(worst, one(command(path)));
    }
    worst
}

/// The arrays of several runs have the same names.
fn one_folder(directories: &[PathBuf], to: &Option<PathBuf>) -> anyhow::Result<()> {
    match (directories, to) {
        ([_, _, ..], Some(_)) => {
            Err(Error::Input("--to takes the arrays of one run directory; give one".into()).into())
        }
        _ => Ok(()),
    }
}

/// The flag --no-tune is the override run.tune=false.
fn tuned(words: &[String], no_tune: bool) -> Vec<String> {
    words.iter().cloned().chain(no_tune.then(|| "run.tune=false".to_owned())).collect()
}

/// Runs a command for each run file among some words, with the overrides among them.
fn each_file(words: &[String], command: impl Fn(&Path, &[String]) -> Ended) -> u8 {
    let (overrides, files) = split(words);
    if files.is_empty() {
        eprintln!("error: no run file among the arguments; try `pathkernel run examples/digits.toml`");
        return 2;
    }
    each(&files, |file| named(file, command(file, &overrides)))
}

/// Puts the run file before an error that does not name it.
fn named(file: &Path, ended: Ended) -> Ended {
    match ended {
        Err(error) if matches!(error.downcast_ref(), Some(Error::RunFile(_))) || error.is::<RunFileError>() => {
            Err(error)
        }
        ended => ended.with_context(|| file.display().to_string()),
    }
}

/// The overrides among some words, and the others, which are paths.
fn split(words: &[String]) -> (Vec<String>, Vec<PathBuf>) {
    let (overrides, paths): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| is_override(word));
    (overrides, paths.into_iter().map(PathBuf::from).collect())
}

/// An override is a dotted key, `=`, and a value.
fn is_override(word: &str) -> bool {
    word.split_once('=').is_some_and(|(key, _)| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::{is_override, worse};

    #[test]
    fn what_can_go_on_is_worst_and_a_verdict_hides_no_failure() {
        let worst = |codes: &[u8]| codes.iter().copied().fold(0, worse);
        assert_eq!((worst(&[0, 3, 0]), worst(&[3, 1]), worst(&[2, 3, 1]), worst(&[75, 2, 3])), (3, 1, 2, 75));
    }

    #[test]
    fn overrides_are_told_from_files() {
        assert!(is_override("training.steps=50") && is_override("run.device=cpu"));
        assert!(!is_override("runs/a=b.toml") && !is_override("digits.toml") && !is_override("=3"));
    }
}
