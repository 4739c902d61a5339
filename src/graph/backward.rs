//! The backward pass: from seeds at the outputs to the gradient factors of every block.

use super::primitive::{Back, Primitive, Site};
use super::{Forward, Graph, NodeId, Segment, Structure};
use crate::compute::{Backend, Result, Slice, SliceMut};

/// The two factors of the gradients of a block at one of its uses; how they make up a row is said by the structure, and the
/// rows of all uses add up.
#[derive(Debug)]
pub struct Factor<'a, T> {
    /// Index into [`Graph::blocks`], or of a held block's into [`Graph::held`].
    pub block: usize,
    /// Whether the block is a held one.
    pub held: bool,
    /// Which of the block's uses.
    pub place: usize,
    /// How the two make up a gradient row: the first entries of the block, or all.
    pub structure: Structure,
    /// `[copies * base rows, positions, height]`, for the visitor to keep.
    pub delta: T,
    /// Elements of δ.
    pub len: usize,
    /// `[base rows, positions, width]`.
    pub input: Slice<'a, T>,
}

impl<T> Factor<'_, T> {
    /// δ, whole.
    pub fn delta(&self) -> Slice<'_, T> {
        Slice::new(&self.delta, 0, self.len)
    }
}

impl Graph {
    /// Propagates `seed`, `[copies * rows, C]`, copy-major, back through a pass, and shows the factors of every use of
    /// trained parameters to `visit`, the last node first.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub fn backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        copies: usize,
        seed: B::Buffer,
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let mut trained = |factor: Factor<'_, B::Buffer>| if factor.held { Ok(()) } else { visit(factor) };
        self.backward_of_all(backend, segment, pass, copies, seed, &mut trained)
    }

    /// As [`backward`](Self::backward), with the factors of held parameters where they are [followed](Self::following_held).
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub(crate) fn backward_of_all<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        copies: usize,
        seed: B::Buffer,
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let trained: Vec<bool> = self.nodes.iter().map(|node| node.trained).collect();
        self.propagate(backend, segment, pass, (seed, copies), &trained, visit)
    }

    /// As [`backward`](Self::backward) of some blocks alone: what no such block is behind gets no δ.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub(crate) fn backward_to<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (seed, copies): (B::Buffer, usize),
        blocks: &[bool],
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let is_wanted = |factor: &Factor<'_, B::Buffer>| !factor.held && blocks[factor.block];
        let mut some = |factor: Factor<'_, B::Buffer>| if is_wanted(&factor) { visit(factor) } else { Ok(()) };
        self.propagate(backend, segment, pass, (seed, copies), &self.dependent(blocks), &mut some)
    }

    /// Which nodes depend on some blocks.
    fn dependent(&self, blocks: &[bool]) -> Vec<bool> {
        let mut found = vec![false; self.nodes.len()];
        let own = self.blocks.iter().zip(blocks).filter(|(_, wanted)| **wanted).flat_map(|(block, _)| &block.uses);
        own.for_each(|one| found[one.node - 1] = true);
        for (index, node) in self.nodes.iter().enumerate() {
            found[index] |= node.inputs.iter().any(|input| input.checked_sub(1).is_some_and(|input| found[input]));
        }
        found
    }

    /// Propagates δ to the nodes that are `wanted`.
    fn propagate<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (seed, copies): (B::Buffer, usize),
        wanted: &[bool],
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let mut deltas: Vec<Option<B::Buffer>> = (0..=self.nodes.len()).map(|_| None).collect();
        deltas[self.storage(self.output())] = Some(seed);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let Some(delta) = deltas[index + 1].take().filter(|_| wanted[index]) else {
                continue;
            };
            let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
            let of_input = |input: &NodeId| input.checked_sub(1).is_some_and(|input| wanted[input]);
            let wanted: Vec<bool> = node.inputs.iter().map(of_input).collect();
            let back = Back { copies, wanted: &wanted };
            let found = node.kind.backward(&site, &self.seen(pass, index), &back, delta, visit)?;
            self.hand_on(backend, index, copies * pass.rows, found, &mut deltas)?;
        }
        Ok(())
    }

    /// Which inputs of a node depend on parameters.
    pub(super) fn wanted(&self, index: usize) -> Vec<bool> {
        self.nodes[index].inputs.iter().map(|&input| self.is_trained(input)).collect()
    }

    /// Adds what a node hands to its inputs to their δ, `rows` rows each.
    pub(super) fn hand_on<B: Backend>(
        &self,
        backend: &B,
        index: usize,
        rows: usize,
        found: Vec<Option<B::Buffer>>,
        deltas: &mut [Option<B::Buffer>],
    ) -> Result<()> {
        for (&input, part) in self.nodes[index].inputs.iter().zip(found) {
            let (slot, len) = (&mut deltas[self.storage(input)], rows * self.node_len(input));
            match (slot.as_mut(), part) {
                (_, None) => {}
                (None, part) => *slot = part,
                (Some(sum), Some(part)) => {
                    backend.axpy(SliceMut::new(sum, 0, len), 1.0, Slice::new(&part, 0, len))?;
                }
            }
        }
        Ok(())
    }
}
