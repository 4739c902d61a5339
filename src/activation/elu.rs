//! The positive part, and a bounded negative one.

use super::{Function, Numbered};
use crate::compute::Element;
use crate::compute::scalar::exp_m1;
use crate::key::{Key, Number, at};

/// x above 0, else `alpha (e^x - 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Elu {
    /// How far below 0 it goes.
    pub alpha: f64,
}

impl Function for Elu {
    const NAME: &'static str = "elu";
    const HELP: &'static str = "x above 0, else alpha (e^x - 1); the slope at 0 is alpha";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return select(a * precise_expm1(x), x, x > 0.0);",
        "return select(a * precise_exp(x), 1.0, x > 0.0);",
        "return select(a * precise_exp(x), 0.0, x > 0.0);",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        if x > E::ZERO { x } else { E::from_f64(self.alpha) * exp_m1(x) }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        if x > E::ZERO { E::ONE } else { E::from_f64(self.alpha) * x.exp() }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        if x > E::ZERO { E::ZERO } else { E::from_f64(self.alpha) * x.exp() }
    }
}

impl Numbered for Elu {
    const START: Self = Elu { alpha: 1.0 };
    const KEYS: &'static [Key<Self>] = &[Key::new("alpha", "how far below 0 it goes", at!(Elu.alpha, Number::Any))];
    const SAMPLES: &'static [Self] = &[Self::START, Elu { alpha: 0.5 }];

    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    fn numbers(self) -> [f64; 2] {
        [self.alpha, 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        for &elu in Elu::SAMPLES {
            super::super::check::function(elu, |x| x.max(0.0) + elu.alpha * (x.min(0.0).exp() - 1.0));
        }
    }
}
