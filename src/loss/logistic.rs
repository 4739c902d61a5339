//! The logarithm of each output's own probability.

use super::{Function, Labels, OfReals};
use crate::compute::Element;
use crate::compute::scalar::{sigmoid, softplus};
use crate::readout::OutputFunction;

pub(crate) struct Logistic;

impl Function for Logistic {
    const NAME: &'static str = "logistic";
    const HELP: &'static str = "Σ_c log(1 + e^f) - y f of reals from 0 to 1, one an output; with `pos_weight` p, p y log(1 + e^-f) + (1 - y) log(1 + e^f)";
    const PROBABILITIES: Option<OutputFunction> = Some(OutputFunction::Sigmoid);
    const NUMBER: Option<&'static str> = Some("pos_weight");
    const MEAN: bool = false;
    const KINKS: bool = false;
    const LABELS: Labels = Labels {
        least: 0.0,
        most: 1.0,
        remedy: "labels are 0 or 1, or a probability between; labels -1 and 1 become 0 and 1 by (y + 1) / 2, and 0 and 255 by y / 255",
    };
    const WGSL: &'static str = "
            let both = 1.0 + (number - 1.0) * y;
            let up = number * y;
            return vec2<f32>(both * softplus(f) - up * f, both * sigmoid(f) - up);
        ";
    const CURVATURE: &'static str = "return (1.0 + (number - 1.0) * y) * sigmoid(f) * sigmoid(-f);";
}

impl OfReals for Logistic {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E, number: E) -> (E, E) {
        // p y log(1 + e^-f) + (1 - y) log(1 + e^f), where log(1 + e^-f) is log(1 + e^f) - f.
        let (both, up) = (E::ONE + (number - E::ONE) * y, number * y);
        (both * softplus(f) - up * f, both * sigmoid(f) - up)
    }

    #[inline(always)]
    fn curvature<E: Element>(f: E, y: E, number: E) -> E {
        (E::ONE + (number - E::ONE) * y) * sigmoid(f) * sigmoid(-f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<Logistic>(|f, y, p| p * y * (1.0 + (-f).exp()).ln() + (1.0 - y) * (1.0 + f.exp()).ln());
    }
}
