//! An optimizer that did not begin with an empty memory.

use super::Case;
use crate::optimizer::{Optimizer, Sgd};

/// How unlike the first step's entries may be, relative to their mean, where the memory was empty.
const UNLIKE: f64 = 0.05;
/// Entries that tell.
const ENOUGH: usize = 8;

/// What is said of a memory, such as a momentum, that was another at the first step than the run file says.
pub(super) fn memory(case: &Case<'_>, what: &str) -> String {
    match case.path.problem.spec.optimizer.state() {
        None => format!(
            "the optimizer's {what} was not empty at the first step, as where training was resumed; give its state, \
             training.optimizer_state, or begin where training did"
        ),
        Some(_) => format!(
            "the optimizer's {what} at the first step was not that of training.optimizer_state; the state must be the one that was \
             saved with the first checkpoint"
        ),
    }
}

/// The first step of an optimizer that divides a gradient by its own size is as long in every entry, whatever the gradient.
pub(super) fn begun(case: &Case<'_>) -> Option<String> {
    let numbers = &case.path.problem.spec.optimizer;
    let optimizer = numbers.whole();
    // What a given state makes of the first step has any length.
    if numbers.state().is_some() {
        return None;
    }
    let decay = match optimizer {
        Optimizer::Adam(own) if own.decoupled => own.weight_decay,
        Optimizer::Adam(_) | Optimizer::NAdam(_) | Optimizer::RmsProp(_) => 0.0,
        Optimizer::Sgd(_) | Optimizer::Lion(_) | Optimizer::Flow(_) => return None,
    };
    let sample = case.sample();
    let undecayed = |entry: usize, step: f64| step + sample.rate(0, entry) * decay * sample.weights[entry];
    let own = |entry: usize| undecayed(entry, sample.own[entry]).abs();
    let largest = (0..sample.entries()).map(own).fold(0.0, f64::max);
    let lengths: Vec<f64> = (0..sample.entries())
        .filter(|&entry| own(entry) > 0.5 * largest)
        .map(|entry| undecayed(entry, sample.change[entry]).abs() / own(entry))
        .collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
    let spread = (lengths.iter().map(|length| (length - mean).powi(2)).sum::<f64>() / lengths.len() as f64).sqrt();
    (lengths.len() >= ENOUGH && spread > UNLIKE * mean).then(|| {
        format!(
            "the first step differs in length from entry to entry, which no first step of {} does: {}",
            optimizer.name(),
            memory(case, "memory")
        )
    })
}

/// What is unexplained fades from the first step on.
pub(super) fn fading(case: &Case<'_>) -> Option<String> {
    let optimizer = case.path.problem.spec.optimizer.whole();
    if matches!(optimizer, Optimizer::Sgd(Sgd { momentum: 0.0, .. })) || case.course.sizes.len() < 4 {
        return None;
    }
    let share = |sizes: &[super::evidence::Sizes]| {
        let (rest, change) =
            sizes.iter().fold((0.0, 0.0), |(rest, change), one| (rest + one.rest, change + one.change));
        (rest / change).sqrt()
    };
    let sizes = &case.course.sizes;
    let part = (sizes.len() / 4).max(1);
    let (first, last) = (share(&sizes[..part]), share(&sizes[sizes.len() - part..]));
    (first > 5.0 * last).then(|| {
        format!(
            "what is unexplained is {:.0}% of the first steps and {:.1}% of the last ones. So it is where {}",
            100.0 * first,
            100.0 * last,
            memory(case, "memory")
        )
    })
}
