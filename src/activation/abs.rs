//! The absolute value.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Abs;

impl Function for Abs {
    const NAME: &'static str = "abs";
    const HELP: &'static str = "|x|; the slope at 0 is 0";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] = [
        "return abs(x);",
        "return sign(x);",
        "return 0.0;",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x.abs()
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        if x > E::ZERO {
            E::ONE
        } else if x < E::ZERO {
            -E::ONE
        } else {
            E::ZERO
        }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, _: E) -> E {
        E::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Abs, f64::abs);
        assert_eq!(Abs.slope(0.0), 0.0);
    }
}
