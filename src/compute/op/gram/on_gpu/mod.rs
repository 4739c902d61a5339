//! The fused product: which parts share a dispatch, and the blocks that fit a binding.
//!
//! A dispatch goes through at most one part with a product and one that is looked up; the result of an entry depends
//! on the list of parts alone, never on blocks or tiles.

mod look_up;
mod packed;
mod table;

use super::grid::{Grid, Rect};
use super::spans::{Call, base_rows, examples, line_span, map_rows, out_span};
use super::{
    Accumulator, Bound, Dispatch, Entries, GpuBackend, Gram, GramArrays, INDEX, Key, Outer, Part, Result, RowMap,
    Shader, Size, Slice, Words, numbers, read,
};
use crate::compute::gpu::{Buffer, Constants, Index, PRODUCTS, STORE_F16, STORE_F32, SUMS, TileSize};
use look_up::{Layer, Seen};
use std::ops::Range;

/// Elements of the largest intermediate of a half-materialised part.
const INTERMEDIATE: usize = 1 << 24;

/// As in `shaders/op/gram.wgsl`: parts, and what is looked up.
const NOTHING: u32 = 0;
const ROWS: u32 = 1;
const FACTORED: u32 = 2;
const OUTPUT: u32 = 1;
const HALF: u32 = 2;
type In<'a> = Slice<'a, Buffer>;

/// The product of a dispatch.
#[derive(Clone, Copy)]
struct Product<'a> {
    /// Without one, a row is an output, and there is no Gram matrix of inputs.
    map: Option<(&'a RowMap<Buffer, Index>, In<'a>)>,
    positions: usize,
    depth: usize,
    left: In<'a>,
    right: In<'a>,
}

/// What one dispatch goes through.
#[derive(Clone, Copy, Default)]
struct Group<'a> {
    product: Option<Product<'a>>,
    seen: Option<Seen<'a>>,
}

impl Group<'_> {
    /// Whether a tile adds up several products: of copies, positions or rounds.
    fn is_summed(&self, copies: usize) -> bool {
        self.product.is_some_and(|product| {
            let longest = product.map.map_or(1, |(map, _)| map.longest);
            copies.max(product.positions).max(longest) > 1
        })
    }

    /// The case of the shader that it takes.
    fn case(&self, copies: usize) -> Constants {
        let part = match self.product {
            None => NOTHING,
            Some(product) => {
                if product.map.is_some() {
                    FACTORED
                } else {
                    ROWS
                }
            }
        };
        let seen = match self.seen {
            None => NOTHING,
            Some(Seen::Output { .. }) => OUTPUT,
            Some(Seen::Half { .. }) => HALF,
        };
        case(part, seen, self.is_summed(copies))
    }
}

fn case(part: u32, seen: u32, summed: bool) -> Constants {
    vec![("part", part), ("seen", seen), ("summed", u32::from(summed))]
}

/// The cases that occur with tiles of a size: a half-materialised part shares a dispatch with no product.
fn cases(tile: TileSize) -> Vec<Constants> {
    let mut cases = vec![case(NOTHING, OUTPUT, false), case(NOTHING, HALF, false)];
    for part in [ROWS, FACTORED] {
        for seen in [NOTHING, OUTPUT] {
            cases.push(case(part, seen, false));
            if TileSize::SUMMED.contains(&tile) {
                cases.push(case(part, seen, true));
            }
        }
    }
    cases
}

/// The block's part of a product's factors.
struct Factors<'a> {
    /// Left, right, and the Gram matrix of the inputs.
    arrays: [Bound<'a>; 3],
    map_rows: Range<usize>,
    /// The first base row that is bound.
    first_base: usize,
}

/// The shaders of the product, and of what it needs before.
pub(super) fn shaders() -> Vec<Shader> {
    let (gram, applied) =
        (include_str!("../../../../../shaders/op/gram.wgsl"), include_str!("../../../../../shaders/op/applied.wgsl"));
    let table = include_str!("../../../../../shaders/op/gram_table.wgsl");
    let largest = include_str!("../../../../../shaders/op/largest.wgsl");
    let pack = include_str!("../../../../../shaders/op/pack_f16.wgsl");
    let product = |name, store| {
        let shaders = Shader::tiled::<GramNumbers>(name, SUMS, &[store, gram]);
        shaders.into_iter().map(|shader| Shader { cases: shader.tile.map_or_else(Vec::new, cases), ..shader })
    };
    let mut shaders = vec![
        Shader::new::<TableNumbers>("gram_table", &[INDEX, table]),
        Shader::new::<Length>("largest", &[largest]),
        Shader::new::<Length>("pack_f16", &[INDEX, pack]),
    ];
    shaders.extend(product("gram", STORE_F32));
    shaders.extend(product("gram_f16", STORE_F16));
    shaders.extend(Shader::tiled::<AppliedNumbers>("applied", PRODUCTS, &[applied]));
    shaders
}

numbers! {
    struct GramNumbers {
        across: u32, down: u32, batches: u32, copies: u32, rows: u32, columns: u32, row_step: u32, column_step: u32,
        first_row: u32, first_column: u32, outputs: u32, queries: u32, examples: u32, first_example: u32,
        positions: u32, depth: u32, first_map_row: u32, first_base: u32,
        seen: SeenNumbers, table: TablePlaces,
        full: u32, stride: u32, row_length: u32, within: u32, count: u32, weighted: u32, other_weighted: u32,
        triangle: u32, diagonal: u32, scale: f32, other_scale: f32,
    }
}

numbers! {
    /// Of what a dispatch looks up: the summed dimension, the first line of G that is bound, and G's lines or Z's examples.
    #[derive(Default)]
    struct SeenNumbers { seen_depth: u32, seen_first: u32, seen_width: u32 }
}

numbers! {
    struct AppliedNumbers { rows: u32, columns: u32, height: u32, width: u32, length: u32, bias: u32, across: u32 }
}

numbers! {
    /// Where the parts of the table begin, after the first one.
    struct TablePlaces { inputs: u32, weights: u32, targets: u32, column_weights: u32, other_weights: u32 }
}

numbers! {
    struct TableNumbers { end0: u32, end1: u32, end2: u32, end3: u32, end4: u32, end5: u32 }
}

numbers! {
    struct Length { len: u32 }
}

/// Queues the fused product.
pub(super) fn gram(gpu: &GpuBackend, shape: &Gram, arrays: &GramArrays<'_, Buffer, Index>) -> Result<()> {
    gpu.fused_product(shape, arrays)
}

impl GpuBackend {
    fn fused_product(&self, shape: &Gram, arrays: &GramArrays<'_, Buffer, Index>) -> Result<()> {
        let &GramArrays { columns, parts, ref into } = arrays;
        if shape.is_empty() || shape.examples == 0 {
            return Ok(());
        }
        // A shader writes two accumulators; a third costs the product again.
        for into in into.chunks(2) {
            let call = Call { shape, grid: Grid::new(shape), columns, into };
            for group in groups(parts) {
                let mut waiting = vec![call.grid.whole()];
                while let Some(rect) = waiting.pop() {
                    match self.split(&call, &group, &rect) {
                        Some((first, second)) => waiting.extend([second, first]),
                        None => self.block(&call, &group, &rect)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Halves a block that is too large for a binding or a submission.
    fn split(&self, call: &Call<'_, '_>, group: &Group<'_>, rect: &Rect) -> Option<(Rect, Rect)> {
        let limit = self.context.binding;
        let (rows, columns) = (call.grid.rows(rect), call.grid.columns(rect));
        let (mut by_row, mut by_column) = (out_span(call, rect).1, 0);
        let mut work = 0.0;
        let pairs = (rect.rows.len() * rect.columns.len() * rect.batches.len() * call.grid.copies) as f64;
        if let Some(product) = &group.product {
            let size = product.positions * product.depth;
            by_column = by_column.max(columns.len() * size);
            let count = match product.map {
                None => rows.len(),
                Some((map, inputs)) => {
                    if inputs.len > limit {
                        let base = product.positions * product.positions * call.shape.examples;
                        by_row = by_row.max(base_rows(map, &call.grid, rect).len() * base);
                    }
                    map_rows(map, &rows).len()
                }
            };
            by_row = by_row.max(count * size);
            let longest = product.map.map_or(1, |(map, _)| map.longest);
            work += 2.0 * pairs * (longest * product.positions * size) as f64;
        }
        match group.seen {
            None => {}
            Some(Seen::Output { right, inputs }) => {
                by_column = by_column.max(if right.len > limit { columns.len() * call.shape.outputs } else { 0 });
                by_row = by_row.max(if inputs.len > limit {
                    line_span(call, rect, inputs.len / call.shape.examples).1
                } else {
                    0
                });
            }
            Some(Seen::Half { layer, .. }) => {
                let (width, length) = (examples(call, rect).len(), layer.deltas());
                by_column = by_column.max(columns.len() * length).max(width * layer.inputs());
                let most = rows.len() * width * length;
                by_row = by_row.max(rows.len() * layer.row());
                by_row = if most > INTERMEDIATE { usize::MAX } else { by_row.max(most) };
                work += 2.0 * (most * layer.depth()) as f64 + 2.0 * pairs * length as f64;
            }
        }
        let table = self.table_len(call, group, rect);
        if by_column > limit || (table > limit && columns.len() > rows.len()) {
            return call.grid.split(rect, false);
        }
        if by_row > limit || table > limit {
            return call.grid.split(rect, true);
        }
        if work > self.context.most_work && rect.rows.len().max(rect.columns.len()) > 256 {
            return call.grid.split(rect, rect.rows.len() > 256);
        }
        None
    }

    /// One dispatch, and what it needs before.
    fn block(&self, call: &Call<'_, '_>, group: &Group<'_>, rect: &Rect) -> Result<()> {
        let depth = group.product.map_or(0, |product| product.depth);
        let (rows, columns, batches) = (rect.rows.len(), rect.columns.len(), rect.batches.len());
        let size = Size { rows, columns, depth, batches, summed: group.is_summed(call.grid.copies) };
        let tile = self.tile("gram", size, &|tile, rows| {
            let some = Rect { rows: rect.rows.start..rect.rows.start + rows, ..rect.clone() };
            let len = out_span(call, &some).1;
            let outs = [self.context.array(len, false)?, self.context.array(len, false)?];
            let outs = [&outs[0], &outs[1]].map(|out| Bound { written: true, ..Bound::whole(out) });
            self.block_tiles(call, group, &some, tile, outs)
        })?;
        let start = call.grid.rows(rect).start * call.row_length();
        let (within, len) = out_span(call, rect);
        let out = |number: usize| match call.into.get(number) {
            None => self.nowhere(),
            Some(Accumulator { out, .. }) => {
                let all = Bound { buffer: out.buffer.raw(), offset: out.offset, len: out.len, written: true };
                all.part(start + within, len)
            }
        };
        self.block_tiles(call, group, rect, tile, [out(0), out(1)])
    }

    /// A block with tiles of one size.
    fn block_tiles(
        &self,
        call: &Call<'_, '_>,
        group: &Group<'_>,
        rect: &Rect,
        tile: TileSize,
        outs: [Bound<'_>; 2],
    ) -> Result<()> {
        let Call { shape, grid, into, .. } = call;
        let (rows, columns, first_example) = (grid.rows(rect), grid.columns(rect), examples(call, rect).start);
        let factors = self.factors(call, group, rect);
        // A block whose outputs have no rows at all is no product.
        let group = &if factors.map_rows.is_empty() { Group { product: None, ..*group } } else { *group };
        let mut intermediate = None;
        let seen = self.seen(call, group, rect, &mut intermediate)?;
        let (table, places) = self.table(call, group, rect, &factors.map_rows)?;
        let (down, across) = tile.grid(rect.rows.len(), rect.columns.len());
        let batches = rect.batches.len();
        let (positions, depth) = group.product.map_or((1, 0), |product| (product.positions, product.depth));
        let (tile_rows, tile_columns) = (rect.rows.len(), rect.columns.len());
        let weighted = |number: usize| into.get(number).is_some_and(|accumulator| accumulator.weights.is_some());
        let share = if shape.entries == Entries::Trace { shape.outputs as f64 } else { 1.0 };
        let scale = |number: usize| into.get(number).map_or(0.0, |accumulator| (accumulator.scale / share) as f32);
        let numbers = GramNumbers {
            across: across as u32,
            down: down as u32,
            batches: batches as u32,
            copies: grid.copies as u32,
            rows: tile_rows as u32,
            columns: tile_columns as u32,
            row_step: grid.row_step as u32,
            column_step: grid.column_step as u32,
            first_row: rows.start as u32,
            first_column: columns.start as u32,
            outputs: shape.outputs as u32,
            queries: shape.queries as u32,
            examples: shape.examples as u32,
            first_example: first_example as u32,
            positions: positions as u32,
            depth: depth as u32,
            first_map_row: factors.map_rows.start as u32,
            first_base: factors.first_base as u32,
            seen: seen.numbers,
            table: places,
            full: u32::from(shape.entries == Entries::Full),
            stride: shape.stride as u32,
            row_length: call.row_length() as u32,
            within: out_span(call, rect).0 as u32,
            count: into.len() as u32,
            weighted: u32::from(weighted(0)),
            other_weighted: u32::from(weighted(1)),
            triangle: u32::from(shape.triangle.is_some()),
            diagonal: shape.triangle.unwrap_or(0) as u32,
            scale: scale(0),
            other_scale: scale(1),
        };
        let longest = group.product.and_then(|product| product.map).map_or(1, |(map, _)| map.longest);
        let pairs = (batches * grid.copies * tile_rows * tile_columns) as f64;
        let [mut left, mut right, products] = factors.arrays;
        let packed;
        let mut name = "gram";
        if self.f16_storage && group.product.is_some() {
            packed = [self.packed(left)?, self.packed(right)?];
            [left, right] = [&packed[0], &packed[1]].map(Bound::whole);
            name = "gram_f16";
        }
        let [seen_left, seen_right] = seen.arrays;
        self.context.dispatch(&Dispatch {
            shader: Key { case: group.case(grid.copies), ..Key::tiled(name, tile) },
            arrays: &[outs[0], outs[1], Bound::whole(&table), left, right, products, seen_left, seen_right],
            numbers: numbers.words(),
            groups: down * across * batches,
            work: 2.0 * pairs * (longest * positions * positions * depth + seen.numbers.seen_depth as usize + 1) as f64,
        })
    }

    /// The block's part of the factors of a product.
    fn factors<'s>(&'s self, call: &Call<'_, '_>, group: &Group<'s>, rect: &Rect) -> Factors<'s> {
        let (rows, columns) = (call.grid.rows(rect), call.grid.columns(rect));
        let Some(product) = group.product else {
            return Factors { arrays: [self.nothing(); 3], map_rows: rows, first_base: 0 };
        };
        let size = product.positions * product.depth;
        let (mut found, mut products, mut first_base) = (rows.clone(), self.nothing(), 0);
        if let Some((map, inputs)) = product.map {
            found = map_rows(map, &rows);
            let whole = inputs.len <= self.context.binding;
            let base = if whole { 0..0 } else { base_rows(map, &call.grid, rect) };
            let length = product.positions * product.positions * call.shape.examples;
            let first = base.start * length + examples(call, rect).start;
            let end = if whole { inputs.len } else { base.end * length };
            products = read(inputs).part(first, end.saturating_sub(first));
            first_base = base.start;
        }
        let left = read(product.left).part(found.start * size, found.len() * size);
        let right = read(product.right).part(columns.start * size, columns.len() * size);
        Factors { arrays: [left, right, products], map_rows: found, first_base }
    }
}

/// Parts by dispatch: a look-up of the last layer joins the first product that has none yet.
fn groups<'a>(parts: &[Part<'a, Buffer, Index>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for part in parts {
        match *part {
            Part::Factored { map, positions, depth, left, right, inputs, exchanges: _ } => {
                let product = Product { map: Some((map, inputs)), positions, depth, left, right };
                groups.push(Group { product: Some(product), seen: None });
            }
            Part::Rows { depth, left, right } => {
                let product = Product { map: None, positions: 1, depth, left, right };
                groups.push(Group { product: Some(product), seen: None });
            }
            Part::Half { shape, left, delta, input } => {
                let layer = Layer::Matrix(shape);
                groups.push(Group { product: None, seen: Some(Seen::Half { layer, left, delta, input }) });
            }
            Part::Picked { shape, left, delta, tokens: input } => {
                let layer = Layer::Table(shape);
                groups.push(Group { product: None, seen: Some(Seen::Half { layer, left, delta, input }) });
            }
            Part::Output { .. } => {}
        }
    }
    for part in parts {
        if let Part::Output { right, inputs } = *part {
            let seen = Some(Seen::Output { right, inputs });
            match groups.iter_mut().find(|group| group.seen.is_none()) {
                Some(group) => group.seen = seen,
                None => groups.push(Group { product: None, seen }),
            }
        }
    }
    groups
}
