//! Matrix products.

use super::GpuBackend;
use super::blocks::{Part, row_blocks, short_row_blocks};
use super::context::Bound;
use super::contraction::start_words;
use super::queue::Dispatch;
use super::tiles::Tile;
use super::tune::Size;
use crate::compute::{Layout, MatMul, Result, Start};
use std::ops::Range;

/// The arrays of a product; `scale` comes with the rows that share a factor and the number of factors (0: none).
pub(super) struct Operands<'a> {
    pub out: Bound<'a>,
    pub a: Bound<'a>,
    pub b: Bound<'a>,
    pub scale: (Bound<'a>, usize, usize),
}

/// A part of a product: some rows of `a`, and a range of columns and of depth in `b`.
#[derive(Clone)]
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
    depth: Range<usize>,
}

/// Rows of a block that is cut for its work alone: enough to keep a device busy.
const ROWS: usize = 256;

impl GpuBackend {
    /// Rows of so much work each that a submission may hold.
    pub(super) fn rows_of_a_submission(&self, work: f64) -> usize {
        (self.context.most_work / work.max(1.0)) as usize
    }

    /// The product, cut by rows of `a`, so that a dispatch is no more than a submission's work, and, where `b` does not fit a binding, by `b`'s own rows: columns of the output
    /// where it is transposed, else depth.
    pub(super) fn product(&self, shape: &MatMul, operands: &Operands<'_>) -> Result<()> {
        let (tau, positions, taus) = operands.scale;
        let scale = if taus > 0 { Part::grouped(tau, positions) } else { Part::shared(tau) };
        let parts = [Part::rows(operands.out, shape.columns), Part::rows(operands.a, shape.depth), scale];
        let length = if shape.layout == Layout::Transposed { shape.depth } else { shape.columns };
        let across = if shape.layout == Layout::Transposed { shape.columns } else { shape.depth };
        let cuts = row_blocks(&[Part::rows(operands.b, length)], across, self.context.binding);
        let longest = cuts.iter().map(Range::len).max().unwrap_or(0);
        let most = self.rows_of_a_submission(2.0 * longest as f64 * length as f64).max(ROWS);
        for rows in short_row_blocks(&parts, shape.rows, self.context.binding, most) {
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
        let (columns, depth) = (block.columns.len(), block.depth.len());
        let size = Size { rows: block.rows.len(), columns, depth, batches: 1 };
        let tile = self.tile("matmul", size, &|tile, rows| {
            let scratch = self.context.array(rows * columns, false)?;
            let out = Bound { written: true, ..Bound::whole(&scratch) };
            // Rows of the scratch array are as wide as the block.
            let some = Block { rows: block.rows.start..block.rows.start + rows, ..block.clone() };
            self.product_tiles(shape, operands, &some, tile, Some(out))
        })?;
        self.product_tiles(shape, operands, block, tile, None)
    }

    /// A block with tiles of one size, to another place than the output where one is given.
    fn product_tiles(
        &self,
        shape: &MatMul,
        operands: &Operands<'_>,
        block: &Block,
        tile: Tile,
        elsewhere: Option<Bound<'_>>,
    ) -> Result<()> {
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
            elsewhere.unwrap_or_else(|| operands.out.part(out, out_len)),
            operands.a.part(a, a_len),
            operands.b.part(b, columns * depth),
            tau.part(first, tau.len - first),
        ];
        let [keep, start] = start_words(if block.depth.start == 0 { shape.start } else { Start::Output });
        let out_row = if elsewhere.is_some() { columns } else { shape.columns };
        let across = columns.div_ceil(tile.side());
        let numbers = [
            [rows, columns, depth, out_row, shape.depth, b_row],
            [b_column, positions, taus, keep as usize, across, start as usize],
        ];
        let words: Vec<u32> = numbers.concat().into_iter().map(|n| n as u32).collect();
        self.context.dispatch(&Dispatch {
            shader: ("matmul", Some(tile)),
            arrays: &arrays,
            words: &words,
            groups: tile.count(rows, columns),
            work: 2.0 * rows as f64 * columns as f64 * depth as f64,
        })
    }
}
