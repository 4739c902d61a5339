//! Contributions in parts: by the positions of an example's targets, and by windows of training.

use super::blob::Blob;
use super::question::Question;
use super::starts;
use crate::error::Error;
use crate::report::contents::Contents;
use crate::run::store::Largest;
use serde_json::{Value, json};

/// Examples whose positions are kept, of each sign.
const OF_POSITIONS: usize = 6;
/// Windows that are kept apart; of more, neighbours are added up.
const WINDOWS: usize = 24;

/// Of some examples the parts of what they contributed to what is asked first.
pub(super) type Split = Vec<(usize, Vec<f64>)>;

/// A query, the values of it that are kept, and what is asked of it first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub query: usize,
    pub values: &'a [usize],
    pub first: Question,
}

impl Asked<'_> {
    /// The answer of numbers that stand at each of the readout's values.
    fn answer(&self, at: impl Fn(usize) -> f64) -> f64 {
        self.first.of(|place| at(self.values[place]))
    }
}

/// What the positions of the examples contributed that answer most; `amounts` are the answers of all.
///
/// # Errors
///
/// An array that cannot be read.
pub(super) fn positions(contents: &Contents, asked: Asked<'_>, amounts: &[f64]) -> Result<Split, Error> {
    let Some(array) = &contents.attribution_positions else { return Ok(Split::new()) };
    let count = array.entry() / contents.values.max(1);
    let amounts: Vec<(usize, f64)> = amounts.iter().copied().enumerate().collect();
    let of = |(example, _): (usize, f64)| {
        let pair = array.values(asked.query..asked.query + 1, example..example + 1)?;
        Ok((example, (0..count).map(|at| asked.answer(|value| pair[value * count + at])).collect()))
    };
    Largest::of(&amounts, OF_POSITIONS).lists.concat().into_iter().map(of).collect()
}

/// What some examples contributed in each window of training.
///
/// # Errors
///
/// An array that cannot be read.
pub(super) fn windows(contents: &Contents, asked: Asked<'_>, examples: &[usize]) -> Result<Split, Error> {
    let Some(windows) = &contents.windows else { return Ok(Split::new()) };
    let all = windows.borders.len() - 1;
    let mut found: Split = examples.iter().map(|&example| (example, vec![0.0; all.min(WINDOWS)])).collect();
    for window in 0..all {
        let part = part(window, all);
        windows.array.pairs(window, asked.query, examples, &mut |place, pair| {
            found[place].1[part] += asked.answer(|value| pair[value]);
        })?;
    }
    Ok(found)
}

/// Which part a window of so many is in.
fn part(window: usize, all: usize) -> usize {
    window * all.min(WINDOWS) / all
}

/// The first step of each part of training that is kept apart, and the number of steps.
pub(super) fn borders(contents: &Contents) -> Option<Vec<usize>> {
    let borders = &contents.windows.as_ref()?.borders;
    let all = borders.len() - 1;
    let begins = |&window: &usize| window == 0 || part(window, all) != part(window - 1, all);
    Some((0..all).filter(begins).chain([all]).map(|window| borders[window]).collect())
}

/// The parts of each query's examples.
pub(super) fn put<'a>(blob: &mut Blob, all: impl Iterator<Item = &'a Split> + Clone) -> Value {
    let each = || all.clone().flatten();
    json!({
        "each": each().map(|own| own.1.len()).next(),
        "starts": blob.places(starts(all.clone().map(Vec::len))),
        "examples": blob.places(each().map(|own| own.0)),
        "amounts": blob.reals(each().flat_map(|own| own.1.iter().copied())),
    })
}

/// Bytes of the parts of so many examples at the most.
pub(super) fn bytes(split: &Split, count: usize) -> usize {
    split.iter().take(count).map(|own| 4 * (1 + own.1.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_stay_apart_or_join_neighbours() {
        assert_eq!((0..5).map(|window| part(window, 5)).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let of_many: Vec<usize> = (0..100).map(|window| part(window, 100)).collect();
        assert!(of_many.is_sorted() && of_many.windows(2).all(|pair| pair[1] - pair[0] <= 1));
        assert_eq!((of_many[0], of_many[99]), (0, WINDOWS - 1));
    }

    #[test]
    fn parts_lie_one_query_after_another() {
        let splits = [vec![(3, vec![0.5, 1.0])], vec![], vec![(0, vec![2.0, 3.0]), (7, vec![4.0, 5.0])]];
        assert_eq!((bytes(&splits[2], 1), bytes(&splits[2], 9)), (12, 24));
        let mut blob = Blob::default();
        let put = put(&mut blob, splits.iter());
        assert_eq!(
            put,
            json!({
                "each": 2, "starts": ["u4", 0, 4], "examples": ["u4", 16, 3], "amounts": ["f4", 28, 6],
            })
        );
    }
}
