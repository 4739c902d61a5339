//! The positive part and a share of the negative one.

use super::{Function, Numbered};
use crate::compute::Element;
use crate::key::{Key, Number, at};

/// x above 0, else `slope x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakyRelu {
    /// The slope below 0.
    pub slope: f64,
}

impl Function for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const HELP: &'static str = "x above 0, else slope x; the slope at 0 is that below";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] =
        ["return select(a * x, x, x > 0.0);", "return select(a, 1.0, x > 0.0);", "return 0.0;"];

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        if x > E::ZERO { x } else { E::from_f64(self.slope) * x }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        if x > E::ZERO { E::ONE } else { E::from_f64(self.slope) }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, _: E) -> E {
        E::ZERO
    }
}

impl Numbered for LeakyRelu {
    const START: Self = LeakyRelu { slope: 0.01 };
    const KEYS: &'static [Key<Self>] = &[Key::new("slope", "the slope below 0", at!(LeakyRelu.slope, Number::Any))];
    const SAMPLES: &'static [Self] = &[Self::START, LeakyRelu { slope: -0.25 }];

    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    fn numbers(self) -> [f64; 2] {
        [self.slope, 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        for &leaky in LeakyRelu::SAMPLES {
            super::super::check::function(leaky, |x| x.max(0.0) + leaky.slope * x.min(0.0));
            assert_eq!(Function::slope(leaky, 0.0), leaky.slope);
        }
    }
}
