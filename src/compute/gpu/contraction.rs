//! Operations over a row map: gradients materialised, contracted, and applied to a direction.

use super::GpuBackend;
use super::blocks::{MapBlock, MapSizes, map_blocks};
use super::context::Bound;
use super::queue::Dispatch;
use super::tiles::Tile;
use super::tune::Size;
use crate::compute::{Outer, OuterDiagonal, Result, RowMap, Start};
use std::ops::Range;

/// What an operation over a row map reads and writes: `left` follows the map's rows, `right` its base rows.
pub(super) struct Mapped<'a> {
    pub out: Bound<'a>,
    pub left: Bound<'a>,
    pub right: Bound<'a>,
}

/// Elements from `range.start * size` of an array of rows.
fn rows<'a>(array: Bound<'a>, range: &Range<usize>, size: usize) -> Bound<'a> {
    array.part(range.start * size, range.len() * size)
}

/// A map's own arrays.
fn map_arrays(map: &RowMap<GpuBackend>) -> [Bound<'_>; 3] {
    let weights = Bound::whole(&map.weights);
    [GpuBackend::indices(&map.offsets), GpuBackend::indices(&map.inputs), weights]
}

/// Where a block starts in the map: its first output, row and base row.
fn starts(block: &MapBlock) -> [u32; 3] {
    [block.outputs.start, block.rows.start, block.base.start].map(|first| first as u32)
}

/// Whether an output is kept, and what else it starts from.
pub(super) fn start_words(start: Start) -> [u32; 2] {
    match start {
        Start::Output => [1, 0],
        Start::Value(value) => [0, (value as f32).to_bits()],
    }
}

impl GpuBackend {
    /// Calls `dispatch` with the arrays and the numbers of each block of a map that fits a binding.
    fn by_map(
        &self,
        map: &RowMap<Self>,
        sizes: MapSizes,
        arrays: &Mapped<'_>,
        dispatch: &dyn Fn(&MapBlock, &[Bound<'_>]) -> Result<()>,
    ) -> Result<()> {
        for block in map_blocks(map, 0..map.outputs, sizes, self.context.binding) {
            let [offsets, inputs, weights] = map_arrays(map);
            let out = rows(arrays.out, &block.outputs, sizes.output);
            let left = rows(arrays.left, &block.rows, sizes.row);
            let right = rows(arrays.right, &block.base, sizes.base);
            dispatch(&block, &[out, left, right, offsets, inputs, weights])?;
        }
        Ok(())
    }

    pub(super) fn outer_product(
        &self,
        shape: &Outer,
        map: &RowMap<Self>,
        arrays: &Mapped<'_>,
        preconditioner: Option<Bound<'_>>,
    ) -> Result<()> {
        let (height, width, positions) = (shape.height, shape.width, shape.positions);
        let most = self.rows_of_a_submission(2.0 * (positions * height) as f64 * width as f64);
        let sizes = MapSizes { output: shape.row(), row: positions * height, base: positions * width, most };
        let bias = usize::from(shape.bias);
        let preconditioned = u32::from(preconditioner.is_some());
        let size = Size { rows: height, columns: width + bias, depth: map.longest * positions, batches: map.outputs };
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let dispatch = |tile: Tile, outputs: usize, out: Bound<'_>| {
                let (down, across) = (height.div_ceil(tile.side()), (width + bias).div_ceil(tile.side()));
                let numbers = [outputs, height, width, positions, bias, across, down].map(|n| n as u32);
                self.context.dispatch(&Dispatch {
                    shader: ("outer", Some(tile)),
                    arrays: &[&[out], &arrays[1..], &[preconditioner.unwrap_or(self.nothing())]].concat(),
                    words: &[&starts(block)[..], &numbers, &start_words(shape.start), &[preconditioned]].concat(),
                    groups: outputs * down * across,
                    work: 2.0 * (block.rows.len() * positions) as f64 * (height * width) as f64,
                })
            };
            let tile = self.tile("outer", size, &|tile, rows| {
                // As many outputs as the rows that were asked for would make.
                let outputs = (block.outputs.len() * rows / height.max(1)).clamp(1, block.outputs.len());
                let scratch = self.context.array(outputs * shape.row(), false)?;
                dispatch(tile, outputs, Bound { written: true, ..Bound::whole(&scratch) })
            })?;
            dispatch(tile, block.outputs.len(), arrays[0])
        })
    }

    /// Weighted sums of rows.
    pub(super) fn averages(&self, width: usize, start: Start, map: &RowMap<Self>, arrays: &Mapped<'_>) -> Result<()> {
        let sizes = MapSizes { output: width, row: width, base: 0, most: usize::MAX };
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let len = block.outputs.len() * width;
            let starts = [block.outputs.start, block.rows.start, len, width].map(|n| n as u32);
            self.context.dispatch(&Dispatch {
                shader: ("average", None),
                arrays: &[arrays[0], arrays[1], arrays[3], arrays[5]],
                words: &[&starts[..], &start_words(start)].concat(),
                groups: len.div_ceil(256),
                work: 2.0 * (block.rows.len() * width) as f64,
            })
        })
    }

    pub(super) fn outer_products_of_entries(
        &self,
        shape: &OuterDiagonal,
        map: &RowMap<Self>,
        arrays: &Mapped<'_>,
        preconditioner: Option<Bound<'_>>,
    ) -> Result<()> {
        let &OuterDiagonal { width, positions, shift, start } = shape;
        let sizes = MapSizes { output: shape.row(), row: positions * width, base: positions * width, most: usize::MAX };
        let preconditioned = u32::from(preconditioner.is_some());
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let len = block.outputs.len() * width;
            let numbers = [len, width, positions, usize::from(shift)].map(|n| n as u32);
            self.context.dispatch(&Dispatch {
                shader: ("outer_diagonal", None),
                arrays: &[arrays, &[preconditioner.unwrap_or(self.nothing())]].concat(),
                words: &[&starts(block)[..], &numbers, &start_words(start), &[preconditioned]].concat(),
                groups: len.div_ceil(256),
                work: 4.0 * (block.rows.len() * positions * width) as f64,
            })
        })
    }

    pub(super) fn row_dots(&self, width: usize, scale: f64, map: &RowMap<Self>, arrays: &Mapped<'_>) -> Result<()> {
        let sizes = MapSizes { output: 1, row: width, base: width, most: usize::MAX };
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let numbers = [block.outputs.len() as u32, width as u32, (scale as f32).to_bits()];
            self.context.dispatch(&Dispatch {
                shader: ("row_dot", None),
                arrays,
                words: &[&starts(block)[..], &numbers].concat(),
                groups: block.outputs.len(),
                work: 2.0 * (block.rows.len() * width) as f64,
            })
        })
    }
}
