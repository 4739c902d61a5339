//! Gradients through elementwise functions.

use super::scalar::{normal_cdf, sigmoid};
use super::*;

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
