//! `bench run`: steps a second of a whole run.

use crate::error::Error;
use crate::run::keys::RunFile;
use crate::run::{Outcome, Progress, run};
use serde::Serialize;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct RunFigures {
    /// The device.
    pub device: String,
    /// `f32` or `f64`.
    pub precision: &'static str,
    /// Steps of the run.
    pub steps: usize,
    /// Steps a second, training and integration together.
    pub steps_per_second: f64,
    /// Seconds of training.
    pub train: f64,
    /// Seconds of integration.
    pub integrate: f64,
    /// The largest residual, relative to the largest change of an output.
    pub largest_relative_residual: f64,
}

/// Does a run in a temporary directory, which is removed, and says how fast it was.
///
/// # Errors
///
/// Whatever the run fails with.
pub fn measure_run(run_file: &RunFile, progress: &mut dyn Progress) -> Result<RunFigures, Error> {
    let directory = std::env::temp_dir().join(format!("pathkernel-bench-{}", std::process::id()));
    let mut run_file = run_file.clone();
    run_file.run.directory.clone_from(&directory);
    let outcome = run(&run_file, progress);
    let removed = std::fs::remove_dir_all(&directory);
    match outcome? {
        Outcome::AlreadyDone(_) | Outcome::ShardDone { .. } => {
            Err(Error::Input(format!("{}: is in use; remove it", directory.display())))
        }
        Outcome::Done(summary) => {
            removed.map_err(|source| Error::file(&directory, source))?;
            let ([train, integrate, _], steps) = (summary.seconds, summary.shapes[4]);
            Ok(RunFigures {
                device: summary.device,
                precision: summary.precision,
                steps,
                steps_per_second: steps as f64 / (train + integrate),
                train,
                integrate,
                largest_relative_residual: summary.findings.residual,
            })
        }
    }
}
