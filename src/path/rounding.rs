//! How far rounding may move a query's values: the scale of what a wrong number must exceed to be told from rounding.

use super::pass::Pass;
use crate::backend::{Backend, Result, RowMap, Slice, SliceMut, widen};
use crate::network::Segment;

impl<B: Backend> Pass<'_, B> {
    /// `[queries, R]`: `Σ_l ‖∇_l f‖ ‖w_l‖` over the layers, at some weights. Weights that are rounded move f by at most a
    /// rounding of that (Cauchy and Schwarz); of a gradient `Σ_p δ_p ⊗ a_p` the norm is at most `‖δ‖ ‖a‖`.
    pub fn sensitivity(&self, weights: &B::Buffer) -> Result<Vec<f64>> {
        let (backend, network) = (self.setting.backend, self.setting.network);
        let (queries, rows) = (self.queries(), self.setting.rows());
        let values = widen(&backend.download(Slice::new(weights, 0, network.len))?);
        let pass = network.forward(backend, Segment::at(weights), self.query_inputs(), queries)?;
        let reading = self.read(network.outputs(&pass))?;
        let mut sums = vec![0.0; queries * rows];
        network.backward(backend, Segment::at(weights), &pass, rows, reading.seeds, &mut |factor| {
            let own = &network.parameters[factor.index];
            let delta = squares(backend, own.delta_len(), rows * queries, factor.delta())?;
            let input = squares(backend, own.positions * own.width, queries, factor.input)?;
            let norm = values[own.offset..][..own.len()].iter().map(|value| value * value).sum::<f64>().sqrt();
            for (place, sum) in sums.iter_mut().enumerate() {
                let (query, row) = (place / rows, place % rows);
                // A bias is a weight whose input is 1 at every position.
                let input = input[query] + own.positions as f64;
                *sum += (delta[row * queries + query] * input).sqrt() * norm;
            }
            Ok(())
        })?;
        Ok(sums)
    }
}

/// The squared norm of each row.
fn squares<B: Backend>(backend: &B, width: usize, rows: usize, x: Slice<'_, B::Buffer>) -> Result<Vec<f64>> {
    let map = RowMap::each(backend, 1, rows, 1.0)?;
    let mut out = backend.zeros(rows)?;
    backend.row_dot(width, 1.0, &map, SliceMut::new(&mut out, 0, rows), x, x)?;
    Ok(widen(&backend.download(Slice::new(&out, 0, rows))?))
}
