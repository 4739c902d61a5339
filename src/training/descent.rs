//! Stochastic gradient descent on the device.

use super::{Examples, Recorder, Step, Trajectory};
use crate::backend::{Backend, Element, Layout, LossBatch, MatMul, RowMap, Sgd, Slice, SliceMut, Start, Targets};
use crate::error::Error;
use crate::network::{Network, Segment};
use crate::run_file::Loss;
use crate::tangent::write_gradient;
use std::collections::VecDeque;

/// The training targets on the device.
#[derive(Debug)]
pub enum TargetBuffer<B: Backend> {
    /// `[m]` classes.
    Classes(B::Index),
    /// `[m, C]` reals, and their number.
    Reals(B::Buffer, usize),
}

impl<B: Backend> TargetBuffer<B> {
    /// As the operations take them.
    pub fn targets(&self) -> Targets<'_, B> {
        match self {
            TargetBuffer::Classes(classes) => Targets::Classes(classes),
            TargetBuffer::Reals(values, len) => Targets::Reals(Slice::new(values, 0, *len)),
        }
    }
}

/// What a step says of itself, before the update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// The loss as reduced.
    pub loss: f64,
    /// The share of the batch whose class has the largest output; without meaning for real targets.
    pub accuracy: f64,
}

/// A network to be trained.
pub struct Training<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// The network.
    pub network: &'a Network,
    /// The loss.
    pub loss: Loss,
    /// λ.
    pub weight_decay: f64,
    /// The inputs.
    pub examples: &'a Examples<B>,
    /// The targets.
    pub targets: &'a TargetBuffer<B>,
}

/// Elements of the widest array of a pass. A larger batch is passed in parts: the bound belongs to the arithmetic, so
/// that a path depends neither on the device nor on its free memory.
const ELEMENTS_AT_ONCE: usize = 1 << 24;
/// How many steps' downloads may be under way.
const IN_FLIGHT: usize = 8;

/// A step's weights and statistics on their way to the host.
struct Pending<B: Backend> {
    number: usize,
    weights: B::Ticket,
    statistics: B::Ticket,
}

impl<B: Backend> Training<'_, B> {
    /// Trains from `initial`, recording every step's weights. `progress` gets each step's number and metrics, a few
    /// steps late.
    ///
    /// # Errors
    ///
    /// Divergence (naming the step), a device error, a file that cannot be written.
    pub fn run(
        &self,
        initial: &[B::Element],
        steps: Vec<Step>,
        mut recorder: Recorder<B::Element>,
        progress: &mut dyn FnMut(usize, Metrics) -> Result<(), Error>,
    ) -> Result<Trajectory, Error> {
        let (backend, network) = (self.backend, self.network);
        let mut weights = backend.upload(initial)?;
        recorder.record(0, initial)?;
        let mut pending: VecDeque<Pending<B>> = VecDeque::new();
        for (number, step) in steps.iter().enumerate() {
            let (next, statistics) = self.step(&weights, step)?;
            weights = next;
            pending.push_back(Pending {
                number,
                weights: backend.download_later(Slice::new(&weights, 0, network.len))?,
                statistics: backend.download_later(Slice::new(&statistics, 0, 2))?,
            });
            if pending.len() > IN_FLIGHT {
                self.settle(&mut pending, &steps, &mut recorder, progress)?;
            }
        }
        while !pending.is_empty() {
            self.settle(&mut pending, &steps, &mut recorder, progress)?;
        }
        recorder.finish(steps, self.examples.count())
    }

    /// Records the oldest pending step.
    fn settle(
        &self,
        pending: &mut VecDeque<Pending<B>>,
        steps: &[Step],
        recorder: &mut Recorder<B::Element>,
        progress: &mut dyn FnMut(usize, Metrics) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(Pending { number, weights, statistics }) = pending.pop_front() else {
            return Ok(());
        };
        let weights = self.backend.collect(weights)?;
        let statistics = self.backend.collect(statistics)?;
        let step = &steps[number];
        let loss = statistics[0].to_f64();
        if !loss.is_finite() || weights.iter().any(|w| !w.to_f64().is_finite()) {
            return Err(Error::Diverged { step: number, learning_rate: step.learning_rate });
        }
        recorder.record(number + 1, &weights)?;
        let accuracy = statistics[1].to_f64() / (step.share * step.batch_len() as f64);
        progress(number, Metrics { loss, accuracy })
    }

    /// One step: the next weights, and `[loss, share of hits]`.
    fn step(&self, weights: &B::Buffer, step: &Step) -> Result<(B::Buffer, B::Buffer), Error> {
        let (backend, network) = (self.backend, self.network);
        let held = step.shares(&(0..self.examples.count()));
        let mut statistics = backend.zeros(2)?;
        // What no layer writes stays zero.
        let mut gradient = backend.zeros(network.len)?;
        let at_once = (ELEMENTS_AT_ONCE / network.widest_row().max(1)).max(1);
        for chunk in held.chunks(at_once) {
            self.gradient(weights, chunk, &mut gradient, &mut statistics)?;
        }
        let mut next = backend.scratch(network.len)?;
        backend.sgd(
            &Sgd { learning_rate: step.learning_rate, weight_decay: self.weight_decay },
            SliceMut::new(&mut next, 0, network.len),
            Slice::new(weights, 0, network.len),
            Slice::new(&gradient, 0, network.len),
        )?;
        Ok((next, statistics))
    }

    /// Adds the part of the gradient and of the statistics that some examples, each with its share, make up.
    fn gradient(
        &self,
        weights: &B::Buffer,
        held: &[(usize, f64)],
        gradient: &mut B::Buffer,
        statistics: &mut B::Buffer,
    ) -> Result<(), Error> {
        let (backend, network) = (self.backend, self.network);
        let (rows, outputs, width) = (held.len(), network.outputs, network.input_len());
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        let inputs = self.examples.gather(backend, &examples)?;
        let examples = backend.index(&examples)?;
        let share: Vec<B::Element> = held.iter().map(|&(_, share)| B::Element::from_f64(share)).collect();
        let share = backend.upload(&share)?;
        let segment = Segment::at(weights);
        let pass = network.forward(backend, segment, Slice::new(&inputs, 0, rows * width), rows)?;
        let mut seed = backend.scratch(rows * outputs)?;
        let mut each = backend.scratch(rows * 2)?;
        let losses = LossBatch {
            loss: self.loss,
            rows,
            width: outputs,
            outputs: network.outputs(&pass),
            targets: self.targets.targets(),
            examples: &examples,
            share: Slice::new(&share, 0, rows),
        };
        backend.loss(&losses, SliceMut::new(&mut seed, 0, rows * outputs), SliceMut::new(&mut each, 0, rows * 2))?;
        let sum = MatMul { rows: 1, columns: 2, depth: rows, layout: Layout::Plain, start: Start::Output };
        let each = Slice::new(&each, 0, rows * 2);
        backend.matmul(&sum, SliceMut::new(statistics, 0, 2), Slice::new(&share, 0, rows), each, None)?;

        let inputs: Vec<u32> = (0..rows as u32).collect();
        let map = RowMap::new(backend, &[0, rows as u32], &inputs, &vec![1.0; rows])?;
        network.backward(backend, segment, &pass, 1, seed, &mut |factor| {
            let own = &network.parameters[factor.index];
            let out = SliceMut::new(&mut *gradient, own.offset, own.len());
            write_gradient(backend, own, &map, &factor, Start::Output, out)
        })?;
        Ok(())
    }
}
