//! Operations on arrays that are larger than a binding: cut into blocks of rows that fit.

use super::context::Bound;
use super::queue::Dispatch;
use super::{GpuBackend, Index};
use crate::compute::{Entries, Gram, Result, RowMap};
use std::ops::Range;

/// An array of an operation on rows, and how it follows them.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    bound: Bound<'a>,
    /// Elements of a group of rows; 0: every row sees the whole array.
    elements: usize,
    /// Rows of a group.
    group: usize,
    /// Rows after which the array begins anew.
    period: usize,
}

impl<'a> Part<'a> {
    /// `elements` a row.
    pub fn rows(bound: Bound<'a>, elements: usize) -> Self {
        Self { bound, elements, group: 1, period: usize::MAX }
    }

    /// The same for all rows.
    pub fn shared(bound: Bound<'a>) -> Self {
        Self { bound, elements: 0, group: 1, period: usize::MAX }
    }

    /// `elements` a row, beginning anew at its end.
    pub fn repeated(bound: Bound<'a>, elements: usize) -> Self {
        Self { period: (bound.len / elements.max(1)).max(1), ..Self::rows(bound, elements) }
    }

    /// One element for `group` rows, beginning anew at its end.
    pub fn grouped(bound: Bound<'a>, group: usize) -> Self {
        Self { bound, elements: 1, group: group.max(1), period: (bound.len * group).max(1) }
    }

    /// What a block of rows sees.
    fn block(&self, rows: &Range<usize>) -> Bound<'a> {
        if self.elements == 0 {
            return self.bound;
        }
        let first = rows.start % self.period / self.group * self.elements;
        let len = (rows.len().div_ceil(self.group) * self.elements).min(self.bound.len - first);
        self.bound.part(first, len)
    }
}

/// The blocks of an operation on `rows` rows: one, where every array fits a binding.
pub(super) fn row_blocks(parts: &[Part<'_>], rows: usize, limit: usize) -> Vec<Range<usize>> {
    short_row_blocks(parts, rows, limit, usize::MAX)
}

/// As [`row_blocks`], of about `most` rows at the most.
pub(super) fn short_row_blocks(parts: &[Part<'_>], rows: usize, limit: usize, most: usize) -> Vec<Range<usize>> {
    let follows = || parts.iter().filter(|part| part.elements > 0);
    let fits = follows().filter(|part| part.bound.len > limit).map(|part| limit / part.elements * part.group).min();
    let fits = fits.map_or(most, |fits| fits.min(most));
    if fits >= rows {
        return std::iter::once(0..rows).collect();
    }
    let group = follows().map(|part| part.group).max().unwrap_or(1);
    let size = (fits / group * group).max(group);
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < rows {
        let turn = |part: &Part<'_>| (start / part.period + 1).saturating_mul(part.period);
        let end = follows().map(turn).min().unwrap_or(rows).min(start + size).min(rows);
        blocks.push(start..end);
        start = end;
    }
    blocks
}

/// A block of a map's outputs, the rows they sum and the base rows that those take their inputs from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MapBlock {
    pub outputs: Range<usize>,
    pub rows: Range<usize>,
    pub base: Range<usize>,
}

/// Elements of an operation's arrays for each of what a map relates.
#[derive(Debug, Clone, Copy)]
pub(super) struct MapSizes {
    pub output: usize,
    pub row: usize,
    pub base: usize,
    /// Rows of a dispatch at the most, but for those of one output.
    pub most: usize,
}

/// The blocks of some outputs of a map that fit a binding: one, where all of them do.
pub(super) fn map_blocks(
    map: &RowMap<GpuBackend>,
    outputs: Range<usize>,
    sizes: MapSizes,
    limit: usize,
) -> Vec<MapBlock> {
    let mut blocks: Vec<MapBlock> = Vec::new();
    for output in outputs {
        let next = one_output(map, output);
        if let Some(block) = blocks.last_mut() {
            let joined = join(block, &next);
            let fits = joined.outputs.len() * sizes.output <= limit
                && joined.rows.len() * sizes.row <= limit
                && joined.base.len() * sizes.base <= limit
                && joined.rows.len() <= sizes.most;
            if fits {
                *block = joined;
                continue;
            }
        }
        blocks.push(next);
    }
    blocks
}

fn one_output(map: &RowMap<GpuBackend>, output: usize) -> MapBlock {
    let offsets = &map.offsets.values;
    let rows = offsets[output] as usize..offsets[output + 1] as usize;
    let inputs = &map.inputs.values[rows.clone()];
    let first = inputs.iter().min().map_or(0, |&first| first as usize);
    let last = inputs.iter().max().map_or(0, |&last| last as usize + 1);
    MapBlock { outputs: output..output + 1, rows, base: first..last }
}

fn join(a: &MapBlock, b: &MapBlock) -> MapBlock {
    let base = match (a.base.is_empty(), b.base.is_empty()) {
        (true, _) => b.base.clone(),
        (_, true) => a.base.clone(),
        _ => a.base.start.min(b.base.start)..a.base.end.max(b.base.end),
    };
    MapBlock { outputs: a.outputs.start..b.outputs.end, rows: a.rows.start..b.rows.end, base }
}

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

impl GpuBackend {
    /// An operation of one invocation for `width` elements of each row; `words` gives the numbers of a block, which
    /// follow the offsets of its arrays.
    pub(super) fn by_rows(
        &self,
        name: &'static str,
        parts: &[Part<'_>],
        rows: usize,
        width: usize,
        words: &dyn Fn(&Range<usize>) -> Vec<u32>,
    ) -> Result<()> {
        for block in row_blocks(parts, rows, self.context.binding) {
            let arrays: Vec<Bound<'_>> = parts.iter().map(|part| part.block(&block)).collect();
            let len = block.len() * width;
            self.context.dispatch(&Dispatch {
                shader: (name, None),
                arrays: &arrays,
                words: &words(&block),
                groups: len.div_ceil(256),
                work: 20.0 * len as f64,
            })?;
        }
        Ok(())
    }

    /// An index array, whole.
    pub(super) fn indices(index: &Index) -> Bound<'_> {
        Bound::whole(&index.buffer)
    }
}
