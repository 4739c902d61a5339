//! The fused product of a contraction.

use super::product::{Matrix, product};
use super::*;
use gemm::Parallelism;

/// Rows and columns of a tile of the product, positions included: the tile and its factors fit the second-level cache.
const TILE_ROWS: usize = 128;
const TILE_COLUMNS: usize = 256;

pub(super) fn gram<E: Element>(
    shape: &Gram,
    map: &RowMap<CpuBackend<E>>,
    columns: &[u32],
    out: &mut [E],
    factors: GramFactors<'_, Vec<E>>,
) -> Result<()> {
    let (left, right) = (view(factors.left)?, view(factors.right)?);
    let inputs = factors.inputs.map(view).transpose()?;
    let positions = shape.positions;
    let end = columns.iter().map(|&column| column as usize + 1).max().unwrap_or(0);
    check(
        "gram",
        &[
            (columns.len(), shape.columns),
            (left.len(), map.rows * positions * shape.depth),
            (right.len(), shape.columns * positions * shape.depth),
            (usize::from(shape.first + shape.outputs > map.outputs || end > shape.stride), 0),
            (usize::from(out.len() < shape.outputs * shape.stride), 0),
        ],
    )?;
    let per_tile = (TILE_ROWS / (map.longest * positions).max(1)).max(1);
    let scale = E::from_f64(shape.scale);
    out[..shape.outputs * shape.stride].par_chunks_mut(per_tile * shape.stride).enumerate().try_for_each(
        |(tile, out)| {
            let first = shape.first + tile * per_tile;
            let outputs = first..first + out.len() / shape.stride;
            let rows = map.offsets[outputs.start] as usize..map.offsets[outputs.end] as usize;
            let left = &left[rows.start * positions * shape.depth..rows.end * positions * shape.depth];
            let across = (TILE_COLUMNS / positions).max(1);
            let mut scratch = vec![E::ZERO; rows.len() * positions * across * positions];
            let mut sums = vec![E::ZERO; across];
            for start in (0..shape.columns).step_by(across) {
                let block = start..(start + across).min(shape.columns);
                let size = (rows.len() * positions, block.len() * positions, shape.depth);
                let scratch = &mut scratch[..size.0 * size.1];
                let right = &right[block.start * positions * shape.depth..block.end * positions * shape.depth];
                let left = Matrix { values: left, row: shape.depth, column: 1 };
                let right = Matrix { values: right, row: 1, column: shape.depth };
                product(size, scratch, Start::Value(0.0), left, right, Parallelism::None)?;
                for (output, out) in outputs.clone().zip(out.chunks_mut(shape.stride)) {
                    sums.fill(E::ZERO);
                    for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
                        let products = &scratch[(row - rows.start) * positions * size.1..][..positions * size.1];
                        add_row(shape, map, row, &block, products, inputs, &mut sums);
                    }
                    for (&sum, &column) in sums.iter().zip(&columns[block.clone()]) {
                        out[column as usize] += scale * sum;
                    }
                }
            }
            Ok(())
        },
    )
}

/// `sums[s] += ω_r Σ_{p,p'} G[(g(r), p), (s, p')] products[p, (s, p')]` for the columns of a block.
fn add_row<E: Element>(
    shape: &Gram,
    map: &RowMap<CpuBackend<E>>,
    row: usize,
    block: &std::ops::Range<usize>,
    products: &[E],
    inputs: Option<&[E]>,
    sums: &mut [E],
) {
    let positions = shape.positions;
    let width = block.len() * positions;
    let gram_width = shape.examples * positions;
    let omega = map.weights[row];
    for p in 0..positions {
        let products = &products[p * width..][..width];
        let gram =
            inputs.map(|inputs| &inputs[(map.inputs[row] as usize * positions + p) * gram_width..][..gram_width]);
        for (s, (sum, products)) in block.clone().zip(sums.iter_mut().zip(products.chunks(positions))) {
            let value = match gram {
                None => products.iter().copied().sum::<E>(),
                Some(gram) => {
                    let gram = &gram[s % shape.examples * positions..][..positions];
                    products.iter().zip(gram).map(|(&product, &gram)| product * gram).sum::<E>()
                }
            };
            *sum += omega * value;
        }
    }
}
