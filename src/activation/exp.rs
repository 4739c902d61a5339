//! The exponential.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Exp;

impl Function for Exp {
    const NAME: &'static str = "exp";
    const HELP: &'static str = "e^x";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return precise_exp(x);",
        "return precise_exp(x);",
        "return precise_exp(x);",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x.exp()
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        x.exp()
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        x.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Exp, f64::exp);
    }
}
