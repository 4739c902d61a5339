//! Steps of gradient descent with another momentum, or that began with one.

use super::fit::{Row, fit, leaving};
use super::names::number;
use super::state::memory;
use super::{Case, Guess};
use crate::optimizer::{Optimizer, Sgd};

/// Momenta that near are the same.
const SAME: f64 = 1e-3;

/// The gradients that the optimizer was given, `-(g + λ w)` of each step and entry, read off its steps.
fn gradients(case: &Case<'_>, sgd: &Sgd) -> Option<Vec<f64>> {
    let sample = case.sample();
    let entries = sample.entries();
    let mut gradients = vec![0.0; sample.own.len()];
    let mut buffer = vec![0.0; entries];
    for step in 0..sample.steps() {
        for (entry, buffer) in buffer.iter_mut().enumerate() {
            let (at, rate) = (sample.at(step, entry), sample.rate(step, entry));
            let taken = if step == 0 { 1.0 } else { 1.0 - sgd.dampening };
            if rate == 0.0 || taken == 0.0 {
                return None;
            }
            let (made, kept) = (sample.own[at] / rate, sgd.momentum * *buffer);
            let gradient = match sgd.nesterov {
                true => (made - sgd.momentum * kept) / (1.0 + sgd.momentum),
                false => (made - kept) / taken,
            };
            *buffer = kept + taken * gradient;
            gradients[at] = gradient;
        }
    }
    Some(gradients)
}

/// What a step after the first is made of, times ε: the recorded step before it over its own ε, the gradients of this step and
/// the one before, and the weights.
struct Parts {
    before: f64,
    gradient: f64,
    last: f64,
    weights: f64,
    change: f64,
    noise: f64,
}

/// Whether the first step is so much of its gradient, and of the weights, times ε. It finds no buffer: what explains the later steps
/// alone is another cause.
fn begins(case: &Case<'_>, given: &[f64], by: [f64; 2]) -> bool {
    let sample = case.sample();
    let entries = sample.entries();
    let rows = |take: &mut dyn FnMut(Row<2>)| {
        for (entry, gradient) in given[..entries].iter().enumerate() {
            let rate = sample.rate(0, entry);
            take(([rate * gradient, -rate * sample.weights[entry]], sample.change[entry], sample.noise(entry)));
        }
    };
    let length = sample.first_square();
    leaving(by, &rows).explains(length)
}

/// Another momentum, its dampening, Nesterov's, or one with weight decay or another rate; or the momentum that is said, of a buffer
/// that was not empty at first.
pub(super) fn momentum(case: &Case<'_>) -> Option<Guess> {
    let problem = case.path.problem;
    let Optimizer::Sgd(sgd) = problem.spec.optimizer.whole() else { return None };
    let (sample, given) = (case.sample(), gradients(case, sgd)?);
    let entries = sample.entries();
    let each = |take: &mut dyn FnMut(Parts)| {
        for step in 1..sample.steps() {
            for entry in 0..entries {
                let (at, rate, earlier) =
                    (sample.at(step, entry), sample.rate(step, entry), sample.rate(step - 1, entry));
                take(Parts {
                    before: rate / earlier * sample.change[at - entries],
                    gradient: rate * given[at],
                    last: rate * given[at - entries],
                    weights: -rate * sample.weights[at],
                    change: sample.change[at],
                    noise: sample.noise(at),
                });
            }
        }
    };
    let part: f64 = (entries..sample.own.len()).map(|at| sample.rest(at).powi(2)).sum();
    let plain = |take: &mut dyn FnMut(Row<1>)| each(&mut |p| take(([p.before], p.change - p.gradient, p.noise)));
    let ahead = |take: &mut dyn FnMut(Row<1>)| {
        each(&mut |p| take(([p.before + p.gradient - p.last], p.change - p.gradient, p.noise)));
    };
    let dampened = |take: &mut dyn FnMut(Row<2>)| each(&mut |p| take(([p.before, p.gradient], p.change, p.noise)));
    let decayed =
        |take: &mut dyn FnMut(Row<2>)| each(&mut |p| take(([p.before, p.weights], p.change - p.gradient, p.noise)));
    // The buffer that was not empty: the numbers are those that are said.
    let said = match (sgd.momentum != 0.0, sgd.nesterov) {
        (false, _) => None,
        (true, true) => Some(leaving([sgd.momentum], &ahead)),
        (true, false) => Some(leaving([sgd.momentum, 1.0 - sgd.dampening], &dampened)).map(|fit| super::fit::Fit {
            by: [sgd.momentum],
            left: fit.left,
            noise: fit.noise,
        }),
    };
    if let Some(found) = said.filter(|found| found.explains(part)) {
        let text = format!(
            "from the second step on the steps are those of the optimizer, going on with the recorded ones: {}",
            memory(case, "momentum")
        );
        return Some(Guess { left: found.left, noise: found.noise, numbers: 0, text });
    }
    let had = |words: String| {
        format!("the steps are those of {words}; set it in training.optimizer (momentum is {:?} there)", sgd.momentum)
    };
    let begins = |by: [f64; 2]| begins(case, &given, by);
    if let Some(found) = fit(&plain).filter(|found| found.explains(part) && begins([1.0, 0.0])) {
        let text = had(momentum_of(found.by[0]));
        return Some(Guess { left: found.left, noise: found.noise, numbers: 1, text });
    }
    if let Some(found) = fit(&ahead).filter(|found| found.explains(part) && begins([1.0 + found.by[0], 0.0])) {
        let text = had(format!("nesterov = true with {}", momentum_of(found.by[0])));
        return Some(Guess { left: found.left, noise: found.noise, numbers: 1, text });
    }
    if let Some(found) = fit(&decayed).filter(|found| found.explains(part) && begins([1.0, found.by[1]])) {
        let [momentum, decay] = found.by;
        let lambda = number(sgd.weight_decay + decay);
        let text = had(format!("{} and weight_decay = {lambda}", momentum_of(momentum)));
        return Some(Guess { left: found.left, noise: found.noise, numbers: 2, text });
    }
    let found = fit(&dampened).filter(|found| found.explains(part))?;
    let [momentum, taken] = found.by;
    // Dampening spares the first gradient; another rate does not.
    let other = if begins([1.0, 0.0]) {
        format!("dampening = {}", number(1.0 - taken))
    } else if begins([taken, 0.0]) {
        format!("learning_rate = {}", number(taken * problem.steps[0].learning_rate))
    } else {
        return None;
    };
    let text = had(format!("{} and {other}", momentum_of(momentum)));
    Some(Guess { left: found.left, noise: found.noise, numbers: 2, text })
}

fn momentum_of(found: f64) -> String {
    let found = if found.abs() < SAME { 0.0 } else { found };
    format!("momentum = {}", number(found))
}
