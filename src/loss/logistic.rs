//! The logarithm of each output's own probability.

use super::{Function, OfReals};
use crate::compute::Element;
use crate::compute::scalar::{sigmoid, softplus};
use crate::readout::OutputFunction;

pub(crate) struct Logistic;

impl Function for Logistic {
    const NAME: &'static str = "logistic";
    const HELP: &'static str = "Σ_c log(1 + e^f) - y f of reals, one an output";
    const PROBABILITIES: Option<OutputFunction> = Some(OutputFunction::Sigmoid);
    const WGSL: &'static str = "return vec2<f32>(softplus(f) - y * f, sigmoid(f) - y);";
}

impl OfReals for Logistic {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E) -> (E, E) {
        (softplus(f) - y * f, sigmoid(f) - y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<Logistic>(|f, y| (1.0 + f.exp()).ln() - y * f);
    }
}
