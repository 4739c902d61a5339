//! Parts whose values stay the same where the outputs of query and example are exchanged.

use super::on_cpu::{Call, View};
use super::prepared::{Prepared, Rights, add_products, prepare};
use super::{Element, Entries, Gram, Part, Result};
use crate::compute::cpu;
use crate::compute::cpu::memory::Pool;
use crate::compute::cpu::tiles::{Tile, each_tile};
use rayon::prelude::*;
use std::sync::Arc;

/// Whether a part of a product is multiplied once for both orders of two outputs.
pub(super) fn exchanges<T, I>(shape: &Gram, part: &Part<'_, T, I>) -> bool {
    shape.entries == Entries::Full && matches!(part, Part::Factored { exchanges: true, .. })
}

/// Adds such parts to the accumulators: a product for each two outputs, whose sums are written for both orders.
pub(super) fn add_exchanged<E: Element>(
    pool: &Arc<Pool<E>>,
    call: &Call<'_, E>,
    parts: &[Part<'_, cpu::Buffer<E>, Vec<u32>>],
) -> Result<()> {
    let &View { queries, examples, .. } = call.view;
    let outputs = call.shape.outputs;
    // The factors of each output begin with a panel of their own.
    let views: Vec<View> = (0..outputs).map(|output| call.view.of_output(output)).collect();
    let packed = |view| {
        let mut rights = Rights::new(pool, view);
        parts.iter().map(|part| prepare(pool, view, call.shape, part, &mut rights)).collect::<Result<Vec<_>>>()
    };
    let packed: Vec<Vec<Prepared<'_, E>>> = views.iter().map(packed).collect::<Result<_>>()?;
    let depth: usize = packed[0].iter().map(Prepared::depth).sum();
    let pairs: Vec<(usize, usize)> = (0..outputs).flat_map(|c| (c..outputs).map(move |d| (c, d))).collect();
    pairs.into_par_iter().try_for_each(|(c, d)| {
        each_tile(pool, (queries, examples, depth), |tile, sums| {
            let of = |c: usize, d: usize| Tile {
                rows: c * queries + tile.rows.start..c * queries + tile.rows.end,
                columns: d * examples + tile.columns.start..d * examples + tile.columns.end,
                width: tile.width,
            };
            if !call.wanted(&of(c, d)) {
                return;
            }
            for (rows, columns) in packed[c].iter().zip(&packed[d]) {
                if let (Prepared::Products { left, gram, depth, .. }, Prepared::Products { right, .. }) =
                    (rows, columns)
                {
                    add_products((left, right), *depth, gram.as_ref(), tile, sums);
                }
            }
            call.write(&of(c, d), sums);
            if c != d {
                call.write(&of(d, c), sums);
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::*;
    use super::super::*;

    const OUTPUTS: usize = 3;
    const DEPTH: usize = 9;

    /// The kernel of some queries with all examples, of δ that are multiples of one by each output's weights.
    fn kernel(queries: std::ops::Range<usize>, examples: usize, exchanges: bool) -> Vec<f64> {
        let count = queries.len();
        let weights = numbers(1, OUTPUTS * DEPTH);
        let deltas = |slopes: &[f64]| -> Vec<f64> {
            let rows = weights.chunks(DEPTH).flat_map(|weights| slopes.chunks(DEPTH).map(move |own| (weights, own)));
            rows.flat_map(|(weights, own)| weights.iter().zip(own).map(|(a, b)| a * b)).collect()
        };
        let (left, right) = (
            deltas(&numbers(2, 50 * DEPTH)[queries.start * DEPTH..queries.end * DEPTH]),
            deltas(&numbers(3, examples * DEPTH)),
        );
        let inputs = numbers(4, 50 * examples)[queries.start * examples..queries.end * examples].to_vec();
        let map = RowMap::each(&CpuBackend::<f64>::new(), OUTPUTS, count, 1.0).expect("a map");
        let entries = Entries::Full;
        let gram = Gram {
            entries,
            outputs: OUTPUTS,
            copies: OUTPUTS,
            queries: count,
            examples,
            stride: examples,
            triangle: None,
        };
        let columns: Vec<u32> = (0..examples as u32).collect();
        written(&vec![0.0; gram.len()], |cpu, out| {
            let [left, right, inputs] = [&left, &right, &inputs].map(|own| held(own));
            let (left, right, inputs) = (left.all(), right.all(), inputs.all());
            let part = Part::Factored { map: &map, positions: 1, depth: DEPTH, left, right, inputs, exchanges };
            let into = vec![Accumulator { out, scale: 0.5, weights: None }];
            cpu.run(&gram, GramArrays { columns: &columns, parts: &[part], into })
        })
    }

    #[test]
    fn one_product_is_both() {
        for (queries, examples) in [(2, 3), (50, 70)] {
            let want = kernel(0..queries, examples, false);
            close(&kernel(0..queries, examples, true), |e| want[e]);
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_tile() {
        let (whole, examples) = (kernel(0..50, 70, true), 70);
        let part = kernel(7..9, examples, true);
        for (e, value) in part.iter().enumerate() {
            let (c, q, rest) = (e / (2 * OUTPUTS * examples), e / (OUTPUTS * examples) % 2, e % (OUTPUTS * examples));
            assert_eq!(*value, whole[(c * 50 + 7 + q) * OUTPUTS * examples + rest]);
        }
    }
}
