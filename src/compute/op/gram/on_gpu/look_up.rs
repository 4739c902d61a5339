//! What a dispatch of the fused product looks up: entries of a last layer, or a half-materialised part.

use super::*;

/// As in `shaders/op/gram.wgsl`.
const OUTPUT: u32 = 1;
const HALF: u32 = 2;

/// What a dispatch looks up.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    Output { right: In<'a>, inputs: In<'a> },
    Half { layer: Outer, left: In<'a>, delta: In<'a>, input: In<'a> },
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
                let (first, len) = query_span(call, rect);
                let start = if whole { examples.start } else { first };
                let left = read(inputs).part(start, if whole { inputs.len - start } else { len });
                let right = read(right).part(columns.start * shape.outputs, columns.len() * shape.outputs);
                let first_query = if whole { 0 } else { first / shape.examples } as u32;
                let numbers = SeenNumbers { seen: OUTPUT, seen_first: first_query, ..SeenNumbers::default() };
                Ok(SeenArrays { arrays: [left, right], numbers })
            }
            Some(Seen::Half { layer, left, delta, input }) => {
                let length = layer.positions * layer.height;
                let z = self.applied(&layer, &call.grid.rows(rect), &examples, left, input)?;
                let left = Bound::whole(intermediate.insert(z));
                let right = read(delta).part(columns.start * length, columns.len() * length);
                let (seen_depth, seen_width) = (length as u32, examples.len() as u32);
                let numbers = SeenNumbers { seen: HALF, seen_depth, seen_first: 0, seen_width };
                Ok(SeenArrays { arrays: [left, right], numbers })
            }
        }
    }

    /// `Z[r, (i, p), k] = Σ_j left[r, k, j] input[(i, p), j] + bias[r, k]` for some rows and examples.
    fn applied(
        &self,
        layer: &Outer,
        rows: &Range<usize>,
        examples: &Range<usize>,
        left: In<'_>,
        input: In<'_>,
    ) -> Result<Buffer> {
        let (height, columns) = (examples.len() * layer.positions, rows.len() * layer.height);
        let z = self.context.array(height * columns, false)?;
        let size = layer.positions * layer.width;
        let arrays = [
            Bound { written: true, ..Bound::whole(&z) },
            read(left).part(rows.start * layer.row(), rows.len() * layer.row()),
            read(input).part(examples.start * size, examples.len() * size),
        ];
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
