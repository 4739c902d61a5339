//! Functions of one number that activations, losses and readouts share.

use super::Element;

/// 1 / (1 + e⁻ˣ) without overflow.
#[inline(always)]
pub(crate) fn sigmoid<E: Element>(x: E) -> E {
    let e = (-x.abs()).exp();
    (if x >= E::ZERO { E::ONE } else { e }) / (E::ONE + e)
}

/// log(1 + eˣ) without overflow.
#[inline(always)]
pub(crate) fn softplus<E: Element>(x: E) -> E {
    let largest = if x > E::ZERO { x } else { E::ZERO };
    largest + (-x.abs()).exp().ln_1p()
}

/// eˣ - 1, which keeps its digits near 0.
#[inline(always)]
pub(crate) fn exp_m1<E: Element>(x: E) -> E {
    (E::from_f64(0.5) * x).tanh() * (x.exp() + E::ONE)
}

/// The normal distribution function; by `erfc`, so that small values keep their digits.
#[inline(always)]
pub(crate) fn normal_cdf<E: Element>(x: E) -> E {
    E::from_f64(0.5) * (x * E::from_f64(-std::f64::consts::FRAC_1_SQRT_2)).erfc()
}

/// The density of the normal distribution.
#[inline(always)]
pub(crate) fn normal_density<E: Element>(x: E) -> E {
    (E::from_f64(-0.5) * x * x).exp() * E::from_f64(0.398_942_280_401_432_7)
}
