//! An optimizer of another kind, by its first step.

use super::Case;
use super::fit::{Row, fit};
use crate::optimizer::{Optimizer, Past};

/// Entries that tell.
const ENOUGH: usize = 8;
/// How unlike entries may be, relative to their mean, that are as long as each other.
const UNLIKE: f64 = 0.01;

/// A multiple of the gradient where the run file's optimizer divides it by its size, or the reverse.
pub(super) fn kind(case: &Case<'_>) -> Option<String> {
    let optimizer = case.path.problem.spec.optimizer.whole();
    let name = optimizer.name();
    match optimizer.past() {
        Past::Preconditioned { .. } => is_multiple(case).then(|| {
            format!("the first step is a multiple of the gradient, as of sgd and no step of {name}: the optimizer was another one")
        }),
        _ if matches!(optimizer, Optimizer::Sgd(_)) => is_sign(case).then(|| {
            format!(
                "the first step is as long in every entry, as of adam, adamw, rmsprop and lion and no step of {name}: the optimizer \
                 was another one"
            )
        }),
        _ => None,
    }
}

/// Whether the first recorded step is a multiple of the gradient.
fn is_multiple(case: &Case<'_>) -> bool {
    let sample = case.sample();
    let Some(preconditioner) = &sample.preconditioner else { return false };
    let rows = |take: &mut dyn FnMut(Row<1>)| {
        let of = |entry: usize| sample.own[entry] / preconditioner[entry];
        let known = (0..sample.entries()).filter(|&entry| of(entry).is_finite());
        known.for_each(|entry| take(([of(entry)], sample.change[entry], sample.noise(entry))));
    };
    let part = (0..sample.entries()).map(|entry| sample.change[entry].powi(2)).sum();
    sample.entries() >= ENOUGH && fit(&rows).is_some_and(|found| found.explains(part))
}

/// Whether the first recorded step is as long in every entry that has a gradient, and goes down it.
fn is_sign(case: &Case<'_>) -> bool {
    let sample = case.sample();
    let largest = sample.own[..sample.entries()].iter().fold(0.0, |largest: f64, own| largest.max(own.abs()));
    let with_gradient = (0..sample.entries()).filter(|&entry| sample.own[entry].abs() > 1e-3 * largest);
    let lengths: Vec<f64> = with_gradient.map(|entry| sample.change[entry] * sample.own[entry].signum()).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
    lengths.len() >= ENOUGH && lengths.iter().all(|length| (length - mean).abs() <= UNLIKE * mean)
}
