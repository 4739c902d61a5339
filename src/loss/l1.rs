//! The mean of the distances: PyTorch's `L1Loss`.

use super::{Function, Labels, OfReals};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct L1;

impl Function for L1 {
    const NAME: &'static str = "l1";
    const HELP: &'static str = "the mean over the outputs of |f - y|, as PyTorch's L1Loss";
    const PROBABILITIES: Option<OutputFunction> = None;
    const NUMBER: Option<&'static str> = None;
    const MEAN: bool = true;
    const KINKS: bool = true;
    const LABELS: Labels = Labels::ANY;
    const WGSL: &'static str = "return vec2<f32>(abs(f - y), sign(f - y));";
    const CURVATURE: &'static str = "return 0.0;";
}

impl OfReals for L1 {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E, _: E) -> (E, E) {
        // The derivative where they meet is 0, as in PyTorch.
        let slope = if f > y {
            E::ONE
        } else if f < y {
            -E::ONE
        } else {
            E::ZERO
        };
        ((f - y).abs(), slope)
    }

    #[inline(always)]
    fn curvature<E: Element>(_: E, _: E, _: E) -> E {
        E::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<L1>(|f, y, _| (f - y).abs());
        assert_eq!(L1::one(0.5, 0.5, 1.0), (0.0, 0.0));
    }
}
