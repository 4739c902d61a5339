//! x between two numbers, each of which may be absent.

use super::{Function, Numbered};
use crate::compute::Element;
use crate::key::{Key, Number, Optional, at};

/// `min(max(x, min), max)`; the slope at both is 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    /// The least value; without it there is none.
    pub min: Option<f64>,
    /// The largest value; without it there is none.
    pub max: Option<f64>,
}

impl Clamp {
    /// Its bounds; those that are absent are infinite.
    fn bounds(self) -> (f64, f64) {
        (self.min.unwrap_or(f64::NEG_INFINITY), self.max.unwrap_or(f64::INFINITY))
    }
}

impl Function for Clamp {
    const NAME: &'static str = "clamp";
    const HELP: &'static str = "min(max(x, min), max); the slope at both is 1";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] =
        ["return min(max(x, a), b);", "return select(0.0, 1.0, x >= a && x <= b);", "return 0.0;"];

    /// None where it is constant.
    fn kinks(self) -> Vec<f64> {
        let (least, most) = self.bounds();
        if least < most { self.min.into_iter().chain(self.max).collect() } else { Vec::new() }
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        let (least, most) = self.bounds();
        let (least, most) = (E::from_f64(least), E::from_f64(most));
        let above = if x > least { x } else { least };
        if above < most { above } else { most }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        let (least, most) = self.bounds();
        if (x >= E::from_f64(least)) & (x <= E::from_f64(most)) { E::ONE } else { E::ZERO }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, _: E) -> E {
        E::ZERO
    }
}

impl Numbered for Clamp {
    const START: Self = Clamp { min: None, max: None };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("min", "the least value; without it there is none", at!(Clamp.min, Optional(Number::Any))),
        Key::new("max", "the largest value; without it there is none", at!(Clamp.max, Optional(Number::Any))),
    ];
    const SAMPLES: &'static [Self] =
        &[Clamp { min: Some(-0.5), max: Some(0.75) }, Clamp { min: None, max: Some(0.25) }, Self::START];

    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    /// WGSL does not promise infinity.
    fn numbers(self) -> [f64; 2] {
        [self.min.unwrap_or(f32::MIN.into()), self.max.unwrap_or(f32::MAX.into())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        for &clamp in Clamp::SAMPLES {
            let (least, most) = clamp.bounds();
            super::super::check::function(clamp, |x| x.clamp(least, most));
            assert!(clamp.kinks().iter().all(|&kink| clamp.slope(kink) == 1.0));
        }
    }
}
