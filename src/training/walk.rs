//! Makes a path step by step, or follows one that was recorded elsewhere, and records it.

use super::Training;
use super::descent::Taken;
use crate::compute::{Backend, Element, Slice, SliceMut};
use crate::error::Error;
use crate::formats::StateWriter;
use crate::keeper::Keeper;
use crate::optimizer::{Given, Made, Memory, Vectors};
use crate::tape::{Kept, Metrics, Recorder, Step, Tape};
use std::collections::VecDeque;
use std::time::Instant;

/// What is said of a loss that no step has led to.
const NOT_FINITE: &str = "the loss is not finite at the first weights, before any step: some layer gives infinity or NaN (a logarithm or \
                          rsqrt of a number below 0, a softmax of a row that is all masked, exp of a large number, a running_var \
                          below 0), or inputs and weights are too large";

/// Gives the weights before a step of a path that was recorded elsewhere.
pub type Recorded<'a, E> = dyn FnMut(usize) -> Result<Vec<E>, Error> + 'a;

/// The number of steps whose results may be on their way to the host.
const IN_FLIGHT: usize = 8;

/// The results of a step on their way to the host.
struct Pending<B: Backend> {
    number: usize,
    step: Step,
    /// Rows to be recorded: the array, the row, and its values.
    rows: Vec<(Kept, usize, B::Ticket)>,
    statistics: B::Ticket,
}

/// A path that is being made.
struct Walk<'a, B: Backend> {
    steps: &'a [Step],
    recorder: &'a mut dyn Recorder<B::Element>,
    memory: Memory<B>,
    weights: B::Buffer,
    /// Steps whose results are on their way to the host, the oldest first.
    pending: VecDeque<Pending<B>>,
    started: Instant,
    /// Seconds that earlier attempts took.
    before: f64,
}

impl<B: Backend> Training<'_, B> {
    /// Trains from `initial`, recording the path, or goes on where an earlier attempt was left.
    ///
    /// # Errors
    ///
    /// Divergence (naming the step), a device error, a file that cannot be written, or an error of the keeper.
    pub fn run(
        &self,
        initial: &[B::Element],
        steps: &[Step],
        recorder: &mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        self.walk(initial, steps, recorder, None, keeper)
    }

    /// Follows a path that was recorded elsewhere. The optimizer makes a step from the weights before each recorded step; the
    /// recorded step less the optimizer's is recorded as unexplained.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and weights that cannot be read.
    pub fn follow(
        &self,
        weights: &mut Recorded<'_, B::Element>,
        steps: &[Step],
        recorder: &mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        let initial = weights(0)?;
        self.walk(&initial, steps, recorder, Some(weights), keeper)
    }

    fn walk(
        &self,
        initial: &[B::Element],
        steps: &[Step],
        recorder: &mut dyn Recorder<B::Element>,
        mut recorded: Option<&mut Recorded<'_, B::Element>>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        let count = steps.len();
        let (mut walk, first) = self.begin(initial, steps, recorder, keeper)?;
        for number in first..count {
            let recorded = match &mut recorded {
                Some(recorded) => Some(recorded(number + 1)?),
                None => None,
            };
            self.step(&mut walk, number, recorded)?;
            if walk.pending.len() > IN_FLIGHT {
                self.settle(&mut walk)?;
            }
            let done = (number + 1) as f64 / count as f64;
            keeper.step(done, &mut |writer| self.save(&mut walk, writer))?;
        }
        while !walk.pending.is_empty() {
            self.settle(&mut walk)?;
        }
        Ok(())
    }

    /// Begins a walk, or goes on where an earlier attempt was left. Returns it with the number of the next step.
    fn begin<'a>(
        &self,
        initial: &[B::Element],
        steps: &'a [Step],
        recorder: &'a mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(Walk<'a, B>, usize), Error> {
        let (backend, len) = (self.backend, self.network.len);
        let mut memory = self.optimizer.memory(backend, len)?;
        let weights = match keeper.earlier()? {
            None => {
                recorder.record(Kept::Weights, 0, initial)?;
                backend.upload(initial)?
            }
            Some(mut reader) => {
                recorder.restore(&mut reader, &|number| steps[number.min(steps.len() - 1)].clone())?;
                for vector in memory.vectors_mut() {
                    *vector = backend.upload(&reader.take_exactly::<B::Element>("memory", len)?)?;
                }
                backend.upload(&reader.take_exactly::<B::Element>("weights", len)?)?
            }
        };
        let (first, before) = (recorder.history().steps.len(), recorder.history().seconds());
        let (pending, started) = (VecDeque::new(), Instant::now());
        Ok((Walk { steps, recorder, memory, weights, pending, started, before }, first))
    }

    /// Writes the state of a walk.
    fn save(&self, walk: &mut Walk<'_, B>, writer: &mut StateWriter) -> Result<(), Error> {
        while !walk.pending.is_empty() {
            self.settle(walk)?;
        }
        let (backend, len) = (self.backend, self.network.len);
        walk.recorder.save(writer)?;
        for vector in walk.memory.vectors() {
            writer.put("memory", &backend.download(Slice::new(vector, 0, len))?)?;
        }
        Ok(writer.put("weights", &backend.download(Slice::new(&walk.weights, 0, len))?)?)
    }

    /// Makes a step. Of an imported path, `recorded` is where the step ends, and what the optimizer's own step misses of it is
    /// recorded.
    fn step(&self, walk: &mut Walk<'_, B>, number: usize, recorded: Option<Vec<B::Element>>) -> Result<(), Error> {
        let (backend, len) = (self.backend, self.network.len);
        let Walk { steps, recorder, memory, weights, pending, .. } = walk;
        let (recording, mut step) = (&recorder.history().recording, steps[number].clone());
        let mut rows = Vec::new();
        let mut keep = |kept: Kept, row: Option<usize>, vector: &B::Buffer| -> Result<(), Error> {
            if let Some(row) = row.filter(|_| recording.keeps(kept)) {
                rows.push((kept, row, backend.download_later(Slice::new(vector, 0, len))?));
            }
            Ok(())
        };
        for (which, vector) in memory.vectors().enumerate() {
            keep(Kept::Memory(which), recording.place(number), vector)?;
        }
        let taken = self.gradient(weights, (number, &step))?;
        step.clip = self.clip(&taken.gradient)?;
        let statistics = backend.download_later(Slice::new(&taken.statistics, 0, 2))?;
        let Made { next, preconditioner, decay } = self.make((number, &step), memory, weights, taken)?;
        *weights = next;
        if let Some(recorded) = recorded {
            let found = backend.upload(&recorded)?;
            let mut rest = std::mem::replace(weights, found);
            backend.scale(SliceMut::new(&mut rest, 0, len), -1.0)?;
            backend.axpy(SliceMut::new(&mut rest, 0, len), 1.0, Slice::new(weights, 0, len))?;
            // What running statistics move is their own part, whoever moved them.
            for block in self.network.running_blocks() {
                backend.fill(SliceMut::new(&mut rest, block.offset, block.len()), 0.0)?;
            }
            keep(Kept::Unexplained, Some(number), &rest)?;
        }
        for (kept, vector) in [(Kept::Preconditioner, &preconditioner), (Kept::Decay, &decay)] {
            vector.as_ref().map_or(Ok(()), |vector| keep(kept, Some(number), vector))?;
        }
        keep(Kept::Weights, recording.place(number + 1), weights)?;
        pending.push_back(Pending { number, step, rows, statistics });
        Ok(())
    }

    /// Clips a loss gradient by the step's factor, and lets the optimizer make its step of it. Running statistics move with it.
    fn make(
        &self,
        (number, step): (usize, &Step),
        memory: &mut Memory<B>,
        weights: &B::Buffer,
        taken: Taken<B>,
    ) -> Result<Made<B>, Error> {
        let Taken { gradient, running, .. } = taken;
        let vectors = Vectors { backend: self.backend, len: self.network.trained_len };
        let given = Given { number, rate: step.learning_rate, weights, gradient: self.clipped(step, gradient)? };
        let Made { next, preconditioner, decay } = self.optimizer.step(&vectors, memory, given)?;
        let whole = |part: Option<B::Buffer>| part.map(|part| self.whole(part, None)).transpose();
        Ok(Made {
            next: self.whole(next, Some(running.as_ref().unwrap_or(weights)))?,
            preconditioner: whole(preconditioner)?,
            decay: whole(decay)?,
        })
    }

    /// A step's loss gradient, clipped by the step's factor.
    pub(super) fn clipped(&self, step: &Step, mut gradient: B::Buffer) -> Result<B::Buffer, Error> {
        if step.clip != 1.0 {
            self.backend.scale(SliceMut::new(&mut gradient, 0, self.network.trained_len), step.clip)?;
        }
        Ok(gradient)
    }

    /// A flat vector whose trained part is given; the held part is that of another, or zeros.
    pub(crate) fn whole(&self, trained: B::Buffer, rest: Option<&B::Buffer>) -> Result<B::Buffer, Error> {
        let (backend, from, len) = (self.backend, self.network.trained_len, self.network.len);
        if from == len {
            return Ok(trained);
        }
        let mut whole = match rest {
            Some(rest) => backend.copied(Slice::new(rest, 0, len))?,
            None => backend.zeros(len)?,
        };
        backend.copy(SliceMut::new(&mut whole, 0, from), Slice::new(&trained, 0, from))?;
        Ok(whole)
    }

    /// Records the oldest pending step.
    fn settle(&self, walk: &mut Walk<'_, B>) -> Result<(), Error> {
        let Some(Pending { number, step, rows, statistics }) = walk.pending.pop_front() else {
            return Ok(());
        };
        let metrics = Metrics::new(&self.backend.collect(statistics)?, &step);
        let diverged = Error::Diverged { step: number, learning_rate: step.learning_rate };
        if !metrics.loss.is_finite() {
            return Err(if number == 0 { Error::Input(NOT_FINITE.into()) } else { diverged });
        }
        for (kept, row, ticket) in rows {
            let values = self.backend.collect(ticket)?;
            if values.iter().any(|value| !value.to_f64().is_finite()) {
                return Err(diverged);
            }
            walk.recorder.record(kept, row, &values)?;
        }
        let seconds = walk.before + walk.started.elapsed().as_secs_f64();
        walk.recorder.made(step, metrics, seconds);
        Ok(())
    }

    /// What the optimizer kept before a step at whose place that is recorded.
    pub(super) fn remembered(&self, tape: &dyn Tape<B::Element>, number: usize) -> Result<Memory<B>, Error> {
        let row = tape.history().recording.place(number).unwrap_or(0);
        let mut memory = Memory::new(self.backend, self.optimizer.whole(), self.network.len)?;
        for (which, vector) in memory.vectors_mut().enumerate() {
            *vector = self.backend.upload(&tape.row(Kept::Memory(which), row)?)?;
        }
        Ok(memory)
    }

    /// Makes the steps from one recorded place up to the next one again.
    pub(super) fn again(&self, tape: &dyn Tape<B::Element>, first: usize) -> Result<Vec<Leg<B>>, Error> {
        let (steps, recording) = (&tape.history().steps, &tape.history().recording);
        let mut memory = self.remembered(tape, first)?;
        let mut weights = self.backend.upload(&tape.row(Kept::Weights, recording.place(first).unwrap_or(0))?)?;
        let mut legs = Vec::new();
        for (number, step) in steps.iter().enumerate().skip(first).take(recording.every()) {
            let taken = self.gradient(&weights, (number, step))?;
            let Made { next, preconditioner, decay } = self.make((number, step), &mut memory, &weights, taken)?;
            legs.push(Leg { weights: std::mem::replace(&mut weights, next), preconditioner, decay, unexplained: None });
        }
        Ok(legs)
    }
}

/// A step of a recorded path on the device: the weights before it, and the vectors that its decomposition needs.
pub struct Leg<B: Backend> {
    /// w: the weights before the step.
    pub weights: B::Buffer,
    /// What the step's gradients were multiplied by, entry by entry, where the optimizer does that.
    pub preconditioner: Option<B::Buffer>,
    /// The part of the step that weight decay made, where it depends on earlier weights too.
    pub decay: Option<B::Buffer>,
    /// Of an imported path, the step less the one that the optimizer makes.
    pub unexplained: Option<B::Buffer>,
}
