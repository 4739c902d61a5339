//! Whole gradient rows of queries, applied to the factors of examples.

use super::on_cpu::Call;
use super::prepared::each_term;
use super::{Element, Outer, Result};
use crate::compute::cpu::kernel::{Weighting, panels};
use crate::compute::cpu::memory::Pool;
use crate::compute::cpu::pack::{Packed, put_line};
use crate::compute::cpu::tiles::{Tile, add_panels, each_tile_of};
use std::sync::Arc;

/// The arrays of a half part.
pub(super) struct Applied<'a, E> {
    pub own: Outer,
    pub left: &'a [E],
    pub delta: &'a [E],
    pub input: &'a [E],
}

/// What a term of a view is made of.
struct Term<E: Element> {
    /// The rows, each feature's weights and its bias together: `[height, width + 1]` to a line.
    rows: Packed<E>,
    /// The examples' δ, `[positions, height]` to a line; a copy begins with a panel of its own.
    weights: Packed<E>,
}

/// Adds the part's value for every tile of a view to the accumulators. A row is applied to an example's input once, and
/// the result, a sum over the layer's inputs, is weighted by each of the example's δ.
pub(super) fn half<E: Element>(pool: &Arc<Pool<E>>, call: &Call<'_, E>, part: &Applied<'_, E>) -> Result<()> {
    let &Outer { height, width, positions, bias, .. } = &part.own;
    let (view, examples) = (call.view, call.shape.examples);
    let (tall, wide) = panels::<E>();
    let depth = width + usize::from(bias);
    let (padded, copies) = (examples.next_multiple_of(wide), view.columns / examples);
    let inputs = part.inputs(pool, examples)?;
    let term = |term: usize| -> Result<Term<E>> {
        let rows = part.rows(pool, view.rows, |row| view.left(row, term))?;
        let weights = Packed::lines(pool, wide, (copies * padded, positions * height), |line, k, out| {
            let (copy, example) = (line / padded, line % padded);
            if example >= examples {
                return out.fill(E::ZERO);
            }
            let from = view.right(copy * examples + example, term) * positions * height + k;
            out.copy_from_slice(&part.delta[from..][..out.len()]);
        })?;
        Ok(Term { rows, weights })
    };
    let terms: Vec<Term<E>> = (0..view.terms).map(term).collect::<Result<_>>()?;
    let work = depth.saturating_mul(height * positions * view.terms);
    each_tile_of(pool, copies, (view.rows, examples, work), |tile, sums| {
        if !call.wanted(tile) {
            return;
        }
        for Term { rows, weights } in &terms {
            for k in 0..height {
                let rows = rows.stretch(tile.rows.start, k * depth);
                for (p, inputs) in inputs.iter().enumerate() {
                    let weights = weights.stretch(tile.columns.start, p * height + k);
                    let weighting = Weighting::Columns { weights, copies, apart: padded / wide * weights.panel };
                    add_panels(tile, (rows, inputs.stretch(tile.columns.start, 0)), depth, weighting, sums);
                }
            }
        }
        let size = tile.rows.len().next_multiple_of(tall) * tile.width;
        for (copy, sums) in sums.chunks(size).enumerate() {
            let first = copy * examples;
            let columns = first + tile.columns.start..first + tile.columns.end;
            call.write(&Tile { columns, ..tile.clone() }, sums);
        }
    })
}

impl<E: Element> Applied<'_, E> {
    /// The examples' inputs of each position; the bias meets an input of 1.
    fn inputs(&self, pool: &Arc<Pool<E>>, examples: usize) -> Result<Vec<Packed<E>>> {
        let &Outer { width, positions, bias, .. } = &self.own;
        let ((_, wide), depth) = (panels::<E>(), width + usize::from(bias));
        let position = |p: usize| {
            Packed::lines_in(pool, wide, (examples, depth), depth, |example, k, out| {
                let line = &self.input[(example * positions + p) * width..][..width];
                put_line(line, E::ONE, k, out);
            })
        };
        (0..positions).map(position).collect()
    }

    /// `count` rows, feature by feature; `place(row)` is where a row lies.
    fn rows(&self, pool: &Arc<Pool<E>>, count: usize, place: impl Fn(usize) -> usize + Sync) -> Result<Packed<E>> {
        let &Outer { height, width, bias, .. } = &self.own;
        let (tall, _) = panels::<E>();
        let depth = width + usize::from(bias);
        Packed::lines_in(pool, tall, (count, height * depth), depth, |row, k, out| {
            let values = &self.left[place(row) * self.own.row()..][..self.own.row()];
            let (weights, biases) = values.split_at(height * width);
            each_term(k, depth, out, |feature, j, out| {
                let last = biases.get(feature).copied().unwrap_or(E::ZERO);
                put_line(&weights[feature * width..][..width], last, j, out);
            });
        })
    }
}
