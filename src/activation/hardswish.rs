//! x times a line from 0 to 1.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Hardswish;

impl Function for Hardswish {
    const NAME: &'static str = "hardswish";
    const HELP: &'static str = "x min(max(x + 3, 0), 6) / 6; the slope at -3 is -1/2, at 3 it is 3/2";
    const DEGREE: Option<usize> = Some(2);
    const WGSL: [&'static str; 3] = [
        "return x * clamp(x + 3.0, 0.0, 6.0) / 6.0;",
        "return select(select(x / 3.0 + 0.5, 1.0, x > 3.0), 0.0, x < -3.0);",
        "return select(0.0, 1.0 / 3.0, x > -3.0 && x < 3.0);",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![-3.0, 3.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        let raised = x + E::from_f64(3.0);
        let positive = if raised > E::ZERO { raised } else { E::ZERO };
        x * (if positive < E::from_f64(6.0) { positive } else { E::from_f64(6.0) }) / E::from_f64(6.0)
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        let (low, high) = (E::from_f64(-3.0), E::from_f64(3.0));
        let inner = if x > high { E::ONE } else { x / high + E::from_f64(0.5) };
        if x < low { E::ZERO } else { inner }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        let side = E::from_f64(3.0);
        if x.abs() < side { E::ONE / side } else { E::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Hardswish, |x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
        assert_eq!([Hardswish.slope(-3.0), Hardswish.slope(3.0)], [-0.5, 1.5]);
    }
}
