//! The walk along a path: made by the optimizer, or followed where it was recorded elsewhere.

use super::optimizer::{Made, Memory, make};
use super::{Kept, Recorder, Step, Training, Trajectory};
use crate::backend::{Backend, Element, Slice, SliceMut};
use crate::error::Error;
use std::collections::VecDeque;

/// What a step says of itself, before the update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// The loss as reduced.
    pub loss: f64,
    /// The share of the batch whose class has the largest output; without meaning for real targets.
    pub accuracy: f64,
}

impl Metrics {
    /// Of `[loss, share of hits]`.
    pub(super) fn new<E: Element>(statistics: &[E], step: &Step) -> Self {
        let accuracy = statistics[1].to_f64() / (step.share * step.batch_len() as f64);
        Self { loss: statistics[0].to_f64(), accuracy }
    }
}

/// Is called with a step's number and metrics, a few steps late.
pub type OnStep<'a> = dyn FnMut(usize, Metrics) -> Result<(), Error> + 'a;

/// Gives the weights before a step of a path that was recorded elsewhere.
pub type Recorded<'a, E> = dyn FnMut(usize) -> Result<Vec<E>, Error> + 'a;

/// How many steps' downloads may be under way.
const IN_FLIGHT: usize = 8;

/// What a step leaves, on its way to the host.
struct Pending<B: Backend> {
    number: usize,
    /// Rows of the recording.
    rows: Vec<(Kept, usize, B::Ticket)>,
    statistics: B::Ticket,
}

impl<B: Backend> Training<'_, B> {
    /// Trains from `initial`, recording the path.
    ///
    /// # Errors
    ///
    /// Divergence (naming the step), a device error, a file that cannot be written.
    pub fn run(
        &self,
        initial: &[B::Element],
        steps: Vec<Step>,
        recorder: Recorder<B::Element>,
        progress: &mut OnStep<'_>,
    ) -> Result<Trajectory, Error> {
        self.walk(initial, steps, recorder, None, progress)
    }

    /// Follows a path that was recorded elsewhere. At each step the optimizer's own step is made from the recorded weights,
    /// and what it does not explain is recorded beside it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and weights that cannot be read.
    pub fn follow(
        &self,
        weights: &mut Recorded<'_, B::Element>,
        steps: Vec<Step>,
        recorder: Recorder<B::Element>,
        progress: &mut OnStep<'_>,
    ) -> Result<Trajectory, Error> {
        let initial = weights(0)?;
        self.walk(&initial, steps, recorder, Some(weights), progress)
    }

    fn walk(
        &self,
        initial: &[B::Element],
        mut steps: Vec<Step>,
        mut recorder: Recorder<B::Element>,
        mut recorded: Option<&mut Recorded<'_, B::Element>>,
        progress: &mut OnStep<'_>,
    ) -> Result<Trajectory, Error> {
        let (backend, len) = (self.backend, self.network.len);
        let mut memory = Memory::new(backend, &self.optimizer, len)?;
        let mut weights = backend.upload(initial)?;
        recorder.record(Kept::Weights, 0, initial)?;
        let mut pending: VecDeque<Pending<B>> = VecDeque::new();
        for number in 0..steps.len() {
            let mut rows = Vec::new();
            let mut keep = |kept: Kept, row: Option<usize>, vector: &B::Buffer| -> Result<(), Error> {
                if let Some(row) = row.filter(|_| recorder.keeps(kept)) {
                    rows.push((kept, row, backend.download_later(Slice::new(vector, 0, len))?));
                }
                Ok(())
            };
            for (which, vector) in memory.vectors().enumerate() {
                keep(Kept::Memory(which), recorder.recording.place(number), vector)?;
            }
            let (gradient, statistics) = self.gradient(&weights, &steps[number])?;
            steps[number].clip = self.clip(&gradient)?;
            let Made { next, preconditioner, decay } =
                self.make((number, &steps[number]), &mut memory, &weights, gradient)?;
            weights = next;
            if let Some(recorded) = &mut recorded {
                let found = backend.upload(&recorded(number + 1)?)?;
                let mut rest = weights;
                backend.scale(SliceMut::new(&mut rest, 0, len), -1.0)?;
                backend.axpy(SliceMut::new(&mut rest, 0, len), 1.0, Slice::new(&found, 0, len))?;
                keep(Kept::Unexplained, Some(number), &rest)?;
                weights = found;
            }
            for (kept, vector) in [(Kept::Preconditioner, &preconditioner), (Kept::Decay, &decay)] {
                vector.as_ref().map_or(Ok(()), |vector| keep(kept, Some(number), vector))?;
            }
            keep(Kept::Weights, recorder.recording.place(number + 1), &weights)?;
            pending.push_back(Pending {
                number,
                rows,
                statistics: backend.download_later(Slice::new(&statistics, 0, 2))?,
            });
            if pending.len() > IN_FLIGHT {
                self.settle(&mut pending, &steps, &mut recorder, progress)?;
            }
        }
        while !pending.is_empty() {
            self.settle(&mut pending, &steps, &mut recorder, progress)?;
        }
        recorder.finish(steps)
    }

    /// The step that the optimizer makes of a loss gradient, which is clipped as the step says.
    fn make(
        &self,
        (number, step): (usize, &Step),
        memory: &mut Memory<B>,
        weights: &B::Buffer,
        mut gradient: B::Buffer,
    ) -> Result<Made<B>, Error> {
        let len = self.network.len;
        if step.clip != 1.0 {
            self.backend.scale(SliceMut::new(&mut gradient, 0, len), step.clip)?;
        }
        Ok(make(self.backend, &self.optimizer, (number, step.learning_rate), memory, weights, gradient, len)?)
    }

    /// Records the oldest pending step.
    fn settle(
        &self,
        pending: &mut VecDeque<Pending<B>>,
        steps: &[Step],
        recorder: &mut Recorder<B::Element>,
        progress: &mut OnStep<'_>,
    ) -> Result<(), Error> {
        let Some(Pending { number, rows, statistics }) = pending.pop_front() else {
            return Ok(());
        };
        let (step, statistics) = (&steps[number], self.backend.collect(statistics)?);
        let metrics = Metrics::new(&statistics, step);
        let diverged = Error::Diverged { step: number, learning_rate: step.learning_rate };
        if !metrics.loss.is_finite() {
            return Err(diverged);
        }
        for (kept, row, ticket) in rows {
            let values = self.backend.collect(ticket)?;
            if values.iter().any(|value| !value.to_f64().is_finite()) {
                return Err(diverged);
            }
            recorder.record(kept, row, &values)?;
        }
        progress(number, metrics)
    }

    /// Makes the steps from a recorded place on again, up to the next one.
    pub(super) fn again(&self, trajectory: &Trajectory, first: usize) -> Result<Vec<Leg<B>>, Error> {
        let (backend, len) = (self.backend, self.network.len);
        let row = trajectory.recording.place(first).unwrap_or(0);
        let mut memory = Memory::new(backend, &self.optimizer, len)?;
        for (which, vector) in memory.vectors_mut().enumerate() {
            *vector = backend.upload(&trajectory.row(Kept::Memory(which), row)?)?;
        }
        let mut weights = backend.upload(&trajectory.row(Kept::Weights, row)?)?;
        let mut legs = Vec::new();
        for number in first..trajectory.steps.len().min(first + trajectory.every()) {
            let step = &trajectory.steps[number];
            let (gradient, _) = self.gradient(&weights, step)?;
            let Made { next, preconditioner, decay } = self.make((number, step), &mut memory, &weights, gradient)?;
            legs.push(Leg { weights: std::mem::replace(&mut weights, next), preconditioner, decay, unexplained: None });
        }
        Ok(legs)
    }
}

/// A step of a recorded path, on the device: where it begins, and what its decomposition needs.
pub struct Leg<B: Backend> {
    /// w.
    pub weights: B::Buffer,
    /// Adam's `1 / (√v̂ + eps)`.
    pub preconditioner: Option<B::Buffer>,
    /// The part of the step that weight decay made, where the optimizer remembers it.
    pub decay: Option<B::Buffer>,
    /// The part of the step that the optimizer did not make.
    pub unexplained: Option<B::Buffer>,
}
