//! Operations over a row map: gradients materialised, contracted, and applied to a direction.

use super::blocks::{MapBlock, MapSizes, Part, map_blocks, row_blocks};
use super::context::Bound;
use super::products::tiles;
use super::{GpuBackend, Index};
use crate::backend::{Gram, Outer, Result, RowMap};
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
    let weights = Bound { buffer: &map.weights, offset: 0, len: map.rows, written: false };
    [GpuBackend::indices(&map.offsets), GpuBackend::indices(&map.inputs), weights]
}

/// Where a block starts in the map: its first output, row and base row.
fn starts(block: &MapBlock) -> [u32; 3] {
    [block.outputs.start, block.rows.start, block.base.start].map(|first| first as u32)
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

    pub(super) fn outer_product(&self, shape: &Outer, map: &RowMap<Self>, arrays: &Mapped<'_>) -> Result<()> {
        let (height, width, positions) = (shape.height, shape.width, shape.positions);
        let sizes = MapSizes { output: shape.row(), row: positions * height, base: positions * width };
        let bias = usize::from(shape.bias);
        let (down, across) = (height.div_ceil(64), (width + bias).div_ceil(64));
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let numbers = [block.outputs.len(), height, width, positions, bias, across, down].map(|n| n as u32);
            let work = 2.0 * (block.rows.len() * positions) as f64 * (height * width) as f64;
            let words = [&starts(block)[..], &numbers].concat();
            self.context.dispatch("outer", arrays, &words, block.outputs.len() * down * across, work)
        })
    }

    pub(super) fn outer_products_of_entries(
        &self,
        width: usize,
        positions: usize,
        map: &RowMap<Self>,
        arrays: &Mapped<'_>,
    ) -> Result<()> {
        let sizes = MapSizes { output: 2 * width, row: positions * width, base: positions * width };
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let len = block.outputs.len() * width;
            let words = [&starts(block)[..], &[len, width, positions].map(|n| n as u32)].concat();
            let work = 4.0 * (block.rows.len() * positions * width) as f64;
            self.context.dispatch("outer_diagonal", arrays, &words, len.div_ceil(256), work)
        })
    }

    pub(super) fn row_dots(&self, width: usize, scale: f64, map: &RowMap<Self>, arrays: &Mapped<'_>) -> Result<()> {
        let sizes = MapSizes { output: 1, row: width, base: width };
        self.by_map(map, sizes, arrays, &|block, arrays| {
            let numbers = [block.outputs.len() as u32, width as u32, (scale as f32).to_bits()];
            let words = [&starts(block)[..], &numbers].concat();
            let work = 2.0 * (block.rows.len() * width) as f64;
            self.context.dispatch("row_dot", arrays, &words, block.outputs.len(), work)
        })
    }

    /// The fused product, cut by outputs and by columns. `products` are the Gram matrix of the inputs.
    pub(super) fn fused_product(
        &self,
        shape: &Gram,
        map: &RowMap<Self>,
        columns: &Index,
        arrays: &Mapped<'_>,
        products: Option<Bound<'_>>,
    ) -> Result<()> {
        let row = shape.positions * shape.depth;
        let gram = shape.positions * shape.examples * shape.positions;
        let base = if products.is_some() { gram } else { 0 };
        let sizes = MapSizes { output: shape.stride, row, base };
        let cuts = row_blocks(&[Part::rows(arrays.right, row)], shape.columns, self.context.binding);
        for block in map_blocks(map, shape.first..shape.first + shape.outputs, sizes, self.context.binding) {
            let outputs = block.outputs.start - shape.first..block.outputs.end - shape.first;
            for cut in &cuts {
                let [offsets, inputs, weights] = map_arrays(map);
                let bound = [
                    rows(arrays.out, &outputs, shape.stride),
                    rows(arrays.left, &block.rows, row),
                    rows(arrays.right, cut, row),
                    products.map_or(self.nothing(), |products| rows(products, &block.base, gram)),
                    offsets,
                    inputs,
                    weights,
                    Self::indices(columns).part(cut.start, cut.len()),
                ];
                let numbers = [
                    outputs.len(),
                    cut.start,
                    cut.len(),
                    shape.examples,
                    shape.positions,
                    shape.depth,
                    shape.stride,
                    map.longest,
                    usize::from(products.is_some()),
                    cut.len().div_ceil(64),
                ];
                let scale = (shape.scale as f32).to_bits();
                let words = [&starts(&block)[..], &numbers.map(|n| n as u32), &[scale]].concat();
                let pairs = (outputs.len() * map.longest * cut.len()) as f64;
                let work = 2.0 * pairs * (shape.positions * shape.positions * shape.depth) as f64;
                self.context.dispatch("gram", &bound, &words, tiles(outputs.len(), cut.len()), work)?;
            }
        }
        Ok(())
    }
}
