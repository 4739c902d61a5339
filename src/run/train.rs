//! The path of a run: made once, and read by whoever integrates.

use super::Inputs;
use super::inputs::fits_precision;
use super::resume::{Budget, FileKeeper, Watch};
use super::session::Session;
use crate::compute::{Backend, convert};
use crate::device::Work;
use crate::error::Error;
use crate::optimizer::Motion;
use crate::tape::{DiskRecorder, DiskTape, Step, describe};
use std::path::{Path, PathBuf};

/// Units of a phase of unknown length: so many that a flow of short steps is seen to go on.
const UNITS: u64 = 10_000;

/// The whole path of a run, where it is there already.
pub(super) fn recorded(session: &Session) -> Result<Option<DiskTape>, Error> {
    recorded_in(session, &session.run_file.run.directory)
}

/// The same in any directory.
pub(super) fn recorded_in(session: &Session, directory: &Path) -> Result<Option<DiskTape>, Error> {
    let problem = session.problem();
    let full = problem.step(1.0, None);
    let step = |number: usize| -> Step { problem.steps.get(number).unwrap_or(&full).clone() };
    let Some(tape) = DiskTape::open(directory, problem.recording(), problem.network.len, &step)? else {
        return Ok(None);
    };
    // It may have been killed before this was written, and nothing reads it to find out.
    describe(directory, &problem.network, &tape.history.steps)?;
    Ok(Some(tape))
}

/// Makes the path, or follows a recorded one.
pub(super) struct Train<'a, 'w> {
    pub session: &'a Session,
    pub watch: &'a Watch<'w>,
    /// Where the path is recorded.
    pub directory: &'a Path,
    /// The state file of the path under way.
    pub state: PathBuf,
}

impl Work for Train<'_, '_> {
    type Output = ();

    fn on<B: Backend>(self, backend: &B) -> Result<(), Error> {
        let Inputs { problem, initial, checkpoints, .. } = &self.session.inputs;
        let mut recorder = DiskRecorder::create(self.directory, problem.recording(), problem.network.len)?;
        let count = problem.steps.len() as u64;
        let (phase, units) = match (problem.spec.optimizer.whole().motion(), checkpoints) {
            (Motion::Solved { .. }, _) => ("following the flow", UNITS),
            (Motion::Steps, Some(_)) => ("importing", count),
            (Motion::Steps, None) => ("training", count),
        };
        self.watch.begin(phase, units);
        let mut budget = Budget::new();
        let mut keeper = FileKeeper::new(self.watch, &mut budget, self.state, units, 0);
        match checkpoints {
            None => problem.train(backend, initial, &mut recorder, &mut keeper)?,
            Some(checkpoints) => {
                let mut weights = |number| {
                    let weights = checkpoints.weights(number)?;
                    let precision = self.session.run_file.run.precision;
                    fits_precision(&format!("checkpoint {number}"), &weights, precision)?;
                    Ok(convert(&weights))
                };
                problem.follow(backend, &mut weights, &mut recorder, &mut keeper)?;
            }
        }
        recorder.finish().map(drop)
    }
}
