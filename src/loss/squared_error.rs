//! Half the squared distance.

use super::{Function, Labels, OfReals};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct SquaredError;

impl Function for SquaredError {
    const NAME: &'static str = "squared_error";
    const HELP: &'static str = "½ Σ_c (f - y)² of reals, one an output";
    const PROBABILITIES: Option<OutputFunction> = None;
    const NUMBER: Option<&'static str> = None;
    const MEAN: bool = false;
    const KINKS: bool = false;
    const LABELS: Labels = Labels::ANY;
    const WGSL: &'static str = "let slope = f - y; return vec2<f32>(0.5 * slope * slope, slope);";
    const CURVATURE: &'static str = "return 1.0;";
}

impl OfReals for SquaredError {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E, _: E) -> (E, E) {
        (E::from_f64(0.5) * (f - y) * (f - y), f - y)
    }

    #[inline(always)]
    fn curvature<E: Element>(_: E, _: E, _: E) -> E {
        E::ONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<SquaredError>(|f, y, _| 0.5 * (f - y).powi(2));
    }
}
