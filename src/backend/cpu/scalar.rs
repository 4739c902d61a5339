//! Functions of one number that several operations need.

use super::*;

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
pub(super) fn normal_cdf<E: Element>(x: E) -> E {
    let half = E::from_f64(0.5);
    half * (E::ONE + (x * E::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf())
}
