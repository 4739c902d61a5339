//! Whole gradient rows of queries, applied to the factors of examples.

use super::gram::View;
use super::kernel::{Weighting, panels};
use super::memory::Pool;
use super::pack::Packed;
use super::tiles::{Tile, add, each_tile};
use super::*;
use std::sync::Arc;

/// The arrays of a half part.
pub(super) struct Applied<'a, E> {
    pub own: Outer,
    pub left: &'a [E],
    pub delta: &'a [E],
    pub input: &'a [E],
}

/// Calls `write(tile, sums)` with the part's value for every tile of a view. A row is applied to an example's input once,
/// and the result is weighted by each of the example's δ.
pub(super) fn half<E: Element>(
    pool: &Arc<Pool<E>>,
    shape: &Gram,
    view: &View,
    part: &Applied<'_, E>,
    write: impl Fn(&Tile, &[E]) + Sync,
) -> Result<()> {
    let Applied { own, left, delta, input } = part;
    let &Outer { height, width, positions, bias, .. } = own;
    let (tall, wide) = panels::<E>();
    let depth = width + usize::from(bias);
    let (examples, copies) = (shape.examples, view.columns / shape.examples);
    let right: Vec<Packed<E>> = (0..positions)
        .map(|p| {
            Packed::lines(pool, wide, (examples, depth), |example, k, out| {
                let values = &input[(example * positions + p) * width..][..width];
                // The bias meets an input of 1.
                out.iter_mut().enumerate().for_each(|(at, out)| *out = values.get(k + at).copied().unwrap_or(E::ONE));
            })
        })
        .collect::<Result<_>>()?;
    let columns = |copy: usize, term: usize, p: usize, k: usize| -> Vec<E> {
        let value = |example: usize| delta[(view.right(copy * examples + example, term) * positions + p) * height + k];
        (0..examples).map(value).collect()
    };
    // [copy, row, example]
    let len = copies * view.rows * examples;
    let mut values = pool.take(len)?;
    values.fill(E::ZERO);
    for term in 0..view.terms {
        for k in 0..height {
            let rows = Packed::lines(pool, tall, (view.rows, depth), |row, from, out| {
                let values = &left[view.left(row, term) * own.row()..][..own.row()];
                let (weights, biases) = values.split_at(height * width);
                let weights = &weights[k * width..][..width];
                for (at, out) in out.iter_mut().enumerate() {
                    *out = weights.get(from + at).copied().unwrap_or_else(|| biases[k]);
                }
            })?;
            for (p, right) in right.iter().enumerate() {
                let weights: Vec<Vec<E>> = (0..copies).map(|copy| columns(copy, term, p, k)).collect();
                let out = super::tiles::Shared::new(&mut values);
                each_tile(pool, (view.rows, examples, depth), |tile, sums| {
                    add(tile, (&rows, right), depth, Weighting::One, sums);
                    for (copy, weights) in weights.iter().enumerate() {
                        let weights = &weights[tile.columns.clone()];
                        for (row, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                            let start = (copy * view.rows + row) * examples;
                            // SAFETY: tiles do not overlap.
                            let out = unsafe { out.part(start + tile.columns.start..start + tile.columns.end) };
                            out.iter_mut()
                                .zip(sums)
                                .zip(weights)
                                .for_each(|((out, &sum), &weight)| *out += weight * sum);
                        }
                    }
                })?;
            }
        }
    }
    each_tile(pool, (view.rows, view.columns, 1), |tile, sums| {
        for (row, sums) in tile.rows.clone().zip(sums.chunks_mut(tile.width)) {
            for (column, sum) in tile.columns.clone().zip(sums) {
                let (copy, example) = (column / examples, column % examples);
                *sum = values[(copy * view.rows + row) * examples + example];
            }
        }
        write(tile, sums);
    })
}
