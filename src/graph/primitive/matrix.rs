//! Products with a weight matrix, at each row's own place on a segment.

use super::{Drawn, Initial, Moved, Parameters, Site, Structure, Work};
use crate::compute::{Backend, Layout, MatMul, Result, Slice, SliceMut, Start, Weights};
use crate::graph::Matrix;

impl Matrix {
    /// The weight, of a shape with `height` first, and the bias, as PyTorch draws them.
    pub(super) fn parameters(self, shape: Vec<usize>) -> Parameters {
        let initial = Initial::fan_in(self.width);
        let bias = self.bias.then(|| Drawn { name: "bias", shape: vec![self.height], initial: initial.clone() });
        let weight = Drawn { name: "weight", shape, initial };
        Parameters { structure: Structure::Outer(self), tensors: std::iter::once(weight).chain(bias).collect() }
    }

    /// What a row costs.
    pub(super) fn work(self) -> Work {
        let Matrix { height, width, positions, .. } = self;
        Work {
            kept: positions * (width + 1),
            widest: positions * width.max(height),
            multiply_adds: positions * Structure::Outer(self).len(),
        }
    }

    fn weight<'a, B: Backend>(&self, site: &Site<'a, B>) -> Weights<'a, B::Buffer> {
        site.weights(0, self.height * self.width, self.positions)
    }

    /// `out = x Wᵀ + b` for every position of the base rows.
    pub(crate) fn values<B: Backend>(
        &self,
        site: &Site<'_, B>,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, len } = out;
        let shape = self.onward(site.rows, Start::Value(0.0));
        product(site.backend, &shape, SliceMut::new(&mut *buffer, offset, len), x, self.weight(site))?;
        if self.bias {
            let bias = site.weights(self.height * self.width, self.height, self.positions);
            site.backend.bias(SliceMut::new(buffer, offset, len), bias)?;
        }
        Ok(())
    }

    /// `out = start + δ W` for `rows` rows.
    pub(super) fn through<B: Backend>(
        &self,
        site: &Site<'_, B>,
        rows: usize,
        start: Start,
        delta: Slice<'_, B::Buffer>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let rows = rows * self.positions;
        let shape = MatMul { rows, columns: self.width, depth: self.height, layout: Layout::Plain, start };
        product(site.backend, &shape, out, delta, self.weight(site))
    }

    /// `ż = x ΔWᵀ + Δb + ẋ W(τ)ᵀ`: `input` is x, of the base rows; `slope` is ẋ, of every direction's.
    pub(super) fn derivative<B: Backend>(
        &self,
        site: &Site<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
        input: Slice<'_, B::Buffer>,
        slope: Option<Slice<'_, B::Buffer>>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, len } = out;
        let size = site.rows * self.positions * self.height;
        for (copy, direction) in moved.directions.iter().enumerate() {
            let part = SliceMut::new(&mut *buffer, offset + copy * size, size);
            self.values(&site.at(direction), part, input)?;
        }
        let Some(slope) = slope else {
            return Ok(());
        };
        let shape = self.onward(moved.directions.len() * site.rows, Start::Output);
        product(site.backend, &shape, SliceMut::new(buffer, offset, len), slope, self.weight(site))
    }

    /// `start + x Wᵀ` of some base rows.
    fn onward(&self, rows: usize, start: Start) -> MatMul {
        let rows = rows * self.positions;
        MatMul { rows, columns: self.height, depth: self.width, layout: Layout::Transposed, start }
    }
}

/// A product with a weight matrix, at each row's own place on the segment.
fn product<B: Backend>(
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
