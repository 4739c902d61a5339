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
        "training diverged: the loss or the weights are not finite after step {step} (learning rate {learning_rate:?}); \
         lower training.optimizer.learning_rate"
    )]
    Diverged {
        /// The step, from 0.
        step: usize,
        /// Its learning rate.
        learning_rate: f64,
    },
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

    /// The process's exit code: 2 where the user's input is wrong or the plan does not fit, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::RunFile(_) | Error::Data(_) | Error::Network(_) | Error::Input(_) | Error::DoesNotFit(_) => 2,
            Error::Backend(BackendError::NoAdapter(_)) => 2,
            _ => 1,
        }
    }
}
