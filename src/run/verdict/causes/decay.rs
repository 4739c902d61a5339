//! Steps that shrink the weights beside the optimizer's: weight decay.

use super::fit::{Fit, Row, fit};
use super::names::number;
use super::{Case, Guess};
use crate::optimizer::Optimizer;

/// Decay of this share of the largest is none.
const NONE: f64 = 1e-3;

/// λ in a run file, where it shrinks the weights by itself.
fn said(optimizer: &Optimizer) -> f64 {
    match optimizer {
        Optimizer::Sgd(own) => own.weight_decay,
        Optimizer::Adam(own) if own.decoupled => own.weight_decay,
        _ => 0.0,
    }
}

/// A multiple of ε w in each step, of some tensors.
pub(super) fn decay(case: &Case<'_>) -> Option<Guess> {
    let sample = case.sample();
    let (mut more, mut left, mut noise, mut part) = (Vec::new(), 0.0, 0.0, 0.0);
    for tensor in 0..case.tensors.len() {
        let places = || {
            let own = (0..sample.entries()).filter(move |&entry| sample.tensors[entry] == tensor);
            own.flat_map(move |entry| {
                (0..sample.steps()).map(move |step| (sample.at(step, entry), sample.rate(step, entry)))
            })
        };
        let rows = |take: &mut dyn FnMut(Row<1>)| {
            places().for_each(|(at, rate)| take(([-rate * sample.weights[at]], sample.rest(at), sample.noise(at))));
        };
        part += places().map(|(at, _)| sample.rest(at).powi(2)).sum::<f64>();
        let found = fit(&rows);
        left += found.map_or(0.0, |found| found.left);
        noise += found.map_or(0.0, |found| found.noise);
        more.push(found.map_or(0.0, |found| found.by[0]));
    }
    if !(Fit { by: [0.0], left, noise }).explains(part) {
        return None;
    }
    let largest =
        more.iter().copied().fold(0.0, |largest: f64, one| if one.abs() > largest.abs() { one } else { largest });
    let (decayed, not): (Vec<usize>, Vec<usize>) =
        (0..more.len()).partition(|&one| more[one].abs() > NONE * largest.abs());
    let optimizer = case.path.problem.spec.optimizer.whole();
    let lambda = number(said(optimizer) + largest);
    let of = if not.is_empty() {
        String::new()
    } else {
        format!(" of {} (not of {})", case.names(&decayed), case.names(&not))
    };
    let by_itself = match optimizer {
        Optimizer::Adam(own) if !own.decoupled => ", by itself as of type \"adamw\"",
        _ => "",
    };
    let text = format!(
        "what is unexplained is a multiple of the weights{of}: the optimizer had weight_decay = {lambda}{by_itself}; set it in \
         training.optimizer"
    );
    Some(Guess { left, noise, numbers: 1, text })
}
