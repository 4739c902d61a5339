//! x times its sigmoid.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::sigmoid;

#[derive(Clone, Copy)]
pub(crate) struct Silu;

impl Function for Silu {
    const NAME: &'static str = "silu";
    const HELP: &'static str = "x / (1 + e^-x)";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return x * sigmoid(x);",
        "return sigmoid(x) * (1.0 + x * sigmoid(-x));",
        "return sigmoid(x) * sigmoid(-x) * (2.0 - x * precise_tanh(0.5 * x));",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x * sigmoid(x)
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        sigmoid(x) * (E::ONE + x * sigmoid(-x))
    }

    /// σσ̄ (2 + x (σ̄ - σ)), with the difference as a tangent.
    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        sigmoid(x) * sigmoid(-x) * (E::from_f64(2.0) - x * (E::from_f64(0.5) * x).tanh())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Silu, |x| x / (1.0 + (-x).exp()));
    }
}
