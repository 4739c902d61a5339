//! Losses and their gradients.

use super::*;
use crate::compute::scalar::{sigmoid, softplus};

/// What an example asks for.
enum Target<'a, E> {
    Class(usize),
    Reals(&'a [E]),
}

pub(super) fn loss<E: Element>(
    batch: &LossBatch<'_, CpuBackend<E>>,
    gradient: &mut [E],
    statistics: &mut [E],
) -> Result<()> {
    let (outputs, share) = (view(batch.outputs)?, view(batch.share)?);
    let (rows, width) = (batch.rows, batch.width);
    let reals = match batch.targets {
        Targets::Classes(_) => &[],
        Targets::Reals(values) => view(values)?,
    };
    check(
        "loss",
        &[
            (gradient.len(), rows * width),
            (outputs.len(), rows * width),
            (statistics.len(), rows * 2),
            (batch.examples.len(), rows),
            (share.len(), rows),
        ],
    )?;
    let each = gradient.par_chunks_mut(width.max(1)).zip(statistics.par_chunks_mut(2)).enumerate();
    each.with_min_len(64).for_each(|(row, (gradient, statistics))| {
        let example = batch.examples[row] as usize;
        let target = match batch.targets {
            Targets::Classes(classes) => Target::Class(classes[example] as usize),
            Targets::Reals(_) => Target::Reals(&reals[example * width..][..width]),
        };
        let outputs = &outputs[row * width..][..width];
        let (loss, hit) = one_loss(batch.loss, gradient, outputs, &target);
        statistics[0] = loss;
        statistics[1] = if hit { E::ONE } else { E::ZERO };
        for gradient in gradient {
            *gradient = share[row] * *gradient;
        }
    });
    Ok(())
}

/// The loss of one example and whether its class is the largest output; writes ∂L/∂f.
fn one_loss<E: Element>(loss: Loss, gradient: &mut [E], outputs: &[E], target: &Target<'_, E>) -> (E, bool) {
    match target {
        Target::Class(class) => {
            let best = (1..outputs.len()).fold(0, |best, c| if outputs[c] > outputs[best] { c } else { best });
            let sum: E = outputs.iter().map(|&f| (f - outputs[best]).exp()).sum();
            for (gradient, &f) in gradient.iter_mut().zip(outputs) {
                *gradient = (f - outputs[best]).exp() / sum;
            }
            gradient[*class] += -E::ONE;
            (outputs[best] - outputs[*class] + sum.ln(), best == *class)
        }
        Target::Reals(values) => {
            let mut total = E::ZERO;
            for ((gradient, &f), &y) in gradient.iter_mut().zip(outputs).zip(*values) {
                let (value, slope) = real_loss(loss, f, y);
                *gradient = slope;
                total += value;
            }
            (total, false)
        }
    }
}

/// One output's loss and its derivative.
pub(crate) fn real_loss<E: Element>(loss: Loss, f: E, y: E) -> (E, E) {
    match loss {
        Loss::Logistic => (softplus(f) - y * f, sigmoid(f) - y),
        Loss::Poisson => (f.exp() - y * f, f.exp() - y),
        Loss::SquaredError | Loss::CrossEntropy => (E::from_f64(0.5) * (f - y) * (f - y), f - y),
    }
}
