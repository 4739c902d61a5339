//! The positive part and a hundredth of the negative one.

use super::Function;
use crate::compute::Element;

pub(crate) struct LeakyRelu;

impl Function for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    const HELP: &'static str = "x above 0, else 0.01 x; the slope at 0 is 0.01";
    const KINKS: &'static [f64] = &[0.0];
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] =
        ["return select(0.01 * x, x, x > 0.0);", "return select(0.01, 1.0, x > 0.0);", "return 0.0;"];

    #[inline(always)]
    fn value<E: Element>(x: E) -> E {
        if x > E::ZERO { x } else { E::from_f64(0.01) * x }
    }

    #[inline(always)]
    fn slope<E: Element>(x: E) -> E {
        if x > E::ZERO { E::ONE } else { E::from_f64(0.01) }
    }

    #[inline(always)]
    fn curvature<E: Element>(_: E) -> E {
        E::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function::<LeakyRelu>(|x| x.max(0.0) + 0.01 * x.min(0.0));
        assert_eq!(LeakyRelu::slope(0.0), 0.01);
    }
}
