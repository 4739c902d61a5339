//! The positive part, up to 6.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Relu6;

impl Function for Relu6 {
    const NAME: &'static str = "relu6";
    const HELP: &'static str = "min(max(x, 0), 6); the slope at 0 and at 6 is 0";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] =
        ["return clamp(x, 0.0, 6.0);", "return select(0.0, 1.0, x > 0.0 && x < 6.0);", "return 0.0;"];

    fn kinks(self) -> Vec<f64> {
        vec![0.0, 6.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        let positive = if x > E::ZERO { x } else { E::ZERO };
        if positive < E::from_f64(6.0) { positive } else { E::from_f64(6.0) }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        if (x > E::ZERO) & (x < E::from_f64(6.0)) { E::ONE } else { E::ZERO }
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
        super::super::check::function(Relu6, |x| x.clamp(0.0, 6.0));
        assert_eq!([Relu6.slope(0.0), Relu6.slope(3.0), Relu6.slope(6.0)], [0.0, 1.0, 0.0]);
    }
}
