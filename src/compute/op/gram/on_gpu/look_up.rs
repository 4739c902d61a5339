//! What a dispatch of the fused product looks up: entries of a last layer, or a half-materialised part.

use super::super::{Lookup, Operation, OuterRows, SliceMut, Weights};
use super::*;

/// What a dispatch looks up.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    Output { right: In<'a>, inputs: In<'a> },
    Half { layer: Layer, left: In<'a>, delta: In<'a>, input: In<'a> },
}

/// What the whole rows of a half-materialised part are of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layer {
    /// A matrix and a bias, applied to inputs.
    Matrix(Outer),
    /// A table, of which inputs name rows.
    Table(OuterRows),
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

    /// Multiply-adds of an element of what rows make of inputs.
    pub fn depth(&self) -> usize {
        match self {
            Layer::Matrix(own) => own.width,
            Layer::Table(_) => 1,
        }
    }
}

/// The block's part of what is looked up.
pub(super) struct SeenArrays<'a> {
    pub arrays: [Bound<'a>; 2],
    pub numbers: SeenNumbers,
}

impl GpuBackend {
    /// The block's part of what is looked up. A half-materialised part computes that first, into `intermediate`.
    pub(super) fn seen<'s>(
        &'s self,
        call: &Call<'_, '_>,
        group: &Group<'s>,
        rect: &Rect,
        intermediate: &'s mut Option<Buffer>,
    ) -> Result<SeenArrays<'s>> {
        let (shape, columns, examples) = (call.shape, call.grid.columns(rect), examples(call, rect));
        match group.seen {
            None => Ok(SeenArrays { arrays: [self.nothing(); 2], numbers: SeenNumbers::default() }),
            Some(Seen::Output { right, inputs }) => {
                let whole = inputs.len <= self.context.binding;
                let lines = inputs.len / shape.examples;
                let (first, len) = line_span(call, rect, lines);
                let start = if whole { examples.start } else { first };
                let left = read(inputs).part(start, if whole { inputs.len - start } else { len });
                let right = read(right).part(columns.start * shape.outputs, columns.len() * shape.outputs);
                let first_query = if whole { 0 } else { first / shape.examples } as u32;
                let seen_width = lines as u32;
                let numbers = SeenNumbers { seen_first: first_query, seen_width, ..SeenNumbers::default() };
                Ok(SeenArrays { arrays: [left, right], numbers })
            }
            Some(Seen::Half { layer, left, delta, input }) => {
                let length = layer.deltas();
                let z = self.applied(&layer, &call.grid.rows(rect), &examples, left, input)?;
                let left = Bound::whole(intermediate.insert(z));
                let right = read(delta).part(columns.start * length, columns.len() * length);
                let (seen_depth, seen_width) = (length as u32, examples.len() as u32);
                let numbers = SeenNumbers { seen_depth, seen_first: 0, seen_width };
                Ok(SeenArrays { arrays: [left, right], numbers })
            }
        }
    }

    /// Z, `[rows, examples, P, features of δ]`: what some rows make of some examples' inputs.
    fn applied(
        &self,
        layer: &Layer,
        rows: &Range<usize>,
        examples: &Range<usize>,
        left: In<'_>,
        input: In<'_>,
    ) -> Result<Buffer> {
        let left = left.part(rows.start * layer.row(), rows.len() * layer.row());
        let input = input.part(examples.start * layer.inputs(), examples.len() * layer.inputs());
        match layer {
            Layer::Matrix(own) => self.multiplied(own, (rows.len(), examples.len()), left, input),
            Layer::Table(own) => {
                let len = rows.len() * examples.len() * layer.deltas();
                let mut z = self.context.array(len, false)?;
                let lookup = Lookup { count: own.count, width: own.width, tables: rows.len() };
                lookup.gpu(self, (SliceMut::new(&mut z, 0, len), input, Weights { start: left, step: None }))?;
                Ok(z)
            }
        }
    }

    /// `Z[r, (i, p), k] = Σ_j left[r, k, j] input[(i, p), j] + bias[r, k]`.
    fn multiplied(
        &self,
        layer: &Outer,
        (rows, examples): (usize, usize),
        left: In<'_>,
        input: In<'_>,
    ) -> Result<Buffer> {
        let (height, columns) = (examples * layer.positions, rows * layer.height);
        let z = self.context.array(height * columns, false)?;
        let arrays = [Bound { written: true, ..Bound::whole(&z) }, read(left), read(input)];
        let dispatch = |tile: TileSize, height: usize| {
            let (down, across) = tile.grid(height, columns);
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
                shader: Key::tiled("applied", tile),
                arrays: &arrays,
                numbers: numbers.words(),
                groups: down * across,
                work: 2.0 * (height * layer.width) as f64 * columns as f64,
            })
        };
        let size = Size { rows: height, columns, depth: layer.width, batches: 1, summed: false };
        // What is measured is overwritten.
        let tile = self.tile("applied", size, &dispatch)?;
        dispatch(tile, height)?;
        Ok(z)
    }
}
