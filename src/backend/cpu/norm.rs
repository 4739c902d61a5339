//! Layer normalisation, its gradients, and the losses.

use super::elementwise::{sigmoid, softplus};
use super::*;
use crate::run_file::Loss;

/// Added to the variance, as PyTorch does by default.
const EPSILON: f64 = 1e-5;

pub(super) fn layer_norm<E: Element>(width: usize, normal: &mut [E], scale: &mut [E], x: &[E]) -> Result<()> {
    check("layer_norm", &[(normal.len(), x.len()), (scale.len() * width, x.len())])?;
    let share = E::from_f64(1.0 / width as f64);
    normal.par_chunks_mut(width).zip(scale).zip(x.par_chunks(width)).with_min_len(16).for_each(
        |((normal, scale), x)| {
            let mean = x.iter().copied().sum::<E>() * share;
            let variance = x.iter().map(|&x| (x - mean) * (x - mean)).sum::<E>() * share;
            *scale = E::ONE / (variance + E::from_f64(EPSILON)).sqrt();
            for (normal, &x) in normal.iter_mut().zip(x) {
                *normal = (x - mean) * *scale;
            }
        },
    );
    Ok(())
}

pub(super) fn scale_shift<E: Element>(out: &mut [E], x: &[E], weights: &Parameters<'_, E>) -> Result<()> {
    let width = (weights.start.len() / 2).max(1);
    check("scale_shift", &[(out.len(), x.len()), (out.len() % width, 0)])?;
    out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, x))| {
        let step = weights.at(row);
        for j in 0..width {
            out[j] = weight(weights.start, step, j) * x[j] + weight(weights.start, step, width + j);
        }
    });
    Ok(())
}

pub(super) fn layer_norm_backward<E: Element>(
    out: &mut [E],
    delta: &[E],
    normal: &[E],
    scale: &[E],
    weights: &Parameters<'_, E>,
) -> Result<()> {
    let width = (weights.start.len() / 2).max(1);
    let base = scale.len().max(1);
    check(
        "layer_norm_backward",
        &[(out.len(), delta.len()), (normal.len(), scale.len() * width), (delta.len() % normal.len().max(1), 0)],
    )?;
    let share = E::from_f64(1.0 / width as f64);
    out.par_chunks_mut(width).zip(delta.par_chunks(width)).enumerate().with_min_len(16).for_each(
        |(row, (out, delta))| {
            let normal = &normal[row % base * width..][..width];
            let step = weights.at(row % base);
            let (mut mean, mut along) = (E::ZERO, E::ZERO);
            for j in 0..width {
                out[j] = weight(weights.start, step, j) * delta[j];
                mean += out[j] * share;
                along += out[j] * normal[j] * share;
            }
            for j in 0..width {
                out[j] = scale[row % base] * (out[j] - mean - normal[j] * along);
            }
        },
    );
    Ok(())
}

pub(super) fn outer_diagonal<E: Element>(
    width: usize,
    positions: usize,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    delta: &[E],
    input: &[E],
) -> Result<()> {
    check("outer_diagonal", &[(out.len(), map.outputs * 2 * width), (delta.len(), map.rows * positions * width)])?;
    let size = positions * width;
    out.par_chunks_mut(2 * width).enumerate().for_each(|(output, out)| {
        out.fill(E::ZERO);
        let (scales, shifts) = out.split_at_mut(width);
        for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
            let input = &input[map.inputs[row] as usize * size..][..size];
            for (entry, &delta) in delta[row * size..][..size].iter().enumerate() {
                let weighted = map.weights[row] * delta;
                scales[entry % width] += weighted * input[entry];
                shifts[entry % width] += weighted;
            }
        }
    });
    Ok(())
}

/// [`Targets`] as plain slices.
pub(super) enum PlainTargets<'a, E> {
    /// Class numbers.
    Classes(&'a [u32]),
    /// `[m, C]`.
    Reals(&'a [E]),
}

/// What an example asks for.
enum Target<'a, E> {
    Class(usize),
    Reals(&'a [E]),
}

pub(super) fn loss<E: Element>(
    shape: &LossShape,
    gradient: &mut [E],
    statistics: &mut [E],
    outputs: &[E],
    targets: &PlainTargets<'_, E>,
    examples: &[u32],
    share: &[E],
) -> Result<()> {
    let width = shape.outputs;
    check(
        "loss",
        &[
            (gradient.len(), shape.rows * width),
            (outputs.len(), shape.rows * width),
            (statistics.len(), shape.rows * 2),
            (examples.len(), shape.rows),
            (share.len(), shape.rows),
        ],
    )?;
    for (row, gradient) in gradient.chunks_mut(width).enumerate() {
        let example = examples[row] as usize;
        let target = match targets {
            PlainTargets::Classes(classes) => Target::Class(classes[example] as usize),
            PlainTargets::Reals(values) => Target::Reals(&values[example * width..][..width]),
        };
        let outputs = &outputs[row * width..][..width];
        let (loss, hit) = one_loss(shape.loss, gradient, outputs, &target);
        statistics[2 * row] = loss;
        statistics[2 * row + 1] = if hit { E::ONE } else { E::ZERO };
        for gradient in gradient {
            *gradient = share[row] * *gradient;
        }
    }
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
fn real_loss<E: Element>(loss: Loss, f: E, y: E) -> (E, E) {
    match loss {
        Loss::Logistic => (softplus(f) - y * f, sigmoid(f) - y),
        Loss::Poisson => (f.exp() - y * f, f.exp() - y),
        Loss::SquaredError | Loss::CrossEntropy => (E::from_f64(0.5) * (f - y) * (f - y), f - y),
    }
}
