//! Which steps of a path are looked at, to choose a rule by them.

use super::choose::{LITTLE_WORK, Probe, ROWS, WeightsAt};
use crate::compute::{Backend, Element};
use crate::error::Error;
use crate::tape::{Kept, Tape};
use std::ops::Range;

/// Steps that are looked at, spread evenly over the path: so many at the least, and more while that is little work.
pub(super) const SPREAD: [usize; 2] = [5, 32];
/// And the longest of all, and as many of those in which the readout moves most.
pub(super) const LARGEST: usize = 3;
/// Elements of a path that are read to find them, about.
const MOST_READ: usize = 1 << 32;
/// The share of the run's passes that looking may take for steps beyond the least.
const SHARE: f64 = 0.02;
/// Into how many parts a stretch of steps is cut to find the part in which the readout moves most, where cutting it into steps is
/// too much work.
const FINER: usize = 16;

/// The steps of a path to look at, ascending: some that are spread evenly, the first and the last among them; the longest, where
/// all weights were recorded; and those in which the readout moves most. In these the network bends most on the way, and what they
/// miss is the largest part of what is missed.
///
/// # Errors
///
/// A tape that cannot be read, or what `at` or `tick` end it with.
pub(crate) fn looked_at<B: Backend, E: Element>(
    probe: &Probe<'_, B>,
    tape: &dyn Tape<E>,
    at: &mut WeightsAt<'_>,
    tick: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<Vec<usize>, Error> {
    let (steps, every) = (tape.history().steps.len(), tape.history().recording.every());
    let Some(last) = steps.checked_sub(1) else { return Ok(Vec::new()) };
    let little = LITTLE_WORK.min(SHARE * probe.work_of_run(&tape.history().steps));
    let count = ((little / (ROWS * probe.work())) as usize).clamp(SPREAD[0], SPREAD[1]);
    let spread = (0..count).map(|place| place * last / (count - 1));
    let longest = if every == 1 { largest(lengths(tape, steps)?) } else { Vec::new() };
    let coarse = (steps as f64 * probe.work() / little) as usize + steps.saturating_mul(probe.len()) / MOST_READ + 1;
    let mut stretches = vec![Range { start: 0, end: steps }];
    for stride in strides(coarse, every) {
        // Descending, as weights that were not recorded are asked for.
        stretches.sort_by_key(|stretch| std::cmp::Reverse(stretch.start));
        let mut parts = Vec::new();
        for stretch in stretches {
            parts.extend(moves(probe, stretch, stride, at, tick)?);
        }
        stretches = largest(parts);
    }
    let liveliest = stretches.into_iter().map(|stretch| stretch.start);
    let mut all: Vec<usize> = spread.chain(longest).chain(liveliest).collect();
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// The few that are largest, of some with their sizes. What is no number has none.
fn largest<T>(mut sizes: Vec<(T, f64)>) -> Vec<T> {
    sizes.retain(|(_, size)| size.is_finite());
    sizes.sort_by(|a, b| b.1.total_cmp(&a.1));
    sizes.truncate(LARGEST);
    sizes.into_iter().map(|(one, _)| one).collect()
}

/// Into stretches of how many steps a path is cut, coarsely first and at last into steps. All weights between stretches of a multiple
/// of `every` steps were recorded; others are made again, a whole recorded stretch at a time.
fn strides(coarse: usize, every: usize) -> Vec<usize> {
    let recorded = |stride: usize| stride.div_ceil(every) * every;
    let mut all = vec![recorded(coarse)];
    while let Some(&stride) = all.last().filter(|&&stride| stride > 1) {
        all.push(if stride > every { recorded((stride / FINER).max(1)) } else { 1 });
    }
    all
}

/// How far the readout of a query moves at the most in each part of a stretch of steps, of `stride` steps each.
fn moves<B: Backend>(
    probe: &Probe<'_, B>,
    stretch: Range<usize>,
    stride: usize,
    at: &mut WeightsAt<'_>,
    tick: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<Vec<(Range<usize>, f64)>, Error> {
    let mut parts = Vec::with_capacity(stretch.len().div_ceil(stride));
    let (mut end, mut after) = (stretch.end, probe.values_at(&at(stretch.end)?)?);
    for start in stretch.step_by(stride).rev() {
        tick()?;
        let before = probe.values_at(&at(start)?)?;
        let moved = before.iter().zip(&after).map(|(before, after)| (after - before).abs());
        // The largest, and no number where one is none.
        parts.push((start..end, moved.fold(0.0, super::larger)));
        (end, after) = (start, before);
    }
    Ok(parts)
}

/// How far the weights move in each step; of a very long path, in some of them.
fn lengths<E: Element>(tape: &dyn Tape<E>, steps: usize) -> Result<Vec<(usize, f64)>, Error> {
    let elements = tape.row(Kept::Weights, 0)?.len().saturating_mul(steps);
    let length = |step: usize| {
        let (start, end) = (tape.row(Kept::Weights, step)?, tape.row(Kept::Weights, step + 1)?);
        let squares = start.iter().zip(end.iter()).map(|(start, end)| (end.to_f64() - start.to_f64()).powi(2));
        Ok((step, squares.sum::<f64>()))
    };
    (0..steps).step_by(elements / MOST_READ + 1).map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_end_where_weights_were_recorded_until_they_are_steps() {
        assert_eq!(strides(1, 1), [1]);
        assert_eq!(strides(1, 10), [10, 1]);
        assert_eq!(strides(300, 1), [300, 18, 1]);
        assert_eq!(strides(301, 10), [310, 20, 10, 1]);
    }

    #[test]
    fn what_is_no_number_is_not_the_largest() {
        let sizes = vec![(0, 1.0), (1, f64::NAN), (2, 5.0), (3, f64::INFINITY), (4, 2.0), (5, 0.5)];
        assert_eq!(largest(sizes), [2, 4, 0]);
    }
}
