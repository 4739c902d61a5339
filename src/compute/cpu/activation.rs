//! Elementwise functions.

use super::scalar::{normal_cdf, sigmoid, softplus};
use super::*;

pub(super) fn activation<E: Element>(kind: Activation, out: &mut [E], x: &[E]) -> Result<()> {
    match kind {
        Activation::Identity => map(out, x, |x| x),
        Activation::Relu => map(out, x, |x| if x > E::ZERO { x } else { E::ZERO }),
        Activation::LeakyRelu => map(out, x, |x| if x > E::ZERO { x } else { E::from_f64(0.01) * x }),
        Activation::Tanh => map(out, x, E::tanh),
        Activation::Sigmoid => map(out, x, sigmoid),
        Activation::Softplus => map(out, x, softplus),
        Activation::Silu => map(out, x, |x| x * sigmoid(x)),
        Activation::Gelu => map(out, x, |x| x * normal_cdf(x)),
        Activation::Sin => map(out, x, E::sin),
    }
}

/// `out = f(x)`, in vector code where `f` allows it.
pub(super) fn map<E: Element>(out: &mut [E], x: &[E], f: impl Fn(E) -> E + Sync) -> Result<()> {
    check("activation", &[(out.len(), x.len())])?;
    in_chunks(out, x, |out, x| {
        kernel::arch().dispatch(
            #[inline(always)]
            || {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = f(x);
                }
            },
        );
    });
    Ok(())
}
