//! The backward pass: from seeds at the outputs to the gradient factors of every block.

use super::primitive::{Back, Kind, Primitive, Site};
use super::{Forward, Graph, NodeId, Pooled, Segment, Structure};
use crate::compute::{Backend, Result, Slice, SliceMut};
use std::collections::BTreeMap;

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
    /// `[copies * base rows, positions, height]`, for the visitor to keep; of a pooled one `[copies * base rows, height, windows]`.
    pub delta: T,
    /// Elements of δ.
    pub len: usize,
    /// Where δ is held at pooled positions, what it becomes before pooling.
    pub pooled: Option<Pooled<'a, T>>,
    /// `[base rows, positions, width]`.
    pub input: Slice<'a, T>,
}

impl<T> Factor<'_, T> {
    /// δ, whole.
    pub fn delta(&self) -> Slice<'_, T> {
        Slice::new(&self.delta, 0, self.len)
    }

    /// Elements of a row's δ, as it is held.
    pub fn delta_len(&self) -> usize {
        self.pooled.map_or(self.structure.delta_len(), |pooled| pooled.delta_len())
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
        self.backward_of_all(backend, segment, pass, (copies, seed), &|_| false, &mut trained)
    }

    /// As [`backward`](Self::backward), with the factors of held parameters where they are [followed](Self::following_held). Of a
    /// block whose whole rows the visitor `forms`, δ may be [pooled](Pooled).
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub(crate) fn backward_of_all<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (copies, seed): (usize, B::Buffer),
        forms: &dyn Fn(usize) -> bool,
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let trained: Vec<bool> = self.nodes.iter().map(|node| node.trained).collect();
        self.propagate(backend, segment, pass, (copies, seed), (&trained, forms), visit)
    }

    /// As [`backward_of_all`](Self::backward_of_all), of some blocks alone: what no such block is behind gets no δ.
    ///
    /// # Errors
    ///
    /// A device error, or one of `visit`.
    pub(crate) fn backward_to<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (copies, seed): (usize, B::Buffer),
        (blocks, forms): (&[bool], &dyn Fn(usize) -> bool),
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let is_wanted = |factor: &Factor<'_, B::Buffer>| !factor.held && blocks[factor.block];
        let mut some = |factor: Factor<'_, B::Buffer>| if is_wanted(&factor) { visit(factor) } else { Ok(()) };
        self.propagate(backend, segment, pass, (copies, seed), (&self.dependent(blocks), forms), &mut some)
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
        (copies, seed): (usize, B::Buffer),
        (wanted, forms): (&[bool], &dyn Fn(usize) -> bool),
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let mut chains = self.pooled(copies, forms);
        let mut pooled = BTreeMap::new();
        let mut deltas: Vec<Option<B::Buffer>> = (0..=self.nodes.len()).map(|_| None).collect();
        deltas[self.storage(self.output())] = Some(seed);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
            let of_input = |input: &NodeId| input.checked_sub(1).is_some_and(|input| wanted[input]);
            let inputs: Vec<bool> = node.inputs.iter().map(of_input).collect();
            let back = Back { copies, wanted: &inputs };
            if let (Some((chain, delta)), Kind::Convolve(own)) = (pooled.remove(&index), &node.kind) {
                let slopes = self.slopes(backend, pass, &chain)?;
                let slopes = Slice::new(&slopes, 0, pass.rows * self.node_len(index + 1));
                let before = Pooled { window: chain.window, slopes };
                let found = own.backward_pooled(&site, &self.seen(pass, index), &back, (delta, before), visit)?;
                self.hand_on(backend, index, copies * pass.rows, found, &mut deltas)?;
                continue;
            }
            let Some(delta) = deltas[index + 1].take().filter(|_| wanted[index]) else {
                continue;
            };
            if let Some((convolve, chain)) = chains.remove(&index) {
                pooled.insert(convolve, (chain, delta));
                continue;
            }
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
        let inputs = self.nodes[index].inputs.iter().zip(found);
        inputs.into_iter().try_for_each(|(&input, part)| self.add_to(backend, (input, rows), part, deltas))
    }

    /// Adds a part, where there is one, to δ of a node of `rows` rows.
    pub(super) fn add_to<B: Backend>(
        &self,
        backend: &B,
        (node, rows): (NodeId, usize),
        part: Option<B::Buffer>,
        deltas: &mut [Option<B::Buffer>],
    ) -> Result<()> {
        let (slot, len) = (&mut deltas[self.storage(node)], rows * self.node_len(node));
        match (slot.as_mut(), part) {
            (_, None) => {}
            (None, part) => *slot = part,
            (Some(sum), Some(part)) => {
                backend.axpy(SliceMut::new(sum, 0, len), 1.0, Slice::new(&part, 0, len))?;
            }
        }
        Ok(())
    }
}
