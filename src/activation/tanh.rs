//! The hyperbolic tangent.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Tanh;

impl Function for Tanh {
    const NAME: &'static str = "tanh";
    const HELP: &'static str = "(e^x - e^-x) / (e^x + e^-x)";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return precise_tanh(x);",
        "let y = precise_tanh(x); return (1.0 - y) * (1.0 + y);",
        "let y = precise_tanh(x); return -2.0 * y * ((1.0 - y) * (1.0 + y));",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x.tanh()
    }

    /// 1 - tanh² would lose the digits of small values.
    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        let e = (E::from_f64(-2.0) * x.abs()).exp();
        E::from_f64(4.0) * e / ((E::ONE + e) * (E::ONE + e))
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        E::from_f64(-2.0) * x.tanh() * self.slope(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Tanh, |x| (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()));
    }
}
