//! Elementwise functions.

use super::scalar::{normal_cdf, sigmoid, softplus};
use super::*;

pub(super) fn activation<E: Element>(kind: Activation, out: &mut [E], x: &[E]) -> Result<()> {
    check("activation", &[(out.len(), x.len())])?;
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = value(kind, x);
        }
    });
    Ok(())
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
