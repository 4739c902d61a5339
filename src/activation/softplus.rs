//! The smooth positive part.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::{sigmoid, softplus};

#[derive(Clone, Copy)]
pub(crate) struct Softplus;

impl Function for Softplus {
    const NAME: &'static str = "softplus";
    const HELP: &'static str = "log(1 + e^x)";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] =
        ["return softplus(x);", "return sigmoid(x);", "return sigmoid(x) * sigmoid(-x);"];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        softplus(x)
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        sigmoid(x)
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        sigmoid(x) * sigmoid(-x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Softplus, |x| (1.0 + x.exp()).ln());
    }
}
