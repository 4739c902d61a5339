//! x between two numbers, flat at both.

use super::{Function, Numbered};
use crate::compute::Element;
use crate::key::{Key, Number, at};

/// `min(max(x, min_val), max_val)`; the slope at both is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hardtanh {
    /// The least value.
    pub min_val: f64,
    /// The largest value.
    pub max_val: f64,
}

impl Function for Hardtanh {
    const NAME: &'static str = "hardtanh";
    const HELP: &'static str = "min(max(x, min_val), max_val); the slope at both is 0";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] =
        ["return min(max(x, a), b);", "return select(0.0, 1.0, x > a && x < b);", "return 0.0;"];

    /// None where it is constant.
    fn kinks(self) -> Vec<f64> {
        if self.min_val < self.max_val { vec![self.min_val, self.max_val] } else { Vec::new() }
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        let (least, most) = (E::from_f64(self.min_val), E::from_f64(self.max_val));
        let above = if x > least { x } else { least };
        if above < most { above } else { most }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        let (least, most) = (E::from_f64(self.min_val), E::from_f64(self.max_val));
        if (x > least) & (x < most) { E::ONE } else { E::ZERO }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, _: E) -> E {
        E::ZERO
    }
}

impl Numbered for Hardtanh {
    const START: Self = Hardtanh { min_val: -1.0, max_val: 1.0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("min_val", "the least value", at!(Hardtanh.min_val, Number::Any)),
        Key::new("max_val", "the largest value", at!(Hardtanh.max_val, Number::Any)),
    ];
    const SAMPLES: &'static [Self] = &[Self::START, Hardtanh { min_val: -0.25, max_val: 2.0 }];

    fn check(&self) -> Result<(), (&'static str, String)> {
        let Self { min_val, max_val } = *self;
        if min_val < max_val {
            return Ok(());
        }
        Err(("max_val", format!("is {max_val:?}, and min_val is {min_val:?}; it must be the larger one")))
    }

    fn numbers(self) -> [f64; 2] {
        [self.min_val, self.max_val]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_value_is_below_the_largest() {
        assert_eq!(Hardtanh::START.check(), Ok(()));
        for (min_val, max_val) in [(1.0, -1.0), (0.5, 0.5)] {
            let problem = Hardtanh { min_val, max_val }.check().expect_err("no range");
            assert!(problem.0 == "max_val" && problem.1.contains("the larger one"), "{problem:?}");
        }
    }

    #[test]
    fn derivatives_and_kinks() {
        for &hard in Hardtanh::SAMPLES {
            super::super::check::function(hard, |x| x.clamp(hard.min_val, hard.max_val));
            assert_eq!([hard.min_val, 0.5, hard.max_val].map(|x| hard.slope(x)), [0.0, 1.0, 0.0]);
        }
    }
}
