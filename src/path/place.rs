//! Where the entries of tiles lie in the arrays.

use super::Tile;
use crate::compute::{Element, Entries};
use std::ops::Range;

/// One query's entries of some examples, in the interface's order of axes, from a piece's, `[rows, queries, copies, examples]`.
pub(crate) fn interleave<E: Element>(
    out: &mut [E],
    from: &[f64],
    entries: Entries,
    (rows, copies): (usize, usize),
    piece: &Tile,
    query: usize,
    examples: Range<usize>,
) {
    let (n, m) = (piece.queries.len(), piece.examples.len());
    let per_pair = entries.per_pair(rows, copies);
    let copies = if entries == Entries::Full { copies } else { 1 };
    let (query, first) = (query - piece.queries.start, examples.start - piece.examples.start);
    for place in 0..per_pair {
        let (output, copy) = (place / copies, place % copies);
        let from = &from[((output * n + query) * copies + copy) * m..][first..][..examples.len()];
        let places = out.iter_mut().skip(place).step_by(per_pair);
        places.zip(from).for_each(|(out, &value)| *out = E::from_f64(value));
    }
}

/// The entries of a pair from those of the pair the other way round: `[c, d]` from `[d, c]`.
pub(crate) fn transpose<E: Element>(out: &mut [E], from: &[E], entries: Entries, outputs: usize) {
    let copies = if entries == Entries::Full { outputs } else { 1 };
    let rows = from.len() / copies;
    for (place, out) in out.iter_mut().enumerate() {
        *out = from[place % copies * rows + place / copies];
    }
}
