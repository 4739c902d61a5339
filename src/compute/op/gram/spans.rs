//! Which parts of its arrays a block of the fused product touches.

use super::grid::{Grid, Rect};
use super::{Accumulator, Entries, Gram, Indices, RowMap};
use crate::compute::gpu::{Buffer, Index};
use std::ops::Range;

/// The call, and what all its dispatches need.
pub(super) struct Call<'a, 'b> {
    pub shape: &'a Gram,
    pub grid: Grid,
    pub columns: &'a Index,
    pub into: &'a [Accumulator<'b, Buffer>],
}

impl Call<'_, '_> {
    /// Elements of a row of an accumulator.
    pub fn row_length(&self) -> usize {
        let copies = if self.shape.entries == Entries::Full { self.shape.copies } else { 1 };
        copies * self.shape.stride
    }
}

/// The examples of a block.
pub(super) fn examples(call: &Call<'_, '_>, rect: &Rect) -> Range<usize> {
    let (all, columns) = (call.shape.examples, call.grid.columns(rect));
    let copies = columns.start / all..columns.end.div_ceil(all);
    if call.grid.column_step > 0 {
        return rect.columns.clone();
    }
    if copies.len() > 1 { 0..all } else { columns.start % all..columns.end - copies.start * all }
}

/// Where a block's entries begin within the accumulator's rows, and how many elements lie from the first to the last.
pub(super) fn out_span(call: &Call<'_, '_>, rect: &Rect) -> (usize, usize) {
    let Call { shape, grid, columns, .. } = call;
    let rows = if shape.entries == Entries::Trace { rect.rows.clone() } else { grid.rows(rect) };
    let examples = examples(call, rect);
    let first = columns.values().get(examples.start).map_or(0, |&column| column as usize);
    let last = columns.values().get(examples.end - 1).map_or(0, |&column| column as usize + 1);
    if shape.entries != Entries::Full {
        return (first, (rows.len() - 1) * shape.stride + last - first);
    }
    let of = grid.columns(rect);
    let copies = of.start / shape.examples..of.end.div_ceil(shape.examples);
    let (start, end) = if copies.len() > 1 {
        (copies.start * shape.stride, copies.end * shape.stride)
    } else {
        (copies.start * shape.stride + first, copies.start * shape.stride + last)
    };
    (start, (rows.len() - 1) * call.row_length() + end - start)
}

/// Where the look-up of a block begins in `[lines, examples]`, and its elements: a line for each query, or for each row.
pub(super) fn line_span(call: &Call<'_, '_>, rect: &Rect, lines: usize) -> (usize, usize) {
    let (queries, rows) = (call.shape.queries, call.grid.rows(rect));
    let examples = examples(call, rect);
    let one = call.grid.row_step > 0 || rows.start / queries == (rows.end - 1) / queries;
    let first = if call.grid.row_step > 0 { rect.rows.start } else { rows.start % queries };
    let seen = match lines == queries {
        false => rows,
        true if one => first..first + rect.rows.len(),
        true => 0..queries,
    };
    let start = seen.start * call.shape.examples + examples.start;
    (start, (seen.end - 1) * call.shape.examples + examples.end - start)
}

/// The map's rows of some outputs.
pub(super) fn map_rows(map: &RowMap<Buffer, Index>, outputs: &Range<usize>) -> Range<usize> {
    let offset = |output: usize| map.offsets.values().get(output).map_or(0, |&offset| offset as usize);
    offset(outputs.start)..offset(outputs.end)
}

/// The base rows that the map's rows of a block name.
pub(super) fn base_rows(map: &RowMap<Buffer, Index>, grid: &Grid, rect: &Rect) -> Range<usize> {
    let outputs = grid.each_rows(rect);
    let named = outputs.flat_map(|outputs| map.inputs.values().get(map_rows(map, &outputs)).unwrap_or_default());
    let (first, end) = named.fold((usize::MAX, 0), |(first, end), &base| {
        let base = base as usize;
        (first.min(base), end.max(base + 1))
    });
    first.min(end)..end
}
