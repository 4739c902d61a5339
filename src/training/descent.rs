//! The loss gradient of a step, on the device.

use super::{BatchPart, Examples, TargetBuffer};
use crate::compute::{Backend, Element, RowMap, Slice, SliceMut, Start};
use crate::error::Error;
use crate::graph::{Graph, Segment};
use crate::loss::Loss;
use crate::optimizer::ParameterGroups;
use crate::tangent::write_gradient;
use crate::tape::Step;

/// A network, its training data, and how it is trained.
pub struct Training<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// The network.
    pub network: &'a Graph,
    /// The loss.
    pub loss: Loss,
    /// The optimizer, with its numbers for each block and step.
    pub optimizer: ParameterGroups,
    /// The largest norm of the loss gradient; 0: not clipped.
    pub clip_norm: f64,
    /// The inputs.
    pub examples: &'a Examples<B>,
    /// The targets.
    pub targets: &'a TargetBuffer<B>,
}

/// Elements of the widest array of a pass; a larger batch passes in parts. The parts decide the order of sums, so this is a
/// constant: a path depends neither on the device nor on its free memory.
const ELEMENTS_AT_ONCE: usize = 1 << 20;
/// Rows that pass at once.
pub(crate) fn rows_at_once(network: &Graph) -> usize {
    (ELEMENTS_AT_ONCE / network.widest_row().max(1)).max(1)
}

/// The number that PyTorch adds to the norm before it divides by it.
pub(crate) const CLIP_EPS: f64 = 1e-6;

/// What a batch gives at some weights.
pub(crate) struct Taken<B: Backend> {
    /// The loss gradient.
    pub gradient: B::Buffer,
    /// `[loss, share of hits]`.
    pub statistics: B::Buffer,
    /// The flat weights with the running statistics after the batch, where it moves any.
    pub running: Option<B::Buffer>,
}

impl<B: Backend> Training<'_, B> {
    /// The loss gradient of a step's batch at some weights, and what else its passes give; the step comes with its number.
    pub(crate) fn gradient(&self, weights: &B::Buffer, (number, step): (usize, &Step)) -> Result<Taken<B>, Error> {
        let (backend, network) = (self.backend, self.network);
        // No layer writes the gaps between layers: they stay zero.
        let mut taken = Taken { gradient: backend.zeros(network.len)?, statistics: backend.zeros(2)?, running: None };
        for held in self.parts(step) {
            self.add_gradient(weights, &BatchPart::new(self, number, &held)?, &mut taken)?;
        }
        Ok(taken)
    }

    /// The rows of a step's batch, each with its factor in the loss, in the parts that pass at once. Where rows depend on each other
    /// all of them pass together, an example that the batch repeats as often.
    pub(crate) fn parts(&self, step: &Step) -> Vec<Vec<(usize, f64)>> {
        if self.network.couples_rows() {
            return vec![step.rows()];
        }
        let at_once = rows_at_once(self.network);
        step.shares(&(0..self.examples.count())).chunks(at_once).map(<[(usize, f64)]>::to_vec).collect()
    }

    /// The factor by which torch.nn.utils.clip_grad_norm_ would clip a loss gradient; 1 where nothing is clipped.
    pub(super) fn clip(&self, gradient: &B::Buffer) -> Result<f64, Error> {
        if self.clip_norm == 0.0 {
            return Ok(1.0);
        }
        let values = self.backend.download(Slice::new(gradient, 0, self.network.len))?;
        let norm = values.iter().map(|value| value.to_f64() * value.to_f64()).sum::<f64>().sqrt();
        Ok((self.clip_norm / (norm + CLIP_EPS)).min(1.0))
    }

    /// Adds some rows' part of the gradient and of the statistics.
    fn add_gradient(&self, weights: &B::Buffer, part: &BatchPart<B>, taken: &mut Taken<B>) -> Result<(), Error> {
        let (backend, network, segment) = (self.backend, self.network, Segment::at(weights));
        let (rows, pass) = (part.rows, part.pass(self, weights)?);
        let losses = self.targets.losses(backend, self.loss, network.outputs(&pass), &part.places)?;
        losses.add_sums(backend, &part.places, SliceMut::new(&mut taken.statistics, 0, 2))?;
        taken.running = network.run_statistics(backend, weights, &pass)?;

        let inputs: Vec<u32> = (0..rows as u32).collect();
        let map = RowMap::new(backend, &[0, rows as u32], &inputs, &vec![1.0; rows])?;
        network.backward(backend, segment, &pass, 1, losses.gradient, &mut |factor| {
            let own = &network.blocks[factor.block];
            let out = SliceMut::new(&mut taken.gradient, own.offset, own.len());
            write_gradient(backend, &map, None, &factor, Start::Output, out)
        })?;
        for place in network.silent() {
            backend.fill(SliceMut::new(&mut taken.gradient, place.start, place.len()), 0.0)?;
        }
        Ok(())
    }
}
