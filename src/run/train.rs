//! The path of a run: made once, and read by whoever integrates.

use super::Inputs;
use super::inputs::fits_precision;
use super::prepared::Prepared;
use super::resume::{Budget, FileKeeper, Watch};
use super::session::Session;
use crate::compute::{Backend, convert};
use crate::device::Work;
use crate::error::Error;
use crate::keeper::Keeper;
use crate::optimizer::Motion;
use crate::problem::Problem;
use crate::tape::{AnyTape, DiskRecorder, DiskTape, MemoryTape, Recorder, Step, describe};
use std::path::{Path, PathBuf};

/// Units of a phase of unknown length: so many that a flow of short steps is seen to go on.
const UNITS: u64 = 10_000;

/// The whole path of a run, where it is there already.
pub(super) fn recorded(session: &Session) -> Result<Option<AnyTape>, Error> {
    recorded_in(session, &session.run_file.run.directory)
}

/// The same in any directory.
pub(super) fn recorded_in(session: &Session, directory: &Path) -> Result<Option<AnyTape>, Error> {
    let problem = session.problem();
    let full = problem.step(1.0, None);
    let step = |number: usize| -> Step { problem.steps.get(number).unwrap_or(&full).clone() };
    let Some(tape) = DiskTape::open(directory, problem.recording(), problem.network.len, &step)? else {
        return Ok(None);
    };
    // It may have been killed before this was written, and nothing reads it to find out.
    describe(directory, &problem.network, &tape.history.steps)?;
    Ok(Some(AnyTape::Disk(tape)))
}

/// What making the path is called, and the units that it counts.
fn phase(Inputs { problem, checkpoints, .. }: &Inputs) -> (&'static str, u64) {
    let count = problem.steps.len() as u64;
    match (problem.spec.optimizer.whole().motion(), checkpoints) {
        (Motion::Solved { .. }, _) => ("following the flow", UNITS),
        (Motion::Steps, Some(_)) => ("importing", count),
        (Motion::Steps, None) => ("training", count),
    }
}

/// Makes the path of a problem, or follows a recorded one.
fn make<B: Backend>(
    prepared: &Prepared,
    problem: &Problem,
    backend: &B,
    recorder: &mut dyn Recorder<B::Element>,
    keeper: &mut dyn Keeper,
) -> Result<(), Error> {
    let Inputs { initial, checkpoints, .. } = &prepared.inputs;
    match checkpoints {
        None => problem.train(backend, initial, recorder, keeper),
        Some(checkpoints) => {
            let mut weights = |number| {
                let weights = checkpoints.weights(number)?;
                fits_precision(&format!("checkpoint {number}"), &weights, prepared.run_file.run.precision)?;
                Ok(convert(&weights))
            };
            problem.follow(backend, &mut weights, recorder, keeper)
        }
    }
}

/// Makes the path on disk.
pub(super) struct Train<'a, 'w> {
    pub session: &'a Session,
    /// The run's own, or that along which its influences are taken.
    pub problem: &'a Problem,
    pub watch: &'a Watch<'w>,
    /// Where the path is recorded.
    pub directory: &'a Path,
    /// The state file of the path under way.
    pub state: PathBuf,
}

impl Work for Train<'_, '_> {
    type Output = ();

    fn on<B: Backend>(self, backend: &B) -> Result<(), Error> {
        let Self { session, problem, watch, directory, state } = self;
        let mut recorder = DiskRecorder::create(directory, problem.recording(), problem.network.len)?;
        let (phase, units) = phase(&session.inputs);
        watch.begin(phase, units);
        let mut budget = Budget::new();
        make(session, problem, backend, &mut recorder, &mut FileKeeper::new(watch, &mut budget, state, units, 0))?;
        recorder.finish().map(drop)
    }
}

/// Makes the path in memory.
pub(super) struct TrainInMemory<'a, 'w> {
    pub prepared: &'a Prepared,
    /// As [`Train::problem`].
    pub problem: &'a Problem,
    pub watch: &'a Watch<'w>,
}

impl Work for TrainInMemory<'_, '_> {
    type Output = AnyTape;

    fn on<B: Backend>(self, backend: &B) -> Result<AnyTape, Error> {
        let Self { prepared, problem, watch } = self;
        let mut tape = MemoryTape::<B::Element>::new(problem.recording());
        let (phase, units) = phase(&prepared.inputs);
        watch.begin(phase, units);
        let mut budget = Budget::new();
        make(prepared, problem, backend, &mut tape, &mut FileKeeper::new(watch, &mut budget, None, units, 0))?;
        Ok(AnyTape::of(tape))
    }
}
