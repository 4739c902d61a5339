//! The backward pass: from seeds at the outputs to the gradient factors of every layer.

use super::forward::at_weights;
use super::{Forward, Graph, Operation, Parameters, Segment};
use crate::compute::{Backend, BackendError, Convolution, Layout, MatMul, Result, Slice, SliceMut, Start, Transpose};

/// The two factors of a layer's gradients: row `r`'s gradient is `Σ_p δ[r, p] ⊗ input[r % base, p]` (for a
/// layer_norm the elementwise product, with the normalised input).
#[derive(Debug)]
pub struct Factor<'a, T> {
    /// Index into [`Graph::parameters`].
    pub index: usize,
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

/// A layer's δ: as the node's values lie, and with the features last.
struct Delta<'a, T> {
    lying: Slice<'a, T>,
    turned: Slice<'a, T>,
}

impl Graph {
    /// Propagates `seed`, `[copies * rows, C]`, copy-major, back through a pass, and shows the factors of every layer
    /// with parameters to `visit`, the last layer first.
    pub fn backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        copies: usize,
        seed: B::Buffer,
        visit: &mut dyn FnMut(Factor<'_, B::Buffer>) -> Result<()>,
    ) -> Result<()> {
        let mut deltas: Vec<Option<B::Buffer>> = (0..=self.nodes.len()).map(|_| None).collect();
        deltas[self.storage(self.nodes.len())] = Some(seed);
        let mut index = self.parameters.len();
        for (layer, node) in self.nodes.iter().enumerate().rev() {
            let own = index.checked_sub(1).map(|index| &self.parameters[index]).filter(|own| own.layer == layer);
            index -= usize::from(own.is_some());
            if node.operation == Operation::Flatten {
                continue;
            }
            let Some(delta) = deltas[node.storage].take() else {
                continue;
            };
            let len = copies * pass.rows * self.node_len(layer + 1);
            match own {
                Some(own) if !own.is_norm() => {
                    let turned = self.by_position(backend, layer, own, copies * pass.rows, &delta)?;
                    if self.trained[node.inputs[0]] {
                        let [lying, turned] = [&delta, turned.as_ref().unwrap_or(&delta)];
                        let delta = Delta { lying: Slice::new(lying, 0, len), turned: Slice::new(turned, 0, len) };
                        let back = self.affine_backward(backend, segment, (layer, own), copies * pass.rows, &delta)?;
                        let len = pass.rows * copies * self.node_len(node.inputs[0]);
                        accumulate(backend, &mut deltas[self.storage(node.inputs[0])], back, len)?;
                    }
                    let delta = turned.unwrap_or(delta);
                    visit(Factor { index, delta, len, input: self.factor_input(pass, own) })?;
                }
                _ => {
                    for &input in &node.inputs {
                        if self.trained[input] {
                            let slice = Slice::new(&delta, 0, len);
                            let back = self.node_backward(backend, segment, pass, (layer, own), copies, slice)?;
                            let len = pass.rows * copies * self.node_len(input);
                            accumulate(backend, &mut deltas[self.storage(input)], back, len)?;
                        }
                    }
                    if let Some(own) = own {
                        visit(Factor { index, delta, len, input: self.factor_input(pass, own) })?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What a layer's gradient takes from the forward pass.
    pub(crate) fn factor_input<'p, B: Backend>(
        &self,
        pass: &'p Forward<'_, B>,
        own: &Parameters,
    ) -> Slice<'p, B::Buffer> {
        match pass.saved[own.layer].first() {
            Some(saved) => Slice::new(saved, 0, pass.rows * own.positions * own.width),
            None => self.value(pass, self.nodes[own.layer].inputs[0]),
        }
    }

    /// A convolution's δ with the channels last, as its factors want them; `None` for a layer whose δ lies so anyway.
    fn by_position<B: Backend>(
        &self,
        backend: &B,
        layer: usize,
        own: &Parameters,
        rows: usize,
        delta: &B::Buffer,
    ) -> Result<Option<B::Buffer>> {
        let Operation::Conv2d { channels, .. } = self.nodes[layer].operation else {
            return Ok(None);
        };
        let len = rows * own.positions * channels;
        let mut turned = backend.scratch(len)?;
        let shape = Transpose { batches: rows, rows: channels, columns: own.positions };
        backend.transpose(&shape, SliceMut::new(&mut turned, 0, len), Slice::new(delta, 0, len))?;
        Ok(Some(turned))
    }

    /// `δ W` at each row's own weights, folded back into an image for a convolution.
    fn affine_backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        (layer, own): (usize, &Parameters),
        rows: usize,
        delta: &Delta<'_, B::Buffer>,
    ) -> Result<B::Buffer> {
        let width = own.positions * own.width;
        let Operation::Conv2d { window, channels, .. } = &self.nodes[layer].operation else {
            let mut back = backend.scratch(rows * width)?;
            let out = SliceMut::new(&mut back, 0, rows * width);
            through(backend, own, segment, rows, delta.turned, out)?;
            return Ok(back);
        };
        let (size, height) = (window.image(), own.positions * own.height);
        let mut image = backend.scratch(rows * size)?;
        // Without patches the product goes over every pixel and margin: a gain where the outputs are nearly as many.
        let dense = window.height * (window.width + window.kernel - 1) <= 2 * own.positions;
        if segment.step.is_none() && window.stride == 1 && window.padding < window.kernel && dense {
            let shape = Convolution { window: *window, channels: *channels, rows };
            let weight = Slice::new(segment.weights, own.offset, own.weight_len());
            backend.convolve_backward(&shape, SliceMut::new(&mut image, 0, rows * size), delta.lying, weight)?;
            return Ok(image);
        }
        // The patches of some images at a time, so that they are folded while they are near. Rows that have their own
        // place on a segment stay together.
        let at_once =
            if segment.step.is_some() { rows } else { (backend.stretch() / width.max(1)).clamp(1, rows.max(1)) };
        let mut patches = backend.scratch(at_once * width)?;
        for first in (0..rows).step_by(at_once.max(1)) {
            let count = at_once.min(rows - first);
            let part = delta.turned.part(first * height, count * height);
            through(backend, own, segment, count, part, SliceMut::new(&mut patches, 0, count * width))?;
            let out = SliceMut::new(&mut image, first * size, count * size);
            backend.col2im(window, count, out, Slice::new(&patches, 0, count * width))?;
        }
        Ok(image)
    }

    /// The δ that a node without a weight matrix hands to its input.
    fn node_backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (layer, own): (usize, Option<&Parameters>),
        copies: usize,
        delta: Slice<'_, B::Buffer>,
    ) -> Result<B::Buffer> {
        let node = &self.nodes[layer];
        let x = self.value(pass, node.inputs[0]);
        let len = copies * pass.rows * self.node_len(node.inputs[0]);
        let mut back = backend.scratch(len)?;
        let out = SliceMut::new(&mut back, 0, len);
        match (&node.operation, own, pass.saved[layer].as_slice()) {
            (Operation::LayerNorm { positions, .. }, Some(own), [normal, scale]) => backend.layer_norm_backward(
                out,
                delta,
                Slice::new(normal, 0, pass.rows * self.node_len(layer + 1)),
                Slice::new(scale, 0, pass.rows * positions),
                segment.part(own.offset, own.len(), *positions),
            )?,
            (Operation::Pool { window, kind }, ..) => {
                backend.pool_backward(window, *kind, copies * pass.rows, out, delta, x)?;
            }
            (Operation::Activation(kind), ..) => {
                // The derivative is the dear part: taken once for all copies.
                let mut slope = backend.scratch(x.len)?;
                backend.activation_slope(*kind, SliceMut::new(&mut slope, 0, x.len), x)?;
                backend.multiply(out, delta, Slice::new(&slope, 0, x.len))?;
            }
            (Operation::Add, ..) => backend.copy(out, delta)?,
            _ => {
                return Err(BackendError::Invalid(format!("layer {layer} has no backward pass of its own")));
            }
        }
        Ok(back)
    }
}

/// `out = δ W` at each row's own weights.
fn through<B: Backend>(
    backend: &B,
    own: &Parameters,
    segment: Segment<'_, B::Buffer>,
    rows: usize,
    delta: Slice<'_, B::Buffer>,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    let weight = segment.part(own.offset, own.weight_len(), own.positions);
    let shape = MatMul {
        rows: rows * own.positions,
        columns: own.width,
        depth: own.height,
        layout: Layout::Plain,
        start: Start::Value(0.0),
    };
    at_weights(backend, &shape, out, delta, weight)
}

/// Adds a contribution to a node's δ.
fn accumulate<B: Backend>(backend: &B, slot: &mut Option<B::Buffer>, part: B::Buffer, len: usize) -> Result<()> {
    match slot {
        None => *slot = Some(part),
        Some(sum) => backend.axpy(SliceMut::new(sum, 0, len), 1.0, Slice::new(&part, 0, len))?,
    }
    Ok(())
}
