//! relu with a slope that goes from 0 to 1 over a width.

use super::{Function, Numbered};
use crate::compute::Element;
use crate::compute::scalar::{normal_cdf, normal_density};
use crate::key::{Key, Number, at};

/// x times the normal distribution function at x over a width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothRelu {
    /// Over which the slope goes from 0 to 1.
    pub width: f64,
}

impl Function for SmoothRelu {
    const NAME: &'static str = "smooth_relu";
    const HELP: &'static str = "x (1 + erf(x / (√2 width))) / 2: relu, with a slope that goes from 0 to 1 over a width";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return x * (0.5 * (1.0 + precise_erf(x / a * 0.70710678)));",
        "let t = x / a; return 0.5 * (1.0 + precise_erf(t * 0.70710678)) + t * precise_exp(-0.5 * t * t) * 0.39894228;",
        "let t = x / a; return precise_exp(-0.5 * t * t) * 0.39894228 * (2.0 - t * t) / a;",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x * normal_cdf(x / E::from_f64(self.width))
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        let t = x / E::from_f64(self.width);
        normal_cdf(t) + t * normal_density(t)
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        let width = E::from_f64(self.width);
        let t = x / width;
        normal_density(t) * (E::from_f64(2.0) - t * t) / width
    }
}

impl Numbered for SmoothRelu {
    const START: Self = SmoothRelu { width: 1.0 };
    const KEYS: &'static [Key<Self>] =
        &[Key::new("width", "over which the slope goes from 0 to 1", at!(SmoothRelu.width, Number::AboveZero))];
    const SAMPLES: &'static [Self] = &[Self::START, SmoothRelu { width: 0.5 }];

    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    fn numbers(self) -> [f64; 2] {
        [self.width, 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        for &smooth in SmoothRelu::SAMPLES {
            let normal = |x: f64| 0.5 * (1.0 + libm::erf(x / smooth.width * std::f64::consts::FRAC_1_SQRT_2));
            super::super::check::function(smooth, |x| x * normal(x));
        }
    }
}
