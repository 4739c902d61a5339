//! The logistic function.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::sigmoid;

#[derive(Clone, Copy)]
pub(crate) struct Sigmoid;

impl Function for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const HELP: &'static str = "1 / (1 + e^-x)";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return sigmoid(x);",
        "return sigmoid(x) * sigmoid(-x);",
        "return -(sigmoid(x) * sigmoid(-x)) * precise_tanh(0.5 * x);",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        sigmoid(x)
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        sigmoid(x) * sigmoid(-x)
    }

    /// With σ(-x) - σ(x) as a tangent, which keeps its digits near 0.
    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        -(sigmoid(x) * sigmoid(-x)) * (E::from_f64(0.5) * x).tanh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
    }
}
