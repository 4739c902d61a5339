//! x times the normal distribution function at x.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::{normal_cdf, normal_density};

pub(crate) struct Gelu;

impl Function for Gelu {
    const NAME: &'static str = "gelu";
    const HELP: &'static str = "x (1 + erf(x / √2)) / 2, exact";
    const KINKS: &'static [f64] = &[];
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return x * (0.5 * (1.0 + precise_erf(x * 0.70710678)));",
        "return 0.5 * (1.0 + precise_erf(x * 0.70710678)) + x * precise_exp(-0.5 * x * x) * 0.39894228;",
        "return precise_exp(-0.5 * x * x) * 0.39894228 * (2.0 - x * x);",
    ];

    #[inline(always)]
    fn value<E: Element>(x: E) -> E {
        x * normal_cdf(x)
    }

    #[inline(always)]
    fn slope<E: Element>(x: E) -> E {
        normal_cdf(x) + x * normal_density(x)
    }

    #[inline(always)]
    fn curvature<E: Element>(x: E) -> E {
        normal_density(x) * (E::from_f64(2.0) - x * x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function::<Gelu>(|x| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)));
    }
}
