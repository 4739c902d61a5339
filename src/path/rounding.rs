//! Bounds on how far rounding may move a query's values: a larger error is no rounding.

use super::at::At;
use super::earlier::EarlierPart;
use super::pass::Pass;
use crate::compute::{Backend, Result, RowMap, Slice, SliceMut};
use crate::graph::Factor;
use crate::graph::primitive::fresh;
use crate::tangent::Node;

/// Maps in which each row of a pass is an output of its own.
pub(super) struct EachRow<B: Backend> {
    /// Base rows.
    base: RowMap<B::Buffer, B::Index>,
    /// Gradient rows.
    gradients: RowMap<B::Buffer, B::Index>,
    /// Gradient rows, each with its base row.
    pairs: RowMap<B::Buffer, B::Index>,
}

impl<B: Backend> EachRow<B> {
    /// Of a pass of `base` rows with `copies` gradients each.
    pub fn new(backend: &B, copies: usize, base: usize) -> Result<Self> {
        Ok(Self {
            base: RowMap::each(backend, 1, base, 1.0)?,
            gradients: RowMap::each(backend, 1, copies * base, 1.0)?,
            pairs: RowMap::each(backend, copies, base, 1.0)?,
        })
    }

    /// Writes the squared length of each base row, of `width` elements, into `out` from an element on.
    pub fn squares(
        &self,
        backend: &B,
        rows: Slice<'_, B::Buffer>,
        width: usize,
        (out, first): (&mut B::Buffer, usize),
    ) -> Result<()> {
        backend.fill(SliceMut::new(out, first, self.base.rows), 0.0)?;
        backend.row_dot(width, 1.0, &self.base, SliceMut::new(out, first, self.base.rows), rows, rows)
    }

    /// How many base rows.
    pub fn base_rows(&self) -> usize {
        self.base.rows
    }
}

impl<B: Backend> Pass<'_, B> {
    /// `Σ ‖v_l‖²` for each layer l, held parameters after the trained ones, over the vectors v that a step's gradients meet: the
    /// weights, the step, and of the step the part of weight decay, that of gradients before the first step and the unexplained
    /// one. All of them are off by roundings of their elements.
    pub fn squared_lengths(&self, at: &At<'_, B>, earlier: Option<&EarlierPart<'_, B>>) -> Result<B::Buffer> {
        let (backend, network) = (self.setting.backend, self.setting.network);
        let blocks: Vec<_> = network.blocks.iter().chain(&network.held).collect();
        let mut lengths = backend.zeros(blocks.len())?;
        let one = RowMap::each(backend, 1, 1, 1.0)?;
        let optimizer = &self.setting.spec.optimizer;
        for (layer, own) in blocks.iter().enumerate() {
            let trained = |vector: Option<_>| vector.filter(|_| !own.role.is_held());
            let decay = trained(at.decay(optimizer, layer));
            let earlier = trained(earlier.map(|part| part.of(optimizer, layer)));
            let vectors = [Some((at.weights(), 1.0)), at.change(), decay, earlier, at.unexplained()];
            for (vector, scale) in vectors.into_iter().flatten() {
                let part = Slice::new(vector, own.offset, own.len());
                backend.row_dot(own.len(), scale * scale, &one, SliceMut::new(&mut lengths, layer, 1), part, part)?;
            }
        }
        Ok(lengths)
    }
}

/// Adds to `out`, `[R, queries]`, one layer's `Σ_r ω_r ‖δ_r‖² ‖a_r‖²` over the rows of a node, times the layer's entry of
/// `lengths`: what bounds the square of a gradient's product with any of the step's vectors (Cauchy and Schwarz). It is taken
/// where the gradients are, so that it knows what is large inside a segment alone.
pub(super) fn add_reach<B: Backend>(
    backend: &B,
    (node, each): (&Node<B>, &EachRow<B>),
    factor: &Factor<'_, B::Buffer>,
    lengths: Slice<'_, B::Buffer>,
    out: SliceMut<'_, B::Buffer>,
) -> Result<()> {
    let (base, all) = (each.base.rows, each.pairs.rows);
    let (mut deltas, mut inputs) = (backend.zeros(all)?, backend.scratch(base)?);
    let (mut products, mut length) = (backend.zeros(all)?, backend.scratch(base)?);
    let (structure, delta) = (&factor.structure, factor.delta());
    let out_of_rows = SliceMut::new(&mut deltas, 0, all);
    match factor.pooled {
        None => backend.row_dot(structure.delta_len(), 1.0, &each.gradients, out_of_rows, delta, delta)?,
        // Of a window's δ every pixel has the slope's share: their squares are added up for each base row.
        Some(pooled) => {
            let shares = pooled.met(backend, pooled.slopes)?;
            let shares = Slice::new(&shares, 0, base * pooled.delta_len());
            let weighed = fresh(backend, delta.len, |out| backend.multiply(out, delta, shares))?;
            let (area, weighed) = (pooled.window.area() as f64, Slice::new(&weighed, 0, delta.len));
            backend.row_dot(pooled.delta_len(), 1.0 / area, &each.gradients, out_of_rows, delta, weighed)?;
        }
    }
    // A bias is a weight whose input is 1 at every position; a raw parameter is nothing but one.
    backend.fill(SliceMut::new(&mut inputs, 0, base), structure.squares_of_ones())?;
    let (width, input) = (structure.multiplied(), factor.input);
    if width > 0 {
        backend.row_dot(width, 1.0, &each.base, SliceMut::new(&mut inputs, 0, base), input, input)?;
    }
    let (deltas, inputs) = (Slice::new(&deltas, 0, all), Slice::new(&inputs, 0, base));
    backend.row_dot(1, 1.0, &each.pairs, SliceMut::new(&mut products, 0, all), deltas, inputs)?;
    backend.gather(SliceMut::new(&mut length, 0, base), lengths, &backend.index(&vec![0; base])?, 1)?;
    backend.row_dot(1, 1.0, &node.mean, out, Slice::new(&products, 0, all), Slice::new(&length, 0, base))
}
