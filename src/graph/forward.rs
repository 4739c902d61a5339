//! The forward pass.

use super::{Graph, Operation, Parameters};
use crate::compute::{Backend, Layout, MatMul, Position, Result, Slice, SliceMut, Start, Transpose, Weights};

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
    pub(super) input: Slice<'a, B::Buffer>,
    /// The value of each layer that has a buffer of its own.
    pub(super) values: Vec<Option<B::Buffer>>,
    /// Patches of a convolution; normalised rows and their scales of a layer_norm.
    pub(super) saved: Vec<Vec<B::Buffer>>,
}

impl Graph {
    /// Runs `rows` examples through the network.
    pub fn forward<'a, B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        input: Slice<'a, B::Buffer>,
        rows: usize,
    ) -> Result<Forward<'a, B>> {
        let mut pass = Forward { rows, input, values: Vec::new(), saved: Vec::new() };
        let mut parameters = self.parameters.iter().peekable();
        for (layer, node) in self.nodes.iter().enumerate() {
            let own = parameters.next_if(|p| p.layer == layer);
            let (value, saved) = match node.operation {
                Operation::Flatten => (None, Vec::new()),
                _ => {
                    let mut value = backend.scratch(rows * self.node_len(layer + 1))?;
                    let saved = self.forward_node(backend, segment, &pass, layer, own, &mut value)?;
                    (Some(value), saved)
                }
            };
            pass.values.push(value);
            pass.saved.push(saved);
        }
        Ok(pass)
    }

    /// A node's values in a pass.
    pub(crate) fn value<'p, B: Backend>(&self, pass: &'p Forward<'_, B>, node: usize) -> Slice<'p, B::Buffer> {
        let len = pass.rows * self.node_len(node);
        match self.storage(node).checked_sub(1).and_then(|layer| pass.values[layer].as_ref()) {
            Some(buffer) => Slice::new(buffer, 0, len),
            None => pass.input,
        }
    }

    /// The outputs `[rows, C]` of a pass.
    pub fn outputs<'p, B: Backend>(&self, pass: &'p Forward<'_, B>) -> Slice<'p, B::Buffer> {
        self.value(pass, self.nodes.len())
    }

    fn forward_node<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        layer: usize,
        own: Option<&Parameters>,
        value: &mut B::Buffer,
    ) -> Result<Vec<B::Buffer>> {
        let node = &self.nodes[layer];
        let rows = pass.rows;
        let x = self.value(pass, node.inputs[0]);
        let len = rows * self.node_len(layer + 1);
        let out = SliceMut::new(value, 0, len);
        match (&node.operation, own) {
            (Operation::Linear { .. }, Some(own)) => affine(backend, own, segment, rows, out, x)?,
            (Operation::Conv2d { window, channels, .. }, Some(own)) => {
                let size = rows * own.positions;
                let mut patches = backend.scratch(size * own.width)?;
                backend.im2col(window, rows, SliceMut::new(&mut patches, 0, size * own.width), x)?;
                let mut pixels = backend.scratch(len)?;
                let input = Slice::new(&patches, 0, size * own.width);
                affine(backend, own, segment, rows, SliceMut::new(&mut pixels, 0, len), input)?;
                let shape = Transpose { batches: rows, rows: own.positions, columns: *channels };
                backend.transpose(&shape, out, Slice::new(&pixels, 0, len))?;
                return Ok(vec![patches]);
            }
            (Operation::LayerNorm { width, positions }, Some(own)) => {
                let mut normal = backend.scratch(len)?;
                let mut scale = backend.scratch(rows * positions)?;
                backend.layer_norm(
                    *width,
                    SliceMut::new(&mut normal, 0, len),
                    SliceMut::new(&mut scale, 0, rows * positions),
                    x,
                )?;
                backend.scale_shift(
                    out,
                    Slice::new(&normal, 0, len),
                    segment.part(own.offset, own.len(), *positions),
                )?;
                return Ok(vec![normal, scale]);
            }
            (Operation::Pool { window, kind }, _) => backend.pool(window, *kind, rows, out, x)?,
            (Operation::Add, _) => {
                backend.copy(out, x)?;
                backend.axpy(SliceMut::new(value, 0, len), 1.0, self.value(pass, node.inputs[1]))?;
            }
            (Operation::Activation(kind), _) => backend.activation(*kind, out, x)?,
            (
                Operation::Flatten | Operation::Linear { .. } | Operation::Conv2d { .. } | Operation::LayerNorm { .. },
                _,
            ) => {}
        }
        Ok(Vec::new())
    }
}

/// `out = x Wᵀ + b` for every position of `rows` base rows, at each row's place on the segment.
pub(crate) fn affine<B: Backend>(
    backend: &B,
    own: &Parameters,
    segment: Segment<'_, B::Buffer>,
    rows: usize,
    out: SliceMut<'_, B::Buffer>,
    x: Slice<'_, B::Buffer>,
) -> Result<()> {
    let SliceMut { buffer, offset, len } = out;
    let weight = segment.part(own.offset, own.weight_len(), own.positions);
    let shape = MatMul {
        rows: rows * own.positions,
        columns: own.height,
        depth: own.width,
        layout: Layout::Transposed,
        start: Start::Value(0.0),
    };
    at_weights(backend, &shape, SliceMut::new(&mut *buffer, offset, len), x, weight)?;
    if own.bias > 0 {
        let bias = segment.part(own.offset + own.weight_len(), own.bias, own.positions);
        backend.bias(SliceMut::new(buffer, offset, len), bias)?;
    }
    Ok(())
}

/// A product with a weight matrix, at each row's own place on the segment.
pub(super) fn at_weights<B: Backend>(
    backend: &B,
    shape: &MatMul,
    out: SliceMut<'_, B::Buffer>,
    x: Slice<'_, B::Buffer>,
    weight: Weights<'_, B::Buffer>,
) -> Result<()> {
    let SliceMut { buffer, offset, len } = out;
    backend.matmul(shape, SliceMut::new(&mut *buffer, offset, len), x, weight.start, None)?;
    if let Some((step, position)) = weight.step {
        let added = MatMul { start: Start::Output, ..*shape };
        backend.matmul(&added, SliceMut::new(buffer, offset, len), x, step, Some(position))?;
    }
    Ok(())
}

/// The layer's map from its input factor, linear in the parameters, at `direction`: what a gradient row's δ is
/// multiplied with to give ∇f · direction. `x` is the layer's input factor.
pub(crate) fn along<B: Backend>(
    backend: &B,
    own: &Parameters,
    direction: &B::Buffer,
    rows: usize,
    x: Slice<'_, B::Buffer>,
) -> Result<B::Buffer> {
    let segment = Segment::at(direction);
    let len = rows * own.delta_len();
    let mut out = backend.scratch(len)?;
    if own.is_norm() {
        let weights = segment.part(own.offset, own.len(), own.positions);
        backend.scale_shift(SliceMut::new(&mut out, 0, len), x, weights)?;
    } else {
        affine(backend, own, segment, rows, SliceMut::new(&mut out, 0, len), x)?;
    }
    Ok(out)
}
