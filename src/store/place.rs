//! Where the entries of tiles lie in the arrays.

use crate::backend::{Element, Entries};
use crate::path::Tile;
use rayon::prelude::*;

/// Queries and examples of one square of a symmetric array: its rows are long enough that every page that is read is
/// used, and few enough that they stay in memory however large the array.
const SQUARE: usize = 256;

/// From a tile's order of axes, `[rows, queries, copies, examples]`, to the interface's.
pub(super) fn scatter<E: Element>(
    into: &mut [E],
    from: &[f64],
    entries: Entries,
    (rows, copies): (usize, usize),
    examples: usize,
    tile: &Tile,
) {
    let (n, m) = (tile.queries.len(), tile.examples.len());
    let per_pair = entries.per_pair(rows, copies);
    let copies = if entries == Entries::Full { copies } else { 1 };
    let row = (examples * per_pair).max(1);
    // A query at a time, so that few pages of the array are in use at once.
    into.par_chunks_mut(row).skip(tile.queries.start).take(n).enumerate().for_each(|(query, row)| {
        let row = &mut row[tile.examples.start * per_pair..][..m * per_pair];
        for place in 0..per_pair {
            let (output, copy) = (place / copies, place % copies);
            let from = &from[((output * n + query) * copies + copy) * m..][..m];
            let places = row.iter_mut().skip(place).step_by(per_pair);
            places.zip(from).for_each(|(into, &value)| *into = E::from_f64(value));
        }
    });
}

/// `K[q, i, c, d] = K[i, q, d, c]` for i < q.
pub(super) fn mirror<E: Element>(array: &mut [E], side: usize, entries: Entries, outputs: usize) {
    let per_pair = entries.per_pair(outputs, outputs);
    let copies = if entries == Entries::Full { outputs } else { 1 };
    for rows in (0..side).step_by(SQUARE) {
        for columns in (0..=rows).step_by(SQUARE) {
            for query in rows..side.min(rows + SQUARE) {
                for example in columns..query.min(columns + SQUARE) {
                    let (into, from) = ((query * side + example) * per_pair, (example * side + query) * per_pair);
                    for place in 0..per_pair {
                        let turned = place % copies * (per_pair / copies) + place / copies;
                        array[into + place] = array[from + turned];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `K[q, i, c, d]` of a symmetric kernel.
    fn entry(query: usize, example: usize, c: usize, d: usize) -> f64 {
        let (row, column) = (query * 2 + c, example * 2 + d);
        (row.min(column) * 10_000 + row.max(column)) as f64
    }

    #[test]
    fn tiles_and_their_mirror_fill_an_array() {
        const SIDE: usize = SQUARE + 5;
        let mut array = vec![0.0f64; SIDE * SIDE * 4];
        for queries in [0..3, 3..SIDE] {
            for examples in [0..SQUARE, SQUARE..SIDE] {
                let tile = Tile { queries: queries.clone(), examples };
                let mut from = Vec::new();
                for c in 0..2 {
                    for query in tile.queries.clone() {
                        for d in 0..2 {
                            from.extend(
                                tile.examples
                                    .clone()
                                    .map(|example| if example < query { -1.0 } else { entry(query, example, c, d) }),
                            );
                        }
                    }
                }
                scatter(&mut array, &from, Entries::Full, (2, 2), SIDE, &tile);
            }
        }
        mirror(&mut array, SIDE, Entries::Full, 2);
        for (place, &value) in array.iter().enumerate() {
            let (pair, c, d) = (place / 4, place / 2 % 2, place % 2);
            assert_eq!(value, entry(pair / SIDE, pair % SIDE, c, d));
        }
    }
}
