//! Checkpoints that hold a running average of the weights.

use super::Case;
use super::fit::{Row, fit};
use super::names::number;

/// What may be left, relative: gradients are taken at the average, and were at the weights.
const LEFT: f64 = 0.5;
/// How far the two factors may be from adding up to 1.
const OFF: f64 = 0.1;
/// Averages of less are hardly any.
const LEAST: f64 = 0.3;

/// Steps that go on with most of the one before and with the rest of the optimizer's.
pub(super) fn average(case: &Case<'_>) -> Option<String> {
    let sample = case.sample();
    let entries = sample.entries();
    let rows = |take: &mut dyn FnMut(Row<2>)| {
        (entries..sample.own.len()).for_each(|at| {
            take(([sample.change[at - entries], sample.own[at]], sample.change[at], sample.noise(at)));
        });
    };
    let part: f64 = (entries..sample.own.len()).map(|at| sample.rest(at).powi(2)).sum();
    let found = fit(&rows)?;
    let [before, own] = found.by;
    if found.left > LEFT * LEFT * part || (before + own - 1.0).abs() > OFF || !(LEAST..1.0).contains(&before) {
        return None;
    }
    // The first gradient is taken where the average still is the weights: that step is the optimizer's, but shorter. Steps that are
    // alike one after the other prove nothing.
    let at_first = |take: &mut dyn FnMut(Row<1>)| {
        (0..entries).for_each(|at| take(([sample.own[at]], sample.change[at], sample.noise(at))));
    };
    let length = sample.first_square();
    let first = fit(&at_first).filter(|found| found.explains(length))?;
    let decay = 1.0 - first.by[0];
    (decay > LEAST && decay < 1.0).then(|| {
        format!(
            "each recorded step is about {} of the one before and {} of the optimizer's, and the first one {} of it: the \
             checkpoints hold a running average of the weights (EMA, decay about {}); save the weights themselves, not the average",
            number(round(before)),
            number(round(own)),
            number(round(first.by[0])),
            number(round(decay))
        )
    })
}

/// To three places.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
