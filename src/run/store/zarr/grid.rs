//! How an array of pairs is cut into tiles, and tiles into parts.

use crate::path::Tile;
use std::ops::Range;

/// Bytes that a part should have: enough that a disk and a checksum work at their full speed, and few enough that a row or
/// a column, which crosses many parts, reads little else.
const PART: usize = 256 << 10;
/// Bytes of a part that should not be exceeded for [`LEAST`] either.
const MOST: usize = 8 << 20;
/// A part's sides: at most this, and at least 8 where pairs are large.
const LONGEST: usize = 256;
const LEAST: usize = 8 * 8;

/// How an array of pairs is cut: a tile's sides, and those of the parts in it that are read at once; queries, then
/// examples. A tile's sides are multiples of its parts'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Queries and examples of a tile.
    pub tile: [usize; 2],
    /// Queries and examples of a part.
    pub part: [usize; 2],
}

impl Grid {
    /// Cuts tiles with the sides `tile` of an array of `pairs`, n queries and m examples, of `entry` bytes a pair.
    ///
    /// Parts have about 256 KiB and equal sides, 8 to 256, as far as the tile allows it. A tile's side that covers its
    /// whole axis grows by a few, to be cut evenly; of any other side a part's is the largest fitting divisor, so that
    /// sides should have many: multiples of 64, say. Parts that would pad an axis by more than an eighth are made smaller.
    pub fn new(tile: [usize; 2], pairs: [usize; 2], entry: usize) -> Self {
        let entry = entry.max(1);
        let wanted = (PART / entry).max(LEAST.min(MOST / entry)).max(1).ilog2();
        let limit = tile.map(|side| side.clamp(1, LONGEST).next_power_of_two());
        let queries = limit[0].min(1 << (wanted / 2));
        let examples = limit[1].min((1 << wanted) / queries);
        let queries = limit[0].min((1 << wanted) / examples);
        let cut = |axis: usize, side: usize| cut(tile[axis].max(1), side, pairs[axis].max(1));
        let ([tile_queries, queries], [tile_examples, examples]) = (cut(0, queries), cut(1, examples));
        Self { tile: [tile_queries, tile_examples], part: [queries, examples] }
    }
}

/// A tile's side and its parts', of about `side`, on an axis of so many.
fn cut(tile: usize, side: usize, pairs: usize) -> [usize; 2] {
    if tile >= pairs {
        let parts = pairs.div_ceil(side);
        let part = pairs.div_ceil(parts);
        return [parts * part, part];
    }
    let padding = |part: &usize| pairs.next_multiple_of(*part) - pairs;
    let part = (1..=side).rev().filter(|part| tile.is_multiple_of(*part)).find(|part| padding(part) <= pairs / 8);
    [tile, part.unwrap_or(1)]
}

/// An array of pairs as it is cut. Every product of its sides is known to be a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// `[n, m, rest..]` or `[L, n, m, rest..]`.
    pub shape: Vec<usize>,
    /// Where n is.
    pub axis: usize,
    pub grid: Grid,
    /// Numbers of one pair.
    pub entry: usize,
    /// Bytes of one number: 4 or 8.
    pub size: usize,
}

impl Layout {
    /// Fails where the sides do not make an array, or one beyond all files.
    pub fn new(shape: &[usize], axis: usize, grid: Grid, size: usize) -> Result<Self, String> {
        if axis > 1 || !(axis + 2..=axis + 4).contains(&shape.len()) {
            return Err(format!("the shape {shape:?} is not that of an array of pairs"));
        }
        let entry = shape.iter().skip(axis + 2);
        let product = |sides: &[usize]| sides.iter().try_fold(size, |all, &side| all.checked_mul(side));
        // A checksum and a place in the index for each part, at the most.
        let chunk = entry.clone().chain(&grid.tile).copied().chain([24]).collect::<Vec<_>>();
        let large = [product(shape), product(&chunk)].iter().any(|bytes| bytes.is_none_or(|b| b > isize::MAX as usize));
        if large || shape.contains(&0) {
            return Err(format!("the shape {shape:?} in tiles of {:?} is none that a file can hold", grid.tile));
        }
        let fits = |(&tile, &part): (&usize, &usize)| part > 0 && tile > 0 && tile.is_multiple_of(part);
        if !grid.tile.iter().zip(&grid.part).all(fits) {
            return Err(format!("tiles of {:?} cannot be cut into parts of {:?}", grid.tile, grid.part));
        }
        let entry = entry.product();
        Ok(Self { shape: shape.to_vec(), axis, grid, entry, size })
    }

    /// n and m.
    pub fn pairs(&self) -> [usize; 2] {
        [self.shape[self.axis], self.shape[self.axis + 1]]
    }

    /// The length of the leading axis, or 1.
    pub fn layers(&self) -> usize {
        if self.axis == 0 { 1 } else { self.shape[0] }
    }

    /// The shape of a block of pairs in one layer: a chunk's or a part's.
    pub fn block(&self, sides: [usize; 2]) -> Vec<usize> {
        let mut block = self.shape.clone();
        block[..self.axis].fill(1);
        block[self.axis..self.axis + 2].copy_from_slice(&sides);
        block
    }

    /// All tiles, as far as the array reaches, by rows.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> {
        let [rows, columns] = [0, 1].map(|axis| self.pairs()[axis].div_ceil(self.grid.tile[axis]));
        (0..rows).flat_map(move |row| (0..columns).map(move |column| self.tile(row, column)))
    }

    /// One tile, as far as the array reaches.
    pub fn tile(&self, row: usize, column: usize) -> Tile {
        let ([n, m], [queries, examples]) = (self.pairs(), self.grid.tile);
        let side = |place: usize, side: usize, end: usize| {
            let start = end.min(place.saturating_mul(side));
            start..end.min(start.saturating_add(side))
        };
        Tile { queries: side(row, queries, n), examples: side(column, examples, m) }
    }

    /// The tiles that hold pairs of a rectangle, as far as the array reaches, by rows; each with what it holds of it.
    pub fn within(&self, queries: Range<usize>, examples: Range<usize>) -> impl Iterator<Item = (Tile, Tile)> {
        let ([n, m], [high, wide]) = (self.pairs(), self.grid.tile);
        let (queries, examples) = (shared(&queries, &(0..n)), shared(&examples, &(0..m)));
        let places = (touched(&queries, high), touched(&examples, wide));
        places.0.flat_map(move |row| places.1.clone().map(move |column| (row, column))).map(move |(row, column)| {
            let tile = self.tile(row, column);
            let inside = Tile { queries: shared(&queries, &tile.queries), examples: shared(&examples, &tile.examples) };
            (tile, inside)
        })
    }

    /// Numbers of one part.
    pub fn part_len(&self) -> usize {
        self.grid.part[0] * self.grid.part[1] * self.entry
    }
}

/// The places of the blocks of length `side` that a range touches.
pub(super) fn touched(range: &Range<usize>, side: usize) -> Range<usize> {
    if range.is_empty() { 0..0 } else { range.start / side..(range.end - 1) / side + 1 }
}

/// What two ranges share.
pub(super) fn shared(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = a.start.max(b.start);
    start..a.end.min(b.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(tile: [usize; 2], pairs: [usize; 2], entry: usize) -> ([usize; 2], [usize; 2]) {
        let grid = Grid::new(tile, pairs, entry);
        (grid.tile, grid.part)
    }

    #[test]
    fn parts_are_squares_of_a_quarter_mebibyte() {
        assert_eq!(grid([512, 4096], [1024, 1 << 16], 4), ([512, 4096], [256, 256]));
        assert_eq!(grid([512, 4096], [1024, 1 << 16], 40), ([512, 4096], [64, 64]));
        assert_eq!(grid([512, 4096], [1024, 1 << 16], 400), ([512, 4096], [16, 32]));
        assert_eq!(grid([512, 4096], [1024, 1 << 16], 40_000), ([512, 4096], [8, 8]));
        // Pairs so large that 64 of them would not fit in memory.
        assert_eq!(grid([512, 4096], [1024, 1 << 16], 4_000_000), ([512, 4096], [1, 2]));
        // What a narrow tile leaves goes to the other side.
        assert_eq!(grid([4, 4096], [1024, 1 << 16], 80), ([4, 4096], [4, 256]));
    }

    #[test]
    fn a_side_of_the_whole_axis_is_cut_evenly() {
        assert_eq!(grid([1000, 60_000], [1000, 60_000], 40), ([1008, 60_032], [63, 64]));
        assert_eq!(grid([257, 1], [257, 1], 4), ([258, 1], [129, 1]));
        assert_eq!(grid([9999, 10], [10, 10], 4), ([10, 10], [10, 10]));
        assert_eq!(grid([0, 0], [0, 0], 0), ([1, 1], [1, 1]));
    }

    #[test]
    fn any_other_side_is_divided() {
        assert_eq!(grid([1000, 1000], [3000, 3001], 4), ([1000, 1000], [250, 250]));
        assert_eq!(grid([509, 1018], [3000, 3001], 4).1, [1, 2]);
        // 513 examples in parts of 256 would take a disk half as large again.
        assert_eq!(grid([256, 256], [512, 513], 4).1, [256, 64]);
    }

    #[test]
    fn an_impossible_layout_is_refused() {
        let layout = |shape: &[usize], axis, tile, part| Layout::new(shape, axis, Grid { tile, part }, 8);
        assert!(layout(&[3, 4], 0, [3, 4], [3, 2]).is_ok() && layout(&[2, 3, 4, 5, 6], 1, [3, 4], [1, 1]).is_ok());
        for (shape, axis) in [(&[3][..], 0), (&[3, 4], 1), (&[3, 4], 2), (&[1, 2, 3, 4, 5], 0), (&[3, 0], 0)] {
            assert!(layout(shape, axis, [1, 1], [1, 1]).is_err(), "{shape:?}");
        }
        for (tile, part) in [([3, 4], [2, 2]), ([3, 4], [3, 0]), ([0, 4], [1, 1]), ([usize::MAX, 4], [1, 1])] {
            assert!(layout(&[3, 4], 0, tile, part).is_err(), "{tile:?} {part:?}");
        }
        assert!(layout(&[1 << 30, 1 << 31], 0, [1, 1], [1, 1]).is_err());
    }
}
