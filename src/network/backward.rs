//! The backward pass: from seeds at the outputs to the gradient factors of every layer.

use super::{Forward, Network, Operation, Parameters, Segment};
use crate::backend::{Backend, BackendError, Layout, MatMul, Result, Slice, SliceMut, Start, Transpose};

/// The two factors of a layer's gradients: row `r`'s gradient is `Σ_p δ[r, p] ⊗ input[r % base, p]` (for a
/// layer_norm the elementwise product, with the normalised input).
#[derive(Debug)]
pub struct Factor<'a, T> {
    /// Index into [`Network::parameters`].
    pub index: usize,
    /// `[copies * base rows, positions, height]`.
    pub delta: Slice<'a, T>,
    /// `[base rows, positions, width]`.
    pub input: Slice<'a, T>,
}

impl Network {
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
                    let turned = self.by_position(backend, layer, own, copies * pass.rows, delta)?;
                    let turned = Slice::new(&turned, 0, len);
                    let input = self.factor_input(pass, own);
                    visit(Factor { index, delta: turned, input })?;
                    if self.trained[node.inputs[0]] {
                        let back = self.affine_backward(backend, segment, pass, (layer, own), copies, turned)?;
                        accumulate(
                            backend,
                            &mut deltas[self.storage(node.inputs[0])],
                            back,
                            pass.rows * copies * self.node_len(node.inputs[0]),
                        )?;
                    }
                }
                _ => {
                    let slice = Slice::new(&delta, 0, len);
                    if let Some(own) = own {
                        visit(Factor { index, delta: slice, input: self.factor_input(pass, own) })?;
                    }
                    for &input in &node.inputs {
                        if self.trained[input] {
                            let back = self.node_backward(backend, segment, pass, (layer, own), copies, slice)?;
                            let len = pass.rows * copies * self.node_len(input);
                            accumulate(backend, &mut deltas[self.storage(input)], back, len)?;
                        }
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

    /// A convolution's δ with the channels last, as its factors want them; others as they are.
    fn by_position<B: Backend>(
        &self,
        backend: &B,
        layer: usize,
        own: &Parameters,
        rows: usize,
        delta: B::Buffer,
    ) -> Result<B::Buffer> {
        let Operation::Conv2d { channels, .. } = self.nodes[layer].operation else {
            return Ok(delta);
        };
        let len = rows * own.positions * channels;
        let mut turned = backend.zeros(len)?;
        let shape = Transpose { batches: rows, rows: channels, columns: own.positions };
        backend.transpose(&shape, SliceMut::new(&mut turned, 0, len), Slice::new(&delta, 0, len))?;
        Ok(turned)
    }

    /// `δ W` at each row's own weights, folded back into an image for a convolution.
    fn affine_backward<B: Backend>(
        &self,
        backend: &B,
        segment: Segment<'_, B::Buffer>,
        pass: &Forward<'_, B>,
        (layer, own): (usize, &Parameters),
        copies: usize,
        delta: Slice<'_, B::Buffer>,
    ) -> Result<B::Buffer> {
        let rows = copies * pass.rows;
        let len = rows * own.positions * own.width;
        let mut back = backend.zeros(len)?;
        let weight = segment.part(own.offset, own.weight_len(), own.positions);
        let shape = MatMul {
            rows: rows * own.positions,
            columns: own.width,
            depth: own.height,
            layout: Layout::Plain,
            start: Start::Value(0.0),
        };
        backend.matmul(&shape, SliceMut::new(&mut back, 0, len), delta, weight.start, None)?;
        if let Some((step, position)) = weight.step {
            let added = MatMul { start: Start::Output, ..shape };
            backend.matmul(&added, SliceMut::new(&mut back, 0, len), delta, step, Some(position))?;
        }
        let Operation::Conv2d { window, .. } = &self.nodes[layer].operation else {
            return Ok(back);
        };
        let size = rows * window.image();
        let mut image = backend.zeros(size)?;
        backend.col2im(window, rows, SliceMut::new(&mut image, 0, size), Slice::new(&back, 0, len))?;
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
        let mut back = backend.zeros(len)?;
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
            (Operation::Activation(kind), ..) => backend.activation_backward(*kind, out, delta, x)?,
            (Operation::Add, ..) => backend.copy(out, delta)?,
            _ => {
                return Err(BackendError::Invalid(format!("layer {layer} has no backward pass of its own")));
            }
        }
        Ok(back)
    }
}

/// Adds a contribution to a node's δ.
fn accumulate<B: Backend>(backend: &B, slot: &mut Option<B::Buffer>, part: B::Buffer, len: usize) -> Result<()> {
    match slot {
        None => *slot = Some(part),
        Some(sum) => backend.axpy(SliceMut::new(sum, 0, len), 1.0, Slice::new(&part, 0, len))?,
    }
    Ok(())
}
