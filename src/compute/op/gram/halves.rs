//! Whole gradient rows of queries applied to the inputs of examples, on the GPU: what a fused product looks up afterwards.

use super::{
    Bound, Dispatch, GpuBackend, Lookup, Operation, Outer, OuterRows, Result, Shader, Size, Slice, SliceMut, Weights,
    Words, numbers, read,
};
use crate::compute::gpu::{Buffer, PUT_LARGE, PUT_SMALL, TILE_LARGE, TILE_SMALL, TileSize};
use std::ops::Range;

/// What whole rows are of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layer {
    /// A matrix and a bias, applied to inputs.
    Matrix(Outer),
    /// A table, of which inputs name rows.
    Table(OuterRows),
}

numbers! {
    struct AppliedNumbers { rows: u32, columns: u32, height: u32, width: u32, length: u32, bias: u32, across: u32 }
}

/// The shader of the product with inputs.
pub(super) fn shaders() -> Vec<Shader> {
    let applied = include_str!("../../../../shaders/op/applied.wgsl");
    let (small, large) = ([TILE_SMALL, PUT_SMALL, applied], [TILE_LARGE, PUT_LARGE, applied]);
    Shader::tiled::<AppliedNumbers>("applied", &small, &large)
}

impl Layer {
    /// Elements of a whole row.
    pub fn row(&self) -> usize {
        match self {
            Layer::Matrix(own) => own.row(),
            Layer::Table(own) => own.row(),
        }
    }

    /// Elements of a column's δ.
    pub fn deltas(&self) -> usize {
        match self {
            Layer::Matrix(own) => own.positions * own.height,
            Layer::Table(own) => own.positions * own.width,
        }
    }

    /// Elements of an example's input.
    pub fn inputs(&self) -> usize {
        match self {
            Layer::Matrix(own) => own.positions * own.width,
            Layer::Table(own) => own.positions,
        }
    }

    /// Multiply-adds of an element of Z.
    pub fn depth(&self) -> usize {
        match self {
            Layer::Matrix(own) => own.width,
            Layer::Table(_) => 1,
        }
    }
}

impl GpuBackend {
    /// Z, `[rows, examples, P, features of δ]`: what each row makes of each example's input.
    pub(super) fn applied(
        &self,
        layer: &Layer,
        rows: &Range<usize>,
        examples: &Range<usize>,
        left: Slice<'_, Buffer>,
        input: Slice<'_, Buffer>,
    ) -> Result<Buffer> {
        let left = left.part(rows.start * layer.row(), rows.len() * layer.row());
        let input = input.part(examples.start * layer.inputs(), examples.len() * layer.inputs());
        match layer {
            Layer::Matrix(own) => self.product_with_inputs(own, (rows.len(), examples.len()), left, input),
            Layer::Table(own) => {
                let len = rows.len() * examples.len() * layer.deltas();
                let mut z = self.context.array(len, false)?;
                let lookup = Lookup { count: own.count, width: own.width, tables: rows.len() };
                lookup.gpu(self, (SliceMut::new(&mut z, 0, len), input, Weights { start: left, step: None }))?;
                Ok(z)
            }
        }
    }

    /// `Z[r, (i, p), k] = Σ_j left[r, k, j] input[(i, p), j] + bias[r, k]` for some rows and examples.
    fn product_with_inputs(
        &self,
        layer: &Outer,
        (rows, examples): (usize, usize),
        left: Slice<'_, Buffer>,
        input: Slice<'_, Buffer>,
    ) -> Result<Buffer> {
        let (height, columns) = (examples * layer.positions, rows * layer.height);
        let z = self.context.array(height * columns, false)?;
        let arrays = [Bound { written: true, ..Bound::whole(&z) }, read(left), read(input)];
        let dispatch = |tile: TileSize, height: usize| {
            let across = columns.div_ceil(tile.side());
            let numbers = AppliedNumbers {
                rows: height as u32,
                columns: columns as u32,
                height: layer.height as u32,
                width: layer.width as u32,
                length: layer.row() as u32,
                bias: u32::from(layer.bias),
                across: across as u32,
            };
            self.context.dispatch(&Dispatch {
                shader: ("applied", Some(tile)),
                arrays: &arrays,
                numbers: numbers.words(),
                groups: tile.count(height, columns),
                work: 2.0 * (height * layer.width) as f64 * columns as f64,
            })
        };
        // What is measured is overwritten.
        let tile = self.tile("applied", Size { rows: height, columns, depth: layer.width, batches: 1 }, &dispatch)?;
        dispatch(tile, height)?;
        Ok(z)
    }
}
