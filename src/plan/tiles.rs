//! How pairs of queries and examples are cut into tiles.

use crate::path::Tile;
use std::ops::Range;

/// How a problem is cut into tiles. An entry's value does not depend on it.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Into the tiles that fit and take the least work together, and at least so many, where there are as many pairs.
    Into {
        /// How many.
        at_least: usize,
    },
    /// As an earlier attempt did.
    Recorded {
        /// Queries and examples of a tile.
        sides: [usize; 2],
        /// Examples of a tile of self-attributions.
        own: usize,
        /// Queries of a tile of influences.
        influence: usize,
    },
}

/// Rows of a tile's queries at the most: beyond, a step is no faster.
const MOST_ROWS: usize = 4096;
/// Queries of a tile at the most, where they have so many rows that fewer would be.
pub(super) const MOST_QUERIES: usize = 256;
/// How much more work tiles may be that are computed at once, each by a part of the threads, than one after another by all of
/// them: a step of a tile has dozens of small operations, and what is lost between threads in each of them is more.
const REPEATED: f64 = 1.3;
/// Seconds of work below which there is nothing to be gained by that.
const WORTH_DIVIDING: f64 = 0.1;

/// Queries of a tile at the most, of `rows` rows each.
pub(super) fn most_queries(rows: usize) -> usize {
    (MOST_ROWS / rows.max(1)).max(MOST_QUERIES)
}
/// What larger sides of tiles are multiples of, so that they have parts of sensible sides.
const PART: usize = 16;

/// Numbers of workers that `threads` threads can be divided among, the most first.
fn divisions(threads: usize) -> impl Iterator<Item = usize> {
    (1..=threads).rev().filter(move |workers| threads.is_multiple_of(*workers))
}

/// The sides that `sides_of` gives for as many workers as are worth it, each at a tile of its own. `work` is that of tiles of
/// some sides, in seconds of the whole problem.
pub(super) fn divided(
    threads: usize,
    sides_of: &dyn Fn(usize) -> Option<[usize; 2]>,
    work: &dyn Fn([usize; 2]) -> f64,
) -> Option<[usize; 2]> {
    let undivided = sides_of(1)?;
    let alone = work(undivided);
    if alone < WORTH_DIVIDING {
        return Some(undivided);
    }
    let divided = divisions(threads).filter(|&workers| workers > 1).filter_map(sides_of);
    let mut worth = divided.filter(|&sides| work(sides) <= REPEATED * alone);
    worth.next().or(Some(undivided))
}

/// How many of so many tiles are computed at once, where `fits` says of how many there is room for that: all workers have about
/// the same to do.
pub(super) fn workers(threads: usize, tiles: usize, fits: &dyn Fn(usize) -> bool) -> usize {
    let even = |&workers: &usize| tiles >= 4 * workers || (tiles > 0 && tiles.is_multiple_of(workers));
    divisions(threads).filter(even).find(|&workers| fits(workers)).unwrap_or(1)
}

/// Queries and examples of the tiles that `fits` allows, at most `most` queries and at least `at_least` tiles, whose `work` is the
/// least: that of so many tiles below and beside each other. A cut along the examples passes all queries again, one along the
/// queries all examples. Where two take the same, the one with larger tiles. `None`: not even one query and one example fit.
pub(super) fn sides(
    pairs: [usize; 2],
    (most, at_least): (usize, usize),
    fits: &dyn Fn([usize; 2]) -> bool,
    work: &dyn Fn([usize; 2]) -> f64,
) -> Option<[usize; 2]> {
    let [n, m] = pairs;
    let lengths = |sides: [usize; 2]| lengths(pairs, sides);
    let of_queries = |queries: usize| {
        let queries = even(queries, n);
        let fitting = largest(m, |examples| fits([queries, examples]))?;
        // Along the examples as often as more tiles are wanted than lie along the queries.
        let wanted = at_least.div_ceil(n.div_ceil(queries)).min(m);
        Some([queries, cut(even(fitting, m), m, wanted)])
    };
    let most = n.min(most);
    let smaller = (1..=most / PART).rev().map(|parts| parts * PART).chain([8, 4, 2, 1]);
    let candidates = std::iter::once(most).chain(smaller.filter(|&queries| queries < most)).filter_map(of_queries);
    let count = |sides: [usize; 2]| lengths(sides).iter().product::<usize>().min(at_least);
    candidates.min_by(|&a, &b| {
        let fewer = count(b).cmp(&count(a));
        fewer.then(work(lengths(a)).total_cmp(&work(lengths(b)))).then((b[0] * b[1]).cmp(&(a[0] * a[1])))
    })
}

/// How many tiles of some sides lie one below the other, and beside each other.
pub(super) fn lengths([n, m]: [usize; 2], [down, across]: [usize; 2]) -> [usize; 2] {
    [n.div_ceil(down), m.div_ceil(across)]
}

/// The largest count up to `most` that fits, where all below one that fits do.
fn largest(most: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    if most == 0 || fits(most) {
        return Some(most);
    }
    let (mut fitting, mut beyond) = (0, most);
    while beyond - fitting > 1 {
        let middle = fitting + (beyond - fitting) / 2;
        *if fits(middle) { &mut fitting } else { &mut beyond } = middle;
    }
    (fitting > 0).then_some(fitting)
}

/// A side no larger than `side`, by which `all` is cut into at least `wanted`.
fn cut(mut side: usize, all: usize, wanted: usize) -> usize {
    while all.div_ceil(side) < wanted {
        let smaller = if side > PART { (side - 1) / PART * PART } else { side / 2 };
        side = even(smaller.min(all.div_ceil(wanted).max(PART)).max(1), all);
    }
    side
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
                for wanted in 1..=all {
                    let cut = cut(even(side, all), all, wanted);
                    assert!((1..=side).contains(&cut) && all.div_ceil(cut) >= wanted, "{side} of {all}, {wanted}");
                }
            }
        }
    }

    /// With so much that passes for each query and each example, and memory for so many queries and pairs.
    fn cut_into(pairs: [usize; 2], at_least: usize, memory: [usize; 2], passing: [f64; 2]) -> Option<[usize; 2]> {
        let [n, m] = pairs.map(|count| count as f64);
        let fits = |[queries, examples]: [usize; 2]| queries * memory[0] + queries * examples <= memory[1];
        let work = |[lines, columns]: [usize; 2]| columns as f64 * n * passing[0] + lines as f64 * m * passing[1];
        sides(pairs, (MOST_QUERIES, at_least), &fits, &work)
    }

    #[test]
    fn what_passes_again_is_the_least() {
        // All fits, at most so many queries to a tile.
        assert_eq!(cut_into([20, 300], 1, [0, 1 << 20], [1.0, 1.0]), Some([20, 300]));
        assert_eq!(cut_into([360, 1437], 1, [0, 1 << 30], [1.0, 1.0]), Some([192, 1437]));
        // Queries fill the memory: as many as have all examples beside them, though each would pass longer than an example.
        assert_eq!(cut_into([20, 300], 1, [1000, 6500], [100.0, 1.0]), Some([4, 300]));
        // Pairs do, and examples pass for longer.
        assert_eq!(cut_into([64, 300], 1, [0, 64 * 100], [1.0, 100.0]), Some([64, 96]));
        assert_eq!(cut_into([20, 300], 1, [1000, 1000], [1.0, 1.0]), None);
        assert_eq!(cut_into([20, 300], 1, [1000, 1001], [1.0, 1.0]), Some([1, 1]));
    }

    /// A tile for each part of the threads, unless cut tiles are too much more work, all of it is short, or none fits.
    #[test]
    fn as_many_workers_as_are_worth_it() {
        let alone = |sides: [usize; 2]| if sides == [8, 8] { 1.0 } else { 0.0 };
        let sides_of = |workers: usize| (workers <= 4).then_some([8, 8 / workers]);
        let found = |threads: usize, more: f64, seconds: f64| {
            divided(threads, &sides_of, &|sides| seconds * (alone(sides) + (1.0 - alone(sides)) * more))
        };
        assert_eq!(found(8, 1.1, 1.0), Some([8, 2]));
        assert_eq!(found(6, 1.1, 1.0), Some([8, 2]));
        assert_eq!(found(2, 1.1, 1.0), Some([8, 4]));
        assert_eq!(found(8, 1.4, 1.0), Some([8, 8]));
        assert_eq!(found(8, 1.1, 0.05), Some([8, 8]));
        assert_eq!(divided(4, &|_| None, &|_| 1.0), None);
        let fits = |workers: usize| workers <= 4;
        assert_eq!(
            [(8, 8), (8, 2), (8, 3), (6, 12), (1, 9), (8, 0)].map(|(threads, tiles)| workers(threads, tiles, &fits)),
            [4, 2, 1, 3, 1, 1]
        );
    }

    /// Processes that share a run each get as many as they ask for: cut as what passes again is least.
    #[test]
    fn there_are_as_many_as_are_wanted() {
        for (at_least, passing, want) in [
            (4, [100.0, 1.0], [4, 300]),
            (5, [100.0, 1.0], [4, 300]),
            (4, [1.0, 100.0], [20, 64]),
            (7000, [1.0, 1.0], [1, 1]),
        ] {
            let found = cut_into([20, 300], at_least, [0, 1 << 20], passing);
            assert_eq!(found, Some(want), "{at_least}");
        }
    }
}
