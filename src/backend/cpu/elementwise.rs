//! Operations that treat elements or rows alone.

use super::*;

pub(super) fn axpy<E: Element>(out: &mut [E], scale: E, x: &[E]) -> Result<()> {
    check("axpy", &[(x.len(), out.len())])?;
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, &x) in out.iter_mut().zip(x) {
            *out += scale * x;
        }
    });
    Ok(())
}

pub(super) fn gather<E: Element>(out: &mut [E], x: &[E], rows: &[u32], width: usize) -> Result<()> {
    check("gather", &[(out.len(), rows.len() * width)])?;
    let largest = rows.iter().max().map_or(0, |&row| row as usize + 1);
    if largest * width > x.len() {
        return Err(BackendError::Invalid(format!("gather: row {largest} of an array of {} elements", x.len())));
    }
    for (out, &row) in out.chunks_mut(width.max(1)).zip(rows) {
        out.copy_from_slice(&x[row as usize * width..][..width]);
    }
    Ok(())
}

pub(super) fn bias<E: Element>(out: &mut [E], bias: &Parameters<'_, E>) -> Result<()> {
    let width = bias.start.len().max(1);
    check("bias", &[(out.len() % width, 0)])?;
    out.par_chunks_mut(width).with_min_len(64).enumerate().for_each(|(row, out)| {
        let step = bias.at(row);
        for (j, out) in out.iter_mut().enumerate() {
            *out += weight(bias.start, step, j);
        }
    });
    Ok(())
}

/// 1 / (1 + e⁻ˣ) without overflow.
pub(super) fn sigmoid<E: Element>(x: E) -> E {
    if x >= E::ZERO {
        E::ONE / (E::ONE + (-x).exp())
    } else {
        let e = x.exp();
        e / (E::ONE + e)
    }
}

/// log(1 + eˣ) without overflow.
pub(super) fn softplus<E: Element>(x: E) -> E {
    let largest = if x > E::ZERO { x } else { E::ZERO };
    largest + (-x.abs()).exp().ln_1p()
}

/// The normal distribution function.
fn normal_cdf<E: Element>(x: E) -> E {
    let half = E::from_f64(0.5);
    half * (E::ONE + (x * E::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf())
}

fn value<E: Element>(kind: Activation, x: E) -> E {
    match kind {
        Activation::Identity => x,
        Activation::Relu => {
            if x > E::ZERO {
                x
            } else {
                E::ZERO
            }
        }
        Activation::LeakyRelu => {
            if x > E::ZERO {
                x
            } else {
                E::from_f64(0.01) * x
            }
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
        Activation::Softplus => softplus(x),
        Activation::Silu => x * sigmoid(x),
        Activation::Gelu => x * normal_cdf(x),
        Activation::Sin => x.sin(),
    }
}

fn derivative<E: Element>(kind: Activation, x: E) -> E {
    match kind {
        Activation::Identity => E::ONE,
        Activation::Relu => {
            if x > E::ZERO {
                E::ONE
            } else {
                E::ZERO
            }
        }
        Activation::LeakyRelu => {
            if x > E::ZERO {
                E::ONE
            } else {
                E::from_f64(0.01)
            }
        }
        Activation::Tanh => {
            let y = x.tanh();
            (E::ONE - y) * (E::ONE + y)
        }
        Activation::Sigmoid => sigmoid(x) * sigmoid(-x),
        Activation::Softplus => sigmoid(x),
        Activation::Silu => sigmoid(x) * (E::ONE + x * sigmoid(-x)),
        Activation::Gelu => {
            let density = (E::from_f64(-0.5) * x * x).exp() * E::from_f64(0.398_942_280_401_432_7);
            normal_cdf(x) + x * density
        }
        Activation::Sin => x.cos(),
    }
}

pub(super) fn activation<E: Element>(kind: Activation, out: &mut [E], x: &[E]) -> Result<()> {
    check("activation", &[(out.len(), x.len())])?;
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = value(kind, x);
        }
    });
    Ok(())
}

pub(super) fn activation_backward<E: Element>(kind: Activation, out: &mut [E], delta: &[E], x: &[E]) -> Result<()> {
    check("activation_backward", &[(out.len(), delta.len()), (out.len() % x.len().max(1), 0)])?;
    // The derivative is the dear part: take it once for all copies.
    let slopes: Vec<E> = x.par_iter().with_min_len(CHUNK).map(|&x| derivative(kind, x)).collect();
    let width = slopes.len().max(1);
    out.par_chunks_mut(width).zip(delta.par_chunks(width)).for_each(|(out, delta)| {
        for ((out, &delta), &slope) in out.iter_mut().zip(delta).zip(&slopes) {
            *out = delta * slope;
        }
    });
    Ok(())
}

pub(super) fn seed<E: Element>(rows: usize, outputs: usize, out: &mut [E], scale: Option<&[E]>) -> Result<()> {
    check("seed", &[(out.len(), rows * outputs * outputs)])?;
    if let Some(scale) = scale {
        check("seed", &[(scale.len(), rows * outputs)])?;
    }
    out.fill(E::ZERO);
    for d in 0..outputs {
        for b in 0..rows {
            out[(d * rows + b) * outputs + d] = scale.map_or(E::ONE, |scale| scale[b * outputs + d]);
        }
    }
    Ok(())
}

pub(super) fn sgd<E: Element>(step: &Sgd, next: &mut [E], weights: &[E], gradient: &[E]) -> Result<()> {
    check("sgd", &[(next.len(), weights.len()), (next.len(), gradient.len())])?;
    let (rate, decay) = (E::from_f64(step.learning_rate), E::from_f64(step.weight_decay));
    for ((next, &w), &g) in next.iter_mut().zip(weights).zip(gradient) {
        *next = w - rate * (g + decay * w);
    }
    Ok(())
}
