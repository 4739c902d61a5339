//! The path of a run: made once, and read by whoever integrates.

use super::device::Work;
use super::inputs::{fits_precision, full_batch};
use super::keep::{Budget, FileKeeper, Watch};
use super::session::Session;
use crate::backend::{Backend, convert};
use crate::error::Error;
use crate::loss::Targets;
use crate::optimizer::Optimizer;
use crate::path::Quadrature;
use crate::training::{Examples, Recorder, Step, TargetBuffer, Training, Trajectory, describe};
use std::path::{Path, PathBuf};

/// Units of a phase of unknown length.
const PERCENT: u64 = 100;

/// The training data on the device.
pub(super) struct Held<B: Backend> {
    pub examples: Examples<B>,
    pub targets: TargetBuffer<B>,
}

impl<B: Backend> Held<B> {
    pub fn new(backend: &B, session: &Session) -> Result<Self, Error> {
        let inputs = &session.inputs;
        let examples = Examples::new(backend, &convert::<B::Element>(&inputs.train), inputs.network.input_len())?;
        Ok(Self { examples, targets: target_buffer(backend, &inputs.targets)? })
    }
}

/// Targets on the device.
pub(super) fn target_buffer<B: Backend>(backend: &B, targets: &Targets) -> Result<TargetBuffer<B>, Error> {
    Ok(match targets {
        Targets::Classes(classes) => TargetBuffer::Classes(backend.index(classes)?),
        Targets::Reals(values) => TargetBuffer::Reals(backend.upload(&convert::<B::Element>(values))?, values.len()),
    })
}

/// The whole path of a run, where it is there already.
pub(super) fn recorded(session: &Session) -> Result<Option<Trajectory>, Error> {
    recorded_in(session, &session.run_file.run.directory)
}

/// The same in any directory.
pub(super) fn recorded_in(session: &Session, directory: &Path) -> Result<Option<Trajectory>, Error> {
    let (run_file, inputs) = (&session.run_file, &session.inputs);
    let full = full_batch(inputs.examples, run_file.training.reduction);
    let step = |number: usize| -> Step { inputs.steps.get(number).unwrap_or(&full).clone() };
    let recording = inputs.recording(run_file);
    let Some(trajectory) = Trajectory::open(directory, recording, inputs.network.len, &step)? else {
        return Ok(None);
    };
    // It may have been killed before this was written, and nothing reads it to find out.
    describe(directory, &inputs.network, &trajectory.steps)?;
    Ok(Some(trajectory))
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
        let (run_file, inputs) = (&self.session.run_file, &self.session.inputs);
        let held = Held::new(backend, self.session)?;
        let training = Training {
            backend,
            network: &inputs.network,
            loss: run_file.training.loss,
            optimizer: run_file.training.optimizer,
            clip_norm: run_file.training.clip_norm,
            examples: &held.examples,
            targets: &held.targets,
        };
        let recorder = Recorder::create(self.directory, inputs.recording(run_file), inputs.network.len)?;
        let initial = convert::<B::Element>(&inputs.initial);
        let steps = inputs.steps.clone();
        let count = inputs.steps.len() as u64;
        let (phase, units) = match (&run_file.training.optimizer, &inputs.checkpoints) {
            (Optimizer::Flow(_), _) => ("following the flow", PERCENT),
            (_, Some(_)) => ("importing", count),
            (_, None) => ("training", count),
        };
        self.watch.begin(phase, units);
        let mut budget = Budget::new();
        let mut keeper = FileKeeper::new(self.watch, &mut budget, self.state, units, 0);
        match (&run_file.training.optimizer, &inputs.checkpoints) {
            (Optimizer::Flow(flow), _) => {
                let quadrature = Quadrature::of_flow(&run_file.kernel.rule);
                let full = full_batch(inputs.examples, run_file.training.reduction);
                training.flow(&initial, flow, &quadrature, &full, recorder, &mut keeper)?
            }
            (_, Some(checkpoints)) => {
                let mut weights = |number| {
                    let weights = checkpoints.weights(number)?;
                    fits_precision(&format!("checkpoint {number}"), &weights, run_file.run.precision)?;
                    Ok(convert(&weights))
                };
                training.follow(&mut weights, steps, recorder, &mut keeper)?
            }
            (_, None) => training.run(&initial, steps, recorder, &mut keeper)?,
        };
        Ok(())
    }
}
