//! Derivatives of elementwise functions.

use super::activation::map;
use super::scalar::{normal_cdf, sigmoid};
use super::*;

pub(super) fn activation_slope<E: Element>(kind: Activation, out: &mut [E], x: &[E]) -> Result<()> {
    // Constants are written where they are used: a loop over captured ones is not vector code.
    match kind {
        Activation::Identity => map(out, x, |_| E::ONE),
        Activation::Relu => map(out, x, |x| if x > E::ZERO { E::ONE } else { E::ZERO }),
        Activation::LeakyRelu => map(out, x, |x| if x > E::ZERO { E::ONE } else { E::from_f64(0.01) }),
        // 1 - tanh² would lose the digits of small values.
        Activation::Tanh => map(out, x, |x| {
            let e = (E::from_f64(-2.0) * x.abs()).exp();
            E::from_f64(4.0) * e / ((E::ONE + e) * (E::ONE + e))
        }),
        Activation::Sigmoid => map(out, x, |x| sigmoid(x) * sigmoid(-x)),
        Activation::Softplus => map(out, x, sigmoid),
        Activation::Silu => map(out, x, |x| sigmoid(x) * (E::ONE + x * sigmoid(-x))),
        Activation::Gelu => map(out, x, |x| {
            let density = (E::from_f64(-0.5) * x * x).exp() * E::from_f64(0.398_942_280_401_432_7);
            normal_cdf(x) + x * density
        }),
        Activation::Sin => map(out, x, E::cos),
    }
}
