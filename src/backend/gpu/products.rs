//! Matrix products.

use super::GpuBackend;
use super::blocks::{Part, row_blocks};
use super::context::Bound;
use crate::backend::{Layout, MatMul, Result, Start};
use std::ops::Range;

/// Side of a workgroup's tile, as in `shaders/shared/tile.wgsl`.
const TILE: usize = 64;

/// Workgroups of a product of `rows` by `columns`.
pub(super) fn tiles(rows: usize, columns: usize) -> usize {
    rows.div_ceil(TILE) * columns.div_ceil(TILE)
}

/// The arrays of a product; `scale` comes with the rows that share a factor and the number of factors (0: none).
pub(super) struct Operands<'a> {
    pub out: Bound<'a>,
    pub a: Bound<'a>,
    pub b: Bound<'a>,
    pub scale: (Bound<'a>, usize, usize),
}

/// A part of a product: some rows of `a`, and a range of columns and of depth in `b`.
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
    depth: Range<usize>,
}

impl GpuBackend {
    /// The product, cut by rows of `a` and, where `b` does not fit a binding, by `b`'s own rows: columns of the output
    /// where it is transposed, else depth.
    pub(super) fn product(&self, shape: &MatMul, operands: &Operands<'_>) -> Result<()> {
        let (tau, positions, taus) = operands.scale;
        let scale = if taus > 0 { Part::grouped(tau, positions) } else { Part::shared(tau) };
        let parts = [Part::rows(operands.out, shape.columns), Part::rows(operands.a, shape.depth), scale];
        let length = if shape.layout == Layout::Transposed { shape.depth } else { shape.columns };
        let across = if shape.layout == Layout::Transposed { shape.columns } else { shape.depth };
        let cuts = row_blocks(&[Part::rows(operands.b, length)], across, self.context.binding);
        for rows in row_blocks(&parts, shape.rows, self.context.binding) {
            for cut in &cuts {
                let block = match shape.layout {
                    Layout::Transposed => Block { rows: rows.clone(), columns: cut.clone(), depth: 0..shape.depth },
                    Layout::Plain => Block { rows: rows.clone(), columns: 0..shape.columns, depth: cut.clone() },
                };
                self.product_block(shape, operands, &block)?;
            }
        }
        Ok(())
    }

    fn product_block(&self, shape: &MatMul, operands: &Operands<'_>, block: &Block) -> Result<()> {
        let (rows, columns, depth) = (block.rows.len(), block.columns.len(), block.depth.len());
        let (tau, positions, taus) = operands.scale;
        // From the first to the last element that the block touches.
        let span = |row: usize, within: &Range<usize>| {
            let first = block.rows.start * row + within.start;
            (first, (rows * row + within.end).saturating_sub(row + within.start))
        };
        let (out, out_len) = span(shape.columns, &block.columns);
        let (a, a_len) = span(shape.depth, &block.depth);
        let (b, b_row, b_column) = match shape.layout {
            Layout::Transposed => (block.columns.start * shape.depth, 1, shape.depth),
            Layout::Plain => (block.depth.start * shape.columns, shape.columns, 1),
        };
        let first = if taus > 0 { block.rows.start % (taus * positions) / positions } else { 0 };
        let arrays = [
            operands.out.part(out, out_len),
            operands.a.part(a, a_len),
            operands.b.part(b, columns * depth),
            tau.part(first, tau.len - first),
        ];
        let (keep, start) = match shape.start {
            Start::Value(value) if block.depth.start == 0 => (0, value as f32),
            _ => (1, 0.0),
        };
        let across = columns.div_ceil(TILE);
        let strides = [shape.columns, shape.depth, b_row, b_column];
        let numbers = [&[rows, columns, depth][..], &strides, &[positions, taus, keep, across]].concat();
        let mut words: Vec<u32> = numbers.into_iter().map(|n| n as u32).collect();
        words.push(start.to_bits());
        let work = 2.0 * rows as f64 * columns as f64 * depth as f64;
        self.context.dispatch("matmul", &arrays, &words, tiles(rows, columns), work)
    }
}
