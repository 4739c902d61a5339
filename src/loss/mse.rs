//! The mean of the squared distances: PyTorch's `MSELoss`.

use super::{Function, Labels, OfReals};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct Mse;

impl Function for Mse {
    const NAME: &'static str = "mse";
    const HELP: &'static str = "the mean over the outputs of (f - y)², as PyTorch's MSELoss; squared_error is C/2 of it";
    const PROBABILITIES: Option<OutputFunction> = None;
    const NUMBER: Option<&'static str> = None;
    const MEAN: bool = true;
    const KINKS: bool = false;
    const LABELS: Labels = Labels::ANY;
    const WGSL: &'static str = "let rest = f - y; return vec2<f32>(rest * rest, 2.0 * rest);";
    const CURVATURE: &'static str = "return 2.0;";
}

impl OfReals for Mse {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E, _: E) -> (E, E) {
        ((f - y) * (f - y), E::from_f64(2.0) * (f - y))
    }

    #[inline(always)]
    fn curvature<E: Element>(_: E, _: E, _: E) -> E {
        E::from_f64(2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<Mse>(|f, y, _| (f - y).powi(2));
    }
}
