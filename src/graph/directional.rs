//! Derivatives forward: how every node's value changes along directions in the weights.

use super::forward::{affine, at_weights};
use super::{Forward, Graph, Operation, Parameters, Segment};
use crate::compute::{Backend, BackendError, Layout, MatMul, Pooling, Result, Slice, SliceMut, Start, Transpose};

/// The derivatives of the values of a forward pass along some directions: each has a row for every base row, copy-major.
#[derive(Debug)]
pub struct Directional<B: Backend + ?Sized> {
    /// `directions * base rows`.
    rows: usize,
    /// By layer; `None` where nothing depends on parameters, or for a node that keeps its value in another's buffer.
    values: Vec<Option<B::Buffer>>,
}

/// What a layer's derivative is taken from.
struct Along<'a, B: Backend> {
    backend: &'a B,
    segment: Segment<'a, B::Buffer>,
    pass: &'a Forward<'a, B>,
    directions: &'a [&'a B::Buffer],
}

impl Graph {
    /// The derivative of every value of `pass` along each of `directions`, flat vectors like the parameters: `∇z · direction`
    /// at each row's place on the segment. `segment` is the one that the pass was made with. Costs about two forward passes
    /// a direction, where a backward pass has a row for each output.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn directional<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        directions: &[&B::Buffer],
    ) -> Result<Directional<B>> {
        let along = Along { backend, segment, pass, directions };
        let mut found = Directional { rows: directions.len() * pass.rows, values: Vec::new() };
        let mut parameters = self.parameters.iter().peekable();
        for layer in 0..self.nodes.len() {
            let own = parameters.next_if(|own| own.layer == layer);
            let lies_elsewhere = self.storage(layer + 1) != layer + 1;
            let value = if self.trained[layer + 1] && !lies_elsewhere {
                Some(self.layer_derivative(&along, &found, layer, own)?)
            } else {
                None
            };
            found.values.push(value);
        }
        Ok(found)
    }

    /// The derivatives of a node's values, `[directions * rows, …]`; `None` where they depend on no parameter.
    pub(crate) fn derivative<'d, B: Backend>(
        &self,
        found: &'d Directional<B>,
        node: usize,
    ) -> Option<Slice<'d, B::Buffer>> {
        let layer = self.storage(node).checked_sub(1)?;
        found.values[layer].as_ref().map(|buffer| Slice::new(buffer, 0, found.rows * self.node_len(node)))
    }

    /// The derivatives of the outputs, `[directions * rows, C]`; `None` where they depend on no parameter.
    pub fn output_derivatives<'d, B: Backend>(&self, found: &'d Directional<B>) -> Option<Slice<'d, B::Buffer>> {
        self.derivative(found, self.nodes.len())
    }

    fn layer_derivative<B: Backend>(
        &self,
        along: &Along<'_, B>,
        found: &Directional<B>,
        layer: usize,
        own: Option<&Parameters>,
    ) -> Result<B::Buffer> {
        let Along { backend, pass, .. } = *along;
        let node = &self.nodes[layer];
        let (rows, len) = (found.rows, found.rows * self.node_len(layer + 1));
        let values = self.value(pass, node.inputs[0]);
        let slope = self.derivative(found, node.inputs[0]);
        let mut out = backend.scratch(len)?;
        let whole = SliceMut::new(&mut out, 0, len);
        match (&node.operation, own, slope) {
            (Operation::Linear { .. }, Some(own), slope) => {
                affine_derivative(along, own, whole, self.factor_input(pass, own), slope)?;
            }
            (Operation::Conv2d { window, channels, .. }, Some(own), slope) => {
                let size = rows * own.positions * own.width;
                let mut patches = None;
                if let Some(slope) = slope {
                    let patches = patches.insert(backend.scratch(size)?);
                    backend.im2col(window, rows, SliceMut::new(patches, 0, size), slope)?;
                }
                let mut pixels = backend.scratch(len)?;
                let slope = patches.as_ref().map(|patches| Slice::new(patches, 0, size));
                let input = self.factor_input(pass, own);
                affine_derivative(along, own, SliceMut::new(&mut pixels, 0, len), input, slope)?;
                let shape = Transpose { batches: rows, rows: own.positions, columns: *channels };
                backend.transpose(&shape, whole, Slice::new(&pixels, 0, len))?;
            }
            (Operation::LayerNorm { .. }, Some(own), slope) => self.norm_derivative(along, own, whole, slope)?,
            (Operation::Pool { window, kind: Pooling::Max }, _, Some(slope)) => {
                backend.pool_directional(window, rows, whole, slope, values)?;
            }
            (Operation::Pool { window, kind }, _, Some(slope)) => backend.pool(window, *kind, rows, whole, slope)?,
            (Operation::Activation(kind), _, Some(slope)) => {
                let mut factor = backend.scratch(values.len)?;
                backend.activation_slope(*kind, SliceMut::new(&mut factor, 0, values.len), values)?;
                backend.multiply(whole, slope, Slice::new(&factor, 0, values.len))?;
            }
            (Operation::Add, _, slope) => {
                let mut summands = slope.into_iter().chain(self.derivative(found, node.inputs[1]));
                if let Some(first) = summands.next() {
                    backend.copy(whole, first)?;
                }
                if let Some(second) = summands.next() {
                    backend.axpy(SliceMut::new(&mut out, 0, len), 1.0, second)?;
                }
            }
            _ => return Err(BackendError::Invalid(format!("layer {layer} has no derivative along a direction"))),
        }
        Ok(out)
    }

    /// `ẏ = γ(τ) ẋ̂ + Δγ x̂ + Δβ`. The Jacobian of the normalisation is symmetric, so its backward pass is also the forward one.
    fn norm_derivative<B: Backend>(
        &self,
        along: &Along<'_, B>,
        own: &Parameters,
        out: SliceMut<'_, B::Buffer>,
        slope: Option<Slice<'_, B::Buffer>>,
    ) -> Result<()> {
        let Along { backend, segment, pass, directions } = *along;
        let SliceMut { buffer, offset, len } = out;
        let normal = self.factor_input(pass, own);
        for (copy, direction) in directions.iter().enumerate() {
            let part = SliceMut::new(&mut *buffer, offset + copy * normal.len, normal.len);
            backend.scale_shift(part, normal, Segment::at(*direction).part(own.offset, own.len(), own.positions))?;
        }
        let (Some(slope), [_, scale]) = (slope, pass.saved[own.layer].as_slice()) else {
            return Ok(());
        };
        let mut ones = backend.zeros(own.len())?;
        backend.fill(SliceMut::new(&mut ones, 0, own.width), 1.0)?;
        let mut moved = backend.scratch(len)?;
        let scale = Slice::new(scale, 0, pass.rows * own.positions);
        let alone = Segment::at(&ones).part(0, own.len(), own.positions);
        backend.layer_norm_backward(SliceMut::new(&mut moved, 0, len), slope, normal, scale, alone)?;
        // The shift does not come again: γ alone, in the layout of both.
        let scales = |source: &B::Buffer| {
            let mut scales = backend.zeros(own.len())?;
            let out = SliceMut::new(&mut scales, 0, own.width);
            backend.copy(out, Slice::new(source, own.offset, own.width))?;
            Ok::<_, BackendError>(scales)
        };
        let start = scales(segment.weights)?;
        let step = segment.step.map(|(step, tau)| Ok::<_, BackendError>((scales(step)?, tau))).transpose()?;
        let segment = Segment { weights: &start, step: step.as_ref().map(|(step, tau)| (step, *tau)) };
        let mut scaled = backend.scratch(len)?;
        let weights = segment.part(0, own.len(), own.positions);
        backend.scale_shift(SliceMut::new(&mut scaled, 0, len), Slice::new(&moved, 0, len), weights)?;
        backend.axpy(SliceMut::new(buffer, offset, len), 1.0, Slice::new(&scaled, 0, len))
    }
}

/// `ż = a ΔWᵀ + Δb + ȧ W(τ)ᵀ`: `input` is a, of the base rows; `slope` is ȧ, of every direction's.
fn affine_derivative<B: Backend>(
    along: &Along<'_, B>,
    own: &Parameters,
    out: SliceMut<'_, B::Buffer>,
    input: Slice<'_, B::Buffer>,
    slope: Option<Slice<'_, B::Buffer>>,
) -> Result<()> {
    let Along { backend, segment, pass, directions } = *along;
    let SliceMut { buffer, offset, len } = out;
    let size = pass.rows * own.positions * own.height;
    for (copy, direction) in directions.iter().enumerate() {
        let part = SliceMut::new(&mut *buffer, offset + copy * size, size);
        affine(backend, own, Segment::at(*direction), pass.rows, part, input)?;
    }
    let Some(slope) = slope else {
        return Ok(());
    };
    let shape = MatMul {
        rows: directions.len() * pass.rows * own.positions,
        columns: own.height,
        depth: own.width,
        layout: Layout::Transposed,
        start: Start::Output,
    };
    let weight = segment.part(own.offset, own.weight_len(), own.positions);
    at_weights(backend, &shape, SliceMut::new(buffer, offset, len), slope, weight)
}
