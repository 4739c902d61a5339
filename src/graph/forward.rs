//! The forward pass.

use super::primitive::{Primitive, Seen, Site, fresh};
use super::{Draw, Graph, NodeId};
use crate::compute::{Backend, Position, Result, Slice, Weights};

/// Weights, or a segment of them with each base row at its own position.
#[derive(Debug)]
pub struct Segment<'a, T> {
    /// The flat parameters at the segment's start.
    pub weights: &'a T,
    /// The flat change over the segment, and τ of each base row.
    pub step: Option<(&'a T, Slice<'a, T>)>,
}

impl<T> Clone for Segment<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Segment<'_, T> {}

impl<'a, T> Segment<'a, T> {
    /// Fixed weights.
    pub fn at(weights: &'a T) -> Self {
        Self { weights, step: None }
    }

    /// `len` parameters from `offset`, for rows of which `positions` belong to one base row.
    pub fn part(&self, offset: usize, len: usize, positions: usize) -> Weights<'a, T> {
        Weights {
            start: Slice::new(self.weights, offset, len),
            step: self.step.map(|(step, tau)| (Slice::new(step, offset, len), Position { tau, positions })),
        }
    }
}

/// What a forward pass of `rows` base rows keeps for the backward pass.
#[derive(Debug)]
pub struct Forward<'a, B: Backend + ?Sized> {
    /// Base rows.
    pub rows: usize,
    /// The inputs, `[rows, …]`.
    input: Slice<'a, B::Buffer>,
    /// The value of each node that has a buffer of its own.
    values: Vec<Option<B::Buffer>>,
    /// What each node saved beside its value.
    pub(super) saved: Vec<Vec<B::Buffer>>,
    /// What its rows draw by.
    pub(super) draw: Option<Draw<'a, B>>,
}

impl<'a, B: Backend> Forward<'a, B> {
    /// A pass of which nothing is computed yet.
    pub(super) fn begin(input: Slice<'a, B::Buffer>, rows: usize, draw: Option<Draw<'a, B>>) -> Self {
        Self { rows, input, values: Vec::new(), saved: Vec::new(), draw }
    }
}

impl Graph {
    /// Runs `rows` examples through the graph.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn forward<'a, B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        input: Slice<'a, B::Buffer>,
        rows: usize,
    ) -> Result<Forward<'a, B>> {
        self.forward_drawing(backend, segment, input, rows, None)
    }

    /// The same in a step of training, for which a graph that [draws](Self::draws) needs `draw`.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn forward_drawing<'a, B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        input: Slice<'a, B::Buffer>,
        rows: usize,
        draw: Option<Draw<'a, B>>,
    ) -> Result<Forward<'a, B>> {
        self.forward_of(backend, segment, Forward::begin(input, rows, draw), &|_| true)
    }

    /// Runs a pass that has begun, of some nodes alone, with all that they read; the others have no value.
    pub(super) fn forward_of<'a, B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        mut pass: Forward<'a, B>,
        wanted: &dyn Fn(NodeId) -> bool,
    ) -> Result<Forward<'a, B>> {
        for (index, node) in self.nodes.iter().enumerate() {
            let (mut value, mut saved) = (None, Vec::new());
            if node.storage == index + 1 && wanted(index + 1) {
                let inputs = self.input_values(&pass, index);
                let site = Site { backend, segment, used: node.used, rows: pass.rows, draw: pass.draw };
                value = Some(fresh(backend, pass.rows * self.node_len(index + 1), |out| {
                    saved = node.kind.forward(&site, &inputs, out)?;
                    Ok(())
                })?);
            }
            pass.values.push(value);
            pass.saved.push(saved);
        }
        Ok(pass)
    }

    /// A node's values in a pass.
    pub(crate) fn value<'p, B: Backend>(&self, pass: &'p Forward<'_, B>, node: NodeId) -> Slice<'p, B::Buffer> {
        let len = pass.rows * self.node_len(node);
        match self.storage(node).checked_sub(1).and_then(|index| pass.values[index].as_ref()) {
            Some(buffer) => Slice::new(buffer, 0, len),
            None => pass.input,
        }
    }

    /// The outputs `[rows, C]` of a pass.
    pub fn outputs<'p, B: Backend>(&self, pass: &'p Forward<'_, B>) -> Slice<'p, B::Buffer> {
        self.value(pass, self.output())
    }

    /// What the gradient of a block takes from a forward pass at one of its uses: `[base rows, positions, width]`.
    pub(crate) fn factor_input<'p, B: Backend>(
        &self,
        pass: &'p Forward<'_, B>,
        block: usize,
        place: usize,
    ) -> Slice<'p, B::Buffer> {
        let one = &self.blocks[block].uses[place];
        self.seen(pass, one.node - 1).factor_input(pass.rows * one.structure.input_len())
    }

    /// What a pass left at a node of [`nodes`](Self::nodes).
    pub(super) fn seen<'p, B: Backend>(&self, pass: &'p Forward<'_, B>, index: usize) -> Seen<'p, B> {
        Seen { inputs: self.input_values(pass, index), value: self.value(pass, index + 1), saved: &pass.saved[index] }
    }

    fn input_values<'p, B: Backend>(&self, pass: &'p Forward<'_, B>, index: usize) -> Vec<Slice<'p, B::Buffer>> {
        self.nodes[index].inputs.iter().map(|&input| self.value(pass, input)).collect()
    }
}
