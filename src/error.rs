//! What can go wrong, for people and for the exit code.

use crate::backend::BackendError;
use crate::data::DataError;
use crate::network::NetworkError;
use crate::run_file::RunFileError;
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
    Network(#[from] NetworkError),
    /// An input does not fit the run: what, and what to do.
    #[error("{0}")]
    Input(String),
    /// The plan does not fit the machine.
    #[error("{0}")]
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
    /// Gradient flow needs steps that are too small to move its time.
    #[error(
        "gradient flow: the step size vanished at time {time:?} of {end:?}; the weights may grow without bound there, or \
         the tolerance is below what the precision can tell: lower training.optimizer.time, raise \
         training.optimizer.tolerance, or set run.precision to \"f64\""
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
         what the precision can tell: lower training.optimizer.time, raise training.optimizer.tolerance, or set \
         run.precision to \"f64\""
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
         step; lower training.optimizer.time, or set run.precision to \"f64\""
    )]
    FlowNotFinite {
        /// The time reached.
        time: f64,
        /// The time wanted.
        end: f64,
    },
    /// The run was told to stop.
    #[error("stopped before it was done; the same command starts it over")]
    Stopped,
    /// The recorded path is damaged.
    #[error("{0}")]
    Trajectory(String),
    /// The device failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A file of the run directory cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// A failure to read or write a file.
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.display().to_string(), source }
    }

    /// The process's exit code: 2 where the user's input is wrong or the plan does not fit, 75 where the run was told to
    /// stop, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Data(DataError { writing: true, .. }) => 1,
            Error::RunFile(_) | Error::Data(_) | Error::Network(_) | Error::Input(_) | Error::DoesNotFit(_) => 2,
            Error::Backend(BackendError::NoAdapter(_)) => 2,
            Error::Stopped => 75,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_the_user_from_the_machine() {
        let data = |writing| Error::Data(DataError { path: "x.npy".into(), problem: String::new(), writing });
        assert_eq!((data(false).exit_code(), data(true).exit_code()), (2, 1));
        assert_eq!(Error::DoesNotFit(String::new()).exit_code(), 2);
        assert_eq!(Error::Diverged { step: 0, learning_rate: 1.0 }.exit_code(), 1);
        assert_eq!(Error::StepVanished { time: 1.0, end: 2.0 }.exit_code(), 1);
        assert_eq!(Error::TooManySteps { steps: 9, time: 1.0, end: 2.0 }.exit_code(), 1);
        assert_eq!(Error::FlowNotFinite { time: 1.0, end: 2.0 }.exit_code(), 1);
        assert_eq!(Error::Stopped.exit_code(), 75);
    }
}
