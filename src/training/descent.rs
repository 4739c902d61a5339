//! The loss gradient of a step, on the device.

use super::Examples;
use crate::compute::op::{BatchLoss, BatchLossArrays};
use crate::compute::{Backend, Element, Layout, MatMul, RowMap, Slice, SliceMut, Start, Targets};
use crate::error::Error;
use crate::graph::{Graph, Segment};
use crate::loss::Loss;
use crate::optimizer::ParameterGroups;
use crate::tangent::write_gradient;
use crate::tape::Step;

/// The training targets on the device.
#[derive(Debug)]
pub enum TargetBuffer<B: Backend> {
    /// `[m]` classes.
    Classes(B::Index),
    /// `[m, C]` reals, and their number.
    Reals(B::Buffer, usize),
}

impl<B: Backend> TargetBuffer<B> {
    /// The targets in the form that operations take.
    pub fn targets(&self) -> Targets<'_, B::Buffer, B::Index> {
        match self {
            TargetBuffer::Classes(classes) => Targets::Classes(classes),
            TargetBuffer::Reals(values, len) => Targets::Reals(Slice::new(values, 0, *len)),
        }
    }

    /// The losses of outputs `[rows, C]`, where row r belongs to example `examples[r]`, whose loss has the factor `share[r]`.
    /// Returns `[rows, C]`, the gradients times these factors; and `[rows, 2]`, each row's loss and hit without them.
    pub(crate) fn losses(
        &self,
        backend: &B,
        loss: Loss,
        (outputs, rows): (Slice<'_, B::Buffer>, usize),
        examples: &B::Index,
        share: &B::Buffer,
    ) -> crate::compute::Result<(B::Buffer, B::Buffer)> {
        let width = outputs.len / rows.max(1);
        let (mut gradient, mut statistics) = (backend.scratch(outputs.len)?, backend.scratch(2 * rows)?);
        let arrays = BatchLossArrays {
            gradient: SliceMut::new(&mut gradient, 0, outputs.len),
            statistics: SliceMut::new(&mut statistics, 0, 2 * rows),
            outputs,
            targets: self.targets(),
            examples,
            share: Slice::new(share, 0, rows),
        };
        backend.run(&BatchLoss { loss, width }, arrays)?;
        Ok((gradient, statistics))
    }
}

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
/// The number that PyTorch adds to the norm before it divides by it.
const CLIP_EPS: f64 = 1e-6;

impl<B: Backend> Training<'_, B> {
    /// The loss gradient of a step's batch at some weights, and `[loss, share of hits]`.
    pub(super) fn gradient(&self, weights: &B::Buffer, step: &Step) -> Result<(B::Buffer, B::Buffer), Error> {
        let (backend, network) = (self.backend, self.network);
        let held = step.shares(&(0..self.examples.count()));
        let mut statistics = backend.zeros(2)?;
        // No layer writes the gaps between layers: they stay zero.
        let mut gradient = backend.zeros(network.len)?;
        let at_once = (ELEMENTS_AT_ONCE / network.widest_row().max(1)).max(1);
        for chunk in held.chunks(at_once) {
            self.add_gradient(weights, chunk, &mut gradient, &mut statistics)?;
        }
        Ok((gradient, statistics))
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

    /// Adds some examples' part of the gradient and of the statistics; each example comes with its factor in the loss.
    fn add_gradient(
        &self,
        weights: &B::Buffer,
        held: &[(usize, f64)],
        gradient: &mut B::Buffer,
        statistics: &mut B::Buffer,
    ) -> Result<(), Error> {
        let (backend, network) = (self.backend, self.network);
        let (rows, width) = (held.len(), network.input_len());
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        let inputs = self.examples.gather(backend, &examples)?;
        let examples = backend.index(&examples)?;
        let share: Vec<B::Element> = held.iter().map(|&(_, share)| B::Element::from_f64(share)).collect();
        let share = backend.upload(&share)?;
        let segment = Segment::at(weights);
        let pass = network.forward(backend, segment, Slice::new(&inputs, 0, rows * width), rows)?;
        let (seed, each) =
            self.targets.losses(backend, self.loss, (network.outputs(&pass), rows), &examples, &share)?;
        let sum = MatMul { rows: 1, columns: 2, depth: rows, layout: Layout::Plain, start: Start::Output };
        let each = Slice::new(&each, 0, rows * 2);
        backend.matmul(&sum, SliceMut::new(statistics, 0, 2), Slice::new(&share, 0, rows), each, None)?;

        let inputs: Vec<u32> = (0..rows as u32).collect();
        let map = RowMap::new(backend, &[0, rows as u32], &inputs, &vec![1.0; rows])?;
        network.backward(backend, segment, &pass, 1, seed, &mut |factor| {
            let own = &network.blocks[factor.block];
            let out = SliceMut::new(&mut *gradient, own.offset, own.len());
            write_gradient(backend, &map, None, &factor, Start::Output, out)
        })?;
        Ok(())
    }
}
