//! Operations on arrays that are larger than a binding: cut into blocks of rows that fit.

use super::context::Bound;
use super::{GpuBackend, Index};
use crate::backend::{Result, RowMap};
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
    let follows = || parts.iter().filter(|part| part.elements > 0);
    let Some(fits) =
        follows().filter(|part| part.bound.len > limit).map(|part| limit / part.elements * part.group).min()
    else {
        return std::iter::once(0..rows).collect();
    };
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
                && joined.base.len() * sizes.base <= limit;
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
            self.context.dispatch(name, &arrays, &words(&block), len.div_ceil(256), 20.0 * len as f64)?;
        }
        Ok(())
    }

    /// An index array, whole.
    pub(super) fn indices(index: &Index) -> Bound<'_> {
        Bound { buffer: &index.buffer, offset: 0, len: index.values.len(), written: false }
    }
}
