//! The positive part.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Function for Relu {
    const NAME: &'static str = "relu";
    const HELP: &'static str = "max(x, 0); the slope at 0 is 0";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] = ["return max(x, 0.0);", "return select(0.0, 1.0, x > 0.0);", "return 0.0;"];

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        if x > E::ZERO { x } else { E::ZERO }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        if x > E::ZERO { E::ONE } else { E::ZERO }
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
        super::super::check::function(Relu, |x| x.max(0.0));
        assert_eq!(Relu.slope(0.0), 0.0);
    }
}
