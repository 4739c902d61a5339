//! A product cut into tiles, on all cores.

use super::kernel::{Block, Finish, Sums, Weighting, arch, panels};
use super::memory::Pool;
use super::pack::{Packed, Panels, STRETCH};
use super::*;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// Rows and columns of a tile: its sums and its packed rows share the second-level cache with a stretch of its columns.
const ROWS: usize = 96;
const COLUMNS: usize = 256;
/// Tiles that each core should have, for all to have work to the end.
const TILES: usize = 6;
/// Multiply-adds below which one thread does it all: waking another costs some ten microseconds.
pub(in crate::compute) const SMALL: usize = Rates::FEW;

/// A part of a product.
#[derive(Debug, Clone)]
pub(in crate::compute) struct Tile {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    /// Elements of a row of the sums.
    pub width: usize,
}

/// Rows and columns of the tiles of a product. A product of few tiles is cut along its longer side, one part a core: a deep
/// one would else read its factors from memory over and over. An entry is the same in any tile.
fn sides<E: Element>(rows: usize, columns: usize) -> (usize, usize) {
    let cores = rayon::current_num_threads();
    let (tall, wide) = panels::<E>();
    if rows.div_ceil(ROWS) * columns.div_ceil(COLUMNS) >= TILES * cores {
        (ROWS, COLUMNS)
    } else if rows >= columns {
        (rows.div_ceil(cores).next_multiple_of(tall), columns)
    } else {
        (rows, columns.div_ceil(cores).next_multiple_of(wide))
    }
}

/// Calls `work(tile, sums)` for every tile of a product of `rows` by `columns`, with sums of zero; `work` is one
/// multiply-add for each entry and for each of `depth`.
pub(in crate::compute) fn each_tile<E: Element>(
    pool: &Arc<Pool<E>>,
    size: (usize, usize, usize),
    work: impl Fn(&Tile, &mut [E]) + Sync,
) -> Result<()> {
    each_tile_of(pool, 1, size, work)
}

/// The same with the sums of several products, one after the other.
pub(in crate::compute) fn each_tile_of<E: Element>(
    pool: &Arc<Pool<E>>,
    products: usize,
    (rows, columns, depth): (usize, usize, usize),
    work: impl Fn(&Tile, &mut [E]) + Sync,
) -> Result<()> {
    let (tall, wide) = panels::<E>();
    let small = rows.saturating_mul(columns).saturating_mul(depth) < SMALL;
    let (down, across) = if small { (ROWS, COLUMNS) } else { sides::<E>(rows, columns) };
    let wanted = columns.div_ceil(across);
    let tile = |number: usize| {
        let (row, column) = (number / wanted * down, number % wanted * across);
        let columns = column..(column + across).min(columns);
        Tile { rows: row..(row + down).min(rows), width: columns.len().next_multiple_of(wide), columns }
    };
    let one = |sums: &mut Result<Buffer<E>>, number: usize| -> Result<()> {
        let tile = tile(number);
        let sums = sums.as_mut().map_err(|_| BackendError::OutOfMemory("no room for a tile".into()))?;
        let sums = &mut sums[..products * tile.rows.len().next_multiple_of(tall) * tile.width];
        sums.fill(E::ZERO);
        work(&tile, sums);
        Ok(())
    };
    let sums = || pool.take(products * (down + tall) * (across + wide));
    let count = rows.div_ceil(down) * wanted;
    if count == 1 || small {
        let mut sums = sums();
        return (0..count).try_for_each(|number| one(&mut sums, number));
    }
    (0..count).into_par_iter().map_init(sums, one).collect()
}

/// Adds the product of a tile's rows of `a` and columns of `b` to its sums.
pub(in crate::compute) fn add<E: Element>(
    tile: &Tile,
    (a, b): (&Packed<E>, &Packed<E>),
    depth: usize,
    weighting: Weighting<'_, E>,
    sums: &mut [E],
) {
    add_lines(tile, (a, tile.rows.start), (b, tile.columns.start), depth, weighting, sums);
}

/// The same with the lines of either from one of its own on.
pub(in crate::compute) fn add_lines<E: Element>(
    tile: &Tile,
    (a, row): (&Packed<E>, usize),
    (b, column): (&Packed<E>, usize),
    depth: usize,
    weighting: Weighting<'_, E>,
    sums: &mut [E],
) {
    for k in (0..depth).step_by(STRETCH) {
        add_panels(tile, (a.stretch(row, k), b.stretch(column, k)), STRETCH.min(depth - k), weighting, sums);
    }
}

/// The same with the panels of the tile's own rows and columns.
pub(in crate::compute) fn add_panels<E: Element>(
    tile: &Tile,
    (a, b): (Panels<'_, E>, Panels<'_, E>),
    depth: usize,
    weighting: Weighting<'_, E>,
    sums: &mut [E],
) {
    let (tall, wide) = panels::<E>();
    let rows = tile.rows.len();
    for from in (0..depth).step_by(STRETCH) {
        arch().dispatch(Block {
            a: a.values,
            row_panel: a.panel,
            b: b.values,
            column_panel: b.panel,
            panels: (rows.div_ceil(tall), tile.width / wide),
            rows,
            from,
            depth: STRETCH.min(depth - from),
            put: Sums { sums: &mut *sums, height: rows.next_multiple_of(tall), width: tile.width, weighting },
        });
    }
}

/// How many sums for each entry [`finish`] asks of [`each_tile_of`].
pub(in crate::compute) fn kept(depth: usize) -> usize {
    usize::from(depth > STRETCH)
}

/// Hands the product of a tile's rows of `a` and columns of `b` to `take(row, first column, entries)`, the last of its depth while
/// it is multiplied.
pub(in crate::compute) fn finish<E: Element>(
    tile: &Tile,
    (a, b): (&Packed<E>, &Packed<E>),
    depth: usize,
    sums: &mut [E],
    take: impl Fn(usize, usize, &[E]),
) {
    let (tall, wide) = panels::<E>();
    let (rows, columns) = (tile.rows.len(), tile.columns.len());
    let last = depth.saturating_sub(1) / STRETCH * STRETCH;
    add(tile, (a, b), last, Weighting::One, sums);
    let (a, b) = (a.stretch(tile.rows.start, last), b.stretch(tile.columns.start, last));
    arch().dispatch(Block {
        a: a.values,
        row_panel: a.panel,
        b: b.values,
        column_panel: b.panel,
        panels: (rows.div_ceil(tall), tile.width / wide),
        rows,
        from: 0,
        depth: depth - last,
        put: Finish {
            sums,
            width: tile.width,
            columns,
            take: |row: usize, column: usize, entries: &[E]| {
                take(tile.rows.start + row, tile.columns.start + column, entries)
            },
        },
    });
}

/// An array that threads write at places of their own.
pub(in crate::compute) struct Shared<'a, E> {
    start: *mut E,
    len: usize,
    array: PhantomData<&'a mut [E]>,
}

// SAFETY: an element is Send, and `part` asks that no two threads take the same one.
unsafe impl<E: Send> Sync for Shared<'_, E> {}

impl<'a, E> Shared<'a, E> {
    pub fn new(array: &'a mut [E]) -> Self {
        Self { start: array.as_mut_ptr(), len: array.len(), array: PhantomData }
    }

    /// A part of the array.
    ///
    /// # Safety
    ///
    /// No other part that overlaps it may be in use.
    #[expect(clippy::mut_from_ref, reason = "threads share the array, and the caller keeps their parts apart")]
    pub unsafe fn part(&self, range: Range<usize>) -> &mut [E] {
        assert!(range.start <= range.end && range.end <= self.len, "a part that leaves its array");
        // SAFETY: within the array, which is borrowed mutably for 'a; the caller keeps parts apart.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
