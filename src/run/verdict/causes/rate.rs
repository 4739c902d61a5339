//! Steps that are the optimizer's but for a factor: another rate, a schedule, clipping, a loss that was summed.

use super::fit::{Row, fit};
use super::names::number;
use super::{Case, Guess};
use crate::optimizer::{Optimizer, Sgd};

/// A factor that far from 1, or from another, is another.
const APART: f64 = 1e-3;

/// Whether two factors are the same.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= APART * a.abs().max(b.abs())
}

/// One factor in each step.
pub(super) fn all(case: &Case<'_>) -> Option<Guess> {
    let sample = case.sample();
    let (mut factors, mut left, mut noise, mut part) = (Vec::new(), 0.0, 0.0, 0.0);
    for step in 0..sample.steps() {
        let rows = |take: &mut dyn FnMut(Row<1>)| {
            (0..sample.entries()).map(|entry| sample.at(step, entry)).for_each(|at| {
                take(([sample.own[at]], sample.change[at], sample.noise(at)));
            });
        };
        part += (0..sample.entries()).map(|entry| sample.rest(sample.at(step, entry)).powi(2)).sum::<f64>();
        // A step of no gradient tells nothing.
        let found = fit(&rows);
        let factor = found.map_or(1.0, |found| found.by[0]);
        left += found.map_or(0.0, |found| found.left);
        noise += found.map_or(0.0, |found| found.noise);
        factors.push(if same(factor, 1.0) || case.course.sizes[step].is_explained() { 1.0 } else { factor });
    }
    let fits = super::fit::Fit { by: [0.0], left, noise }.explains(part);
    // As many factors as entries explain everything.
    if !fits || sample.entries() < 3 {
        return None;
    }
    let first = factors.iter().position(|factor| *factor != 1.0)?;
    let constant = factors[first..].iter().all(|factor| same(*factor, factors[first]));
    let text = match clipped(case, &factors) {
        Some(norm) => format!("steps are cut to one length: set training.clip_norm = {}", number(norm)),
        None if constant => steady(case, first, factors[first]),
        None => {
            let shown: Vec<String> = factors.iter().take(6).map(|factor| number(*factor)).collect();
            format!(
                "the recorded steps are those of the optimizer times {}{}: the learning rate had a schedule; set \
                 training.schedule, or training.learning_rates to the rate of each step",
                shown.join(", "),
                if factors.len() > 6 { ", …" } else { "" }
            )
        }
    };
    Some(Guess { left, noise, numbers: if constant { 1 } else { factors.len() }, text })
}

/// One factor from a step on.
fn steady(case: &Case<'_>, first: usize, factor: f64) -> String {
    let times = format!("the recorded steps are {} times those of the optimizer", number(factor));
    if first > 0 {
        return format!(
            "{times}: the learning rate had a schedule; set training.schedule, or training.learning_rates to the rate of each step"
        );
    }
    let problem = case.path.problem;
    let step = &problem.steps[0];
    let rate = number(factor * step.learning_rate);
    let totals = [step.total, 1.0 / step.total];
    let summed = if totals.iter().any(|total| same(*total, factor)) {
        "; that is the size of the batch: training.reduction may be the other of mean and sum"
    } else {
        "; or the loss was another multiple of it (training.reduction, training.loss)"
    };
    format!("{times}: the learning rate was {rate}{summed}")
}

/// The length that all shortened steps have, of plain gradient descent.
fn clipped(case: &Case<'_>, factors: &[f64]) -> Option<f64> {
    let problem = case.path.problem;
    let plain = matches!(problem.spec.optimizer.whole(), Optimizer::Sgd(Sgd { momentum: 0.0, weight_decay: 0.0, .. }));
    if !plain || problem.clip_norm > 0.0 || factors.iter().any(|factor| *factor > 1.0) {
        return None;
    }
    let length = |step: usize| case.course.sizes[step].change.sqrt() / problem.steps[step].learning_rate;
    let cut: Vec<f64> = (0..factors.len()).filter(|&step| factors[step] < 1.0).map(length).collect();
    let first = *cut.first()?;
    let differ = factors.iter().any(|factor| *factor < 1.0 && !same(*factor, factors[0])) || factors[0] == 1.0;
    (cut.len() > 1 && differ && cut.iter().all(|length| same(*length, first))).then_some(first)
}

/// One factor for each tensor.
pub(super) fn each(case: &Case<'_>) -> Option<Guess> {
    let sample = case.sample();
    let (mut factors, mut left, mut noise, mut part) = (Vec::new(), 0.0, 0.0, 0.0);
    for tensor in 0..case.tensors.len() {
        let places = || {
            let own = (0..sample.entries()).filter(move |&entry| sample.tensors[entry] == tensor);
            own.flat_map(move |entry| (0..sample.steps()).map(move |step| sample.at(step, entry)))
        };
        let rows = |take: &mut dyn FnMut(Row<1>)| {
            places().for_each(|at| take(([sample.own[at]], sample.change[at], sample.noise(at))));
        };
        part += places().map(|at| sample.rest(at).powi(2)).sum::<f64>();
        let found = fit(&rows);
        left += found.map_or(0.0, |found| found.left);
        noise += found.map_or(0.0, |found| found.noise);
        factors.push(found.map_or(1.0, |found| found.by[0]));
    }
    if !(super::fit::Fit { by: [0.0], left, noise }).explains(part) {
        return None;
    }
    let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
    for (tensor, factor) in factors.iter().enumerate().filter(|(_, factor)| !same(**factor, 1.0)) {
        match groups.iter_mut().find(|(own, _)| same(*own, *factor)) {
            Some((_, tensors)) => tensors.push(tensor),
            None => groups.push((*factor, vec![tensor])),
        }
    }
    let said: Vec<String> = groups
        .iter()
        .map(|(factor, tensors)| format!("of {} {} times", case.names(tensors), number(*factor)))
        .collect();
    let text = format!(
        "the recorded steps are, {}, those of the optimizer: groups of parameters had rates of their own; set \
         training.optimizer.groups",
        said.join("; ")
    );
    Some(Guess { left, noise, numbers: 1 + groups.len(), text })
}
