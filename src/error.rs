//! What can go wrong, for people and for the exit code.

use crate::compute::BackendError;
use crate::formats::DataError;
use crate::graph::GraphError;
use crate::key::Wrong;
use std::borrow::Cow;
use std::path::Path;

/// Everything that a run can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run file is wrong.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// An input file is wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The layers do not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An input does not fit the run: what, and what to do.
    #[error("{}", shortened(.0))]
    Input(String),
    /// The plan does not fit the machine.
    #[error("{}", shortened(.0))]
    DoesNotFit(String),
    /// Training left the finite numbers.
    #[error(
        "training diverged: the loss, the weights or the outputs are not finite after step {step} (learning rate {learning_rate:?}); \
         lower training.optimizer.learning_rate"
    )]
    Diverged {
        /// The step, from 0.
        step: usize,
        /// Its learning rate.
        learning_rate: f64,
    },
    /// A sum over steps left the finite numbers, though the path did not.
    #[error(
        "integration: contributions are not finite {}{}: products of gradients are beyond the precision's range, or a \
         query is the cause (a softmax of a row that is all masked, a logarithm of 0, a running_var below 0); scale the data, lower \
         training.optimizer.learning_rate, or look at the queries",
        steps(*first, *last),
        layer.map_or(String::new(), |layer| format!(", in layer {layer}"))
    )]
    NotFinite {
        /// The first step that may have done it, from 0.
        first: usize,
        /// The last.
        last: usize,
        /// The layer, where it was found.
        layer: Option<usize>,
    },
    /// A number that no rounding explains.
    #[error("{0}")]
    WrongNumber(String),
    /// Gradient flow needs steps that are too small to move its time.
    #[error(
        "gradient flow: the step size vanished at time {time:?} of {end:?}; the weights may grow without bound there, or \
         the tolerance is below what the precision can tell: lower training.optimizer.time, or raise \
         training.optimizer.tolerance"
    )]
    StepVanished {
        /// The time reached.
        time: f64,
        /// The time wanted.
        end: f64,
    },
    /// Gradient flow takes more steps than it may.
    #[error(
        "gradient flow: {steps} steps reached time {time:?} of {end:?} only; the flow is stiff, or the tolerance is below \
         what the precision can tell: lower training.optimizer.time, or raise training.optimizer.tolerance"
    )]
    TooManySteps {
        /// Steps tried.
        steps: usize,
        /// The time reached.
        time: f64,
        /// The time wanted.
        end: f64,
    },
    /// Gradient flow left the finite numbers.
    #[error(
        "gradient flow: the weights or their gradient are not finite after time {time:?} of {end:?}, however small the \
         step; lower training.optimizer.time, or scale the data"
    )]
    FlowNotFinite {
        /// The time reached.
        time: f64,
        /// The time wanted.
        end: f64,
    },
    /// Another error, in single precision, where double precision is a way out too.
    #[error("{0}, or set run.precision = \"f64\"")]
    InSingle(Box<Error>),
    /// The run was told to stop.
    #[error("stopped before it was done; the same command goes on with it")]
    Stopped,
    /// Another process works in the run directory.
    #[error("{directory}: is in use by {holder}; wait for its end, or name another run.directory")]
    InUse {
        /// The run directory.
        directory: String,
        /// Who says to hold it.
        holder: String,
    },
    /// Tiles are missing that others were to compute.
    #[error("{0}")]
    Incomplete(String),
    /// The recorded path is damaged.
    #[error("{}", shortened(.0))]
    Trajectory(String),
    /// A file of the run directory is missing, or is not as it was written: which, and what to do.
    #[error("{}", shortened(.0))]
    Damaged(String),
    /// The device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A file of the run directory cannot be read or written.
    #[error("{}: {problem}{}", shortened(path), advice(problem))]
    File {
        /// The file.
        path: String,
        /// Why.
        problem: std::io::Error,
    },
}

/// A run file that is wrong: the file, the key, what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{}: {}", shortened(.file) + if .file.is_empty() { "" } else { ": " }, shortened(.key), shortened(.problem))]
pub struct RunFileError {
    /// The file; empty where what a run file says came from elsewhere.
    pub file: String,
    /// The dotted key, or the line.
    pub key: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl RunFileError {
    /// What is wrong with a file.
    pub(crate) fn new(file: &str, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), key: key.into(), problem: problem.into() }
    }

    /// What is wrong with a key of a file.
    pub(crate) fn of(file: &str, wrong: Wrong) -> Self {
        Self::new(file, wrong.key, wrong.problem)
    }
}

/// What to do about a file that cannot be read or written, where that is known.
pub(crate) fn advice(problem: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match problem.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "; free some of the disk, and the same command goes on",
        PermissionDenied | ReadOnlyFilesystem => "; make it writable, or name another run.directory",
        _ => "",
    }
}

/// Steps for people.
fn steps(first: usize, last: usize) -> String {
    if first == last { format!("at step {first}") } else { format!("at one of the steps {first} to {last}") }
}

impl Error {
    /// A failure to read or write a file.
    pub fn file(path: &Path, problem: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), problem }
    }

    /// The same error for a run in single precision, where double precision may help: single's range or accuracy may be the cause.
    pub fn in_single(self) -> Self {
        match self {
            Error::NotFinite { .. }
            | Error::StepVanished { .. }
            | Error::TooManySteps { .. }
            | Error::FlowNotFinite { .. } => Error::InSingle(Box::new(self)),
            other => other,
        }
    }

    /// Whether training or a flow left the finite numbers, or cannot go on for the size of its steps.
    pub fn is_divergence(&self) -> bool {
        use Error::{Diverged, FlowNotFinite, StepVanished, TooManySteps};
        matches!(self, Diverged { .. } | FlowNotFinite { .. } | StepVanished { .. } | TooManySteps { .. })
    }

    /// The process's exit code: 2 where the user's input is wrong or the plan does not fit, 75 where the run was told to
    /// stop, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Data(DataError { own: true, .. }) => 1,
            Error::RunFile(_) | Error::Data(_) | Error::Graph(_) | Error::Input(_) | Error::DoesNotFit(_) => 2,
            Error::Backend(BackendError::NoAdapter(_)) => 2,
            Error::Stopped => 75,
            Error::InSingle(error) => error.exit_code(),
            _ => 1,
        }
    }
}

/// Characters of a message that are shown of its beginning, and of its end.
const SHOWN: [usize; 2] = [800, 300];

/// A message without its middle where it is very long: a name in a damaged file, or one of a file, may be as long as a file.
pub fn shortened(text: &str) -> Cow<'_, str> {
    let [first, last] = SHOWN;
    if text.len() <= first + last {
        return text.into();
    }
    let (begin, end) = (text.floor_char_boundary(first), text.ceil_char_boundary(text.len() - last));
    format!("{} [… {} bytes …] {}", &text[..begin], end - begin, &text[end..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_lose_their_middle() {
        assert_eq!(shortened("x.npy: is no file"), "x.npy: is no file");
        let long = format!("a{}b", "é".repeat(5000));
        let short = shortened(&long);
        assert!(short.starts_with("aé") && short.ends_with("éb") && short.len() < 1200, "{short}");
        assert!(short.contains("[… "), "{short}");
    }

    #[test]
    fn exit_codes_tell_the_user_from_the_machine() {
        let data = |own| Error::Data(DataError { path: "x.npy".into(), problem: String::new(), own });
        assert_eq!((data(false).exit_code(), data(true).exit_code()), (2, 1));
        assert_eq!(Error::DoesNotFit(String::new()).exit_code(), 2);
        assert_eq!(Error::Diverged { step: 0, learning_rate: 1.0 }.exit_code(), 1);
        assert_eq!(Error::StepVanished { time: 1.0, end: 2.0 }.exit_code(), 1);
        assert_eq!(Error::TooManySteps { steps: 9, time: 1.0, end: 2.0 }.exit_code(), 1);
        assert_eq!(Error::FlowNotFinite { time: 1.0, end: 2.0 }.exit_code(), 1);
        assert_eq!(Error::Stopped.exit_code(), 75);
    }

    /// A run in f64 cannot be helped by f64.
    #[test]
    fn double_precision_is_advised_to_single_alone() {
        let (time, end) = (1.0, 2.0);
        let errors = || {
            [
                Error::NotFinite { first: 0, last: 0, layer: None },
                Error::StepVanished { time, end },
                Error::TooManySteps { steps: 9, time, end },
                Error::FlowNotFinite { time, end },
            ]
        };
        for (double, single) in errors().into_iter().zip(errors().map(Error::in_single)) {
            assert_eq!(single.exit_code(), double.exit_code());
            let (double, single) = (double.to_string(), single.to_string());
            assert!(!double.contains("f64") && single.ends_with(", or set run.precision = \"f64\""), "{single}");
            assert!(["lower", "raise", "scale"].iter().any(|advice| double.contains(advice)), "{double}");
        }
        let stopped = Error::Stopped.in_single().to_string();
        assert_eq!(stopped, Error::Stopped.to_string());
    }
}
