//! Gradients that are not those of the run file's network, loss and data.

use super::Case;
use super::fit::{Row, fit};
use super::names::number;

/// Entries of a step without which two numbers prove nothing.
const ENOUGH: usize = 8;

/// What is usual where nothing else was found, with how the steps lie to those of the optimizer.
pub(super) fn gradients(case: &Case<'_>) -> String {
    let sizes = case.course.all();
    let cosine = sizes.along / (sizes.change * sizes.own).sqrt();
    let share = (sizes.rest / sizes.change).sqrt();
    let lie = format!(
        "the recorded steps lie at a cosine of {cosine:.3} to those of the optimizer, and differ from them by {:.0}% of their length",
        100.0 * share
    );
    if case.course.sizes[0].is_explained() {
        return format!(
            "{lie}. The first step is explained, so that network, data and loss are the recorded ones there, and none of the known \
             causes alone explains the others: usually several of the optimizer's numbers are not (momentum, betas, weight_decay), or \
             the order of the batches (training.batches), or what training changed on the way"
        );
    }
    if let Some(first) = first(case) {
        return format!(
            "{lie}. The first step is {first}, so that network, data and loss are the recorded ones there, and none \
             of the known causes alone explains the others: several of the optimizer's numbers are wrong at once (learning_rate, \
             momentum, dampening, nesterov, weight_decay, betas), or its memory was not empty at the first step"
        );
    }
    let (what, state) = match case.path.problem.spec.optimizer.state() {
        None => ("the gradients", ""),
        Some(_) => (
            "the gradients, or the state in training.optimizer_state,",
            "a state that was not saved with the first checkpoint, ",
        ),
    };
    format!(
        "{lie}, the first one too: {what} were not those of this network and loss on these data. Usual causes are {state}dropout or \
         augmentation, weights of classes or examples (training.class_weights, data.train.weights), another loss, reduction or order \
         of the batches (training.batches), inputs on another scale, a running average in place of the weights, and another optimizer"
    )
}

/// What the first step is of the optimizer's and of the weights, where it is made of them.
fn first(case: &Case<'_>) -> Option<String> {
    let sample = case.sample();
    let entries = sample.entries();
    let length = sample.first_square();
    let along = |take: &mut dyn FnMut(Row<1>)| {
        (0..entries).for_each(|at| take(([sample.own[at]], sample.change[at], sample.noise(at))));
    };
    let decayed = |take: &mut dyn FnMut(Row<2>)| {
        (0..entries).for_each(|at| take(([sample.own[at], sample.weights[at]], sample.change[at], sample.noise(at))));
    };
    if let Some(found) = fit(&along).filter(|found| entries >= ENOUGH && found.explains(length)) {
        return Some(format!("{} times the optimizer's", number(found.by[0])));
    }
    let found = fit(&decayed).filter(|found| entries >= ENOUGH && found.explains(length))?;
    let [own, weights] = found.by;
    Some(format!("{} times the optimizer's, and {} times the weights beside it", number(own), number(weights)))
}
