//! How pairs of queries and examples are cut into tiles.

use super::halved;
use crate::path::Tile;
use std::ops::Range;

/// How a problem is cut into tiles. An entry's value does not depend on it.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Into as large ones as fit, and at least so many, where there are as many pairs.
    Into {
        /// How many.
        at_least: usize,
    },
    /// As an earlier attempt did: queries and examples of a tile.
    Recorded([usize; 2]),
}

/// Smaller tiles, where more of them are wanted; of sides that the arrays' parts divide.
pub(super) fn cut_sides(mut sides: [usize; 2], pairs: [usize; 2], at_least: usize) -> [usize; 2] {
    let count = |sides: [usize; 2]| pairs[0].div_ceil(sides[0]).saturating_mul(pairs[1].div_ceil(sides[1]));
    while count(sides) < at_least {
        match halved(sides) {
            Some(smaller) => sides = smaller,
            None => break,
        }
    }
    [even(sides[0], pairs[0]), even(sides[1], pairs[1])]
}

/// A side of tiles of nearly the same size, no larger than `side`, that parts divide.
fn even(side: usize, all: usize) -> usize {
    if side >= all {
        return all;
    }
    let equal = all.div_ceil(all.div_ceil(side)).next_multiple_of(PART);
    if equal <= side { equal } else { (side / PART * PART).max(1 << side.min(PART).ilog2()) }
}

/// All tiles of some pairs.
pub(super) fn tiles([n, m]: [usize; 2], [down, across]: [usize; 2]) -> Vec<Tile> {
    let ranges = |len: usize, side: usize| (0..len).step_by(side).map(move |from| from..(from + side).min(len));
    let row =
        |queries: Range<usize>| ranges(m, across).map(move |examples| Tile { queries: queries.clone(), examples });
    ranges(n, down).flat_map(row).collect()
}

/// What larger sides of tiles are multiples of, so that they have parts of sensible sides.
const PART: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_even_and_no_larger_than_they_may_be() {
        assert_eq!((even(256, 360), even(719, 1437), even(479, 1437)), (192, 719 / 16 * 16, 479 / 16 * 16));
        assert_eq!((even(500, 400), even(1, 5), even(15, 40), even(256, 1000)), (400, 1, 8, 256));
        for all in 1..300 {
            for side in 1..=all {
                assert!((1..=side).contains(&even(side, all)), "{side} of {all}");
            }
        }
    }
}
