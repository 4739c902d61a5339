//! Operations over a row map, cut into blocks that fit a binding.

use super::context::Bound;
use super::{Buffer, GpuBackend, Index};
use crate::compute::{Result, RowMap, Start};
use std::ops::Range;

/// What an operation over a row map reads and writes: `left` follows the map's rows, `right` its base rows.
pub(in crate::compute) struct Mapped<'a> {
    pub out: Bound<'a>,
    pub left: Bound<'a>,
    pub right: Bound<'a>,
}

/// Elements from `range.start * size` of an array of rows.
fn rows<'a>(array: Bound<'a>, range: &Range<usize>, size: usize) -> Bound<'a> {
    array.part(range.start * size, range.len() * size)
}

/// A block of a map's outputs, the rows they sum and the base rows that those take their inputs from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::compute) struct MapBlock {
    pub outputs: Range<usize>,
    pub rows: Range<usize>,
    pub base: Range<usize>,
}

/// Elements of an operation's arrays for each of what a map relates.
#[derive(Debug, Clone, Copy)]
pub(in crate::compute) struct MapSizes {
    pub output: usize,
    pub row: usize,
    pub base: usize,
    /// Rows of a dispatch at the most, but for those of one output.
    pub most: usize,
}

/// The blocks of some outputs of a map that fit a binding: one, where all of them do.
fn map_blocks(map: &RowMap<Buffer, Index>, outputs: Range<usize>, sizes: MapSizes, limit: usize) -> Vec<MapBlock> {
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

impl MapBlock {
    /// Its first output, row and base row in the map.
    pub fn starts(&self) -> (u32, u32, u32) {
        (self.outputs.start as u32, self.rows.start as u32, self.base.start as u32)
    }
}

fn one_output(map: &RowMap<Buffer, Index>, output: usize) -> MapBlock {
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

/// Whether an output is kept, and what else it starts from.
pub(in crate::compute) fn start_numbers(start: Start) -> (u32, f32) {
    match start {
        Start::Output => (1, 0.0),
        Start::Value(value) => (0, value as f32),
    }
}

impl GpuBackend {
    /// Calls `dispatch` with the arrays and the numbers of each block of a map that fits a binding.
    pub(in crate::compute) fn by_map(
        &self,
        map: &RowMap<Buffer, Index>,
        sizes: MapSizes,
        arrays: &Mapped<'_>,
        dispatch: &dyn Fn(&MapBlock, &[Bound<'_>]) -> Result<()>,
    ) -> Result<()> {
        for block in map_blocks(map, 0..map.outputs, sizes, self.context.binding) {
            let (offsets, inputs, weights) =
                (Self::indices(&map.offsets), Self::indices(&map.inputs), Bound::whole(&map.weights));
            let out = rows(arrays.out, &block.outputs, sizes.output);
            let left = rows(arrays.left, &block.rows, sizes.row);
            let right = rows(arrays.right, &block.base, sizes.base);
            dispatch(&block, &[out, left, right, offsets, inputs, weights])?;
        }
        Ok(())
    }
}
