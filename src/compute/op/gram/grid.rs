//! The entries of a fused product on the GPU, and the blocks that they are cut into.

use super::{Entries, Gram};
use std::ops::Range;

/// The entries of a fused product: batches of `height` rows by `width` columns. Diagonal has a batch an output, Trace a
/// copy an output within the tile; the rows and columns of the next are `row_step` and `column_step` further.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    height: usize,
    width: usize,
    batches: usize,
    pub copies: usize,
    pub row_step: usize,
    pub column_step: usize,
}

/// A block of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rect {
    pub batches: Range<usize>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Grid {
    pub fn new(shape: &Gram) -> Self {
        let (outputs, queries, examples) = (shape.outputs, shape.queries, shape.examples);
        let one = Self {
            height: outputs * queries,
            width: shape.columns(),
            batches: 1,
            copies: 1,
            row_step: 0,
            column_step: 0,
        };
        let each = Self { height: queries, width: examples, row_step: queries, column_step: examples, ..one };
        match shape.entries {
            Entries::Loss | Entries::Full => one,
            Entries::Diagonal => Self { batches: outputs, ..each },
            Entries::Trace => Self { copies: outputs, ..each },
        }
    }

    pub fn whole(&self) -> Rect {
        Rect { batches: 0..self.batches, rows: 0..self.height, columns: 0..self.width }
    }

    /// From the first to the last row `(c, q)` that a block reads.
    pub fn rows(&self, rect: &Rect) -> Range<usize> {
        let last = rect.batches.end + self.copies - 2;
        rect.batches.start * self.row_step + rect.rows.start..last * self.row_step + rect.rows.end
    }

    /// The rows `(c, q)` of a block, for each of its batches and copies.
    pub fn each_rows<'a>(&'a self, rect: &'a Rect) -> impl Iterator<Item = Range<usize>> + 'a {
        let copies = rect.batches.start..rect.batches.end + self.copies - 1;
        copies.map(|copy| copy * self.row_step + rect.rows.start..copy * self.row_step + rect.rows.end)
    }

    /// From the first to the last column `(d, i)` that a block reads.
    pub fn columns(&self, rect: &Rect) -> Range<usize> {
        let last = rect.batches.end + self.copies - 2;
        rect.batches.start * self.column_step + rect.columns.start..last * self.column_step + rect.columns.end
    }

    /// A block's halves: of its batches, else of its rows or its columns, whichever can be halved and is asked for.
    pub fn split(&self, rect: &Rect, rows_first: bool) -> Option<(Rect, Rect)> {
        let halve = |range: &Range<usize>| {
            // Whole tiles, where there are many.
            let half = range.len().div_ceil(2);
            let middle = range.start + if half > 256 { half.next_multiple_of(128) } else { half };
            (range.len() > 1).then_some((range.start..middle, middle..range.end))
        };
        if let Some((first, second)) = halve(&rect.batches) {
            return Some((Rect { batches: first, ..rect.clone() }, Rect { batches: second, ..rect.clone() }));
        }
        let rows = halve(&rect.rows)
            .map(|(first, second)| (Rect { rows: first, ..rect.clone() }, Rect { rows: second, ..rect.clone() }));
        let columns = halve(&rect.columns)
            .map(|(first, second)| (Rect { columns: first, ..rect.clone() }, Rect { columns: second, ..rect.clone() }));
        if rows_first { rows.or(columns) } else { columns.or(rows) }
    }
}
