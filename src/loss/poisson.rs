//! Counts whose rate is e^f.

use super::{Function, Labels, OfReals};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct Poisson;

impl Function for Poisson {
    const NAME: &'static str = "poisson";
    const HELP: &'static str = "Σ_c e^f - y f of reals, one an output";
    const PROBABILITIES: Option<OutputFunction> = None;
    const NUMBER: Option<&'static str> = None;
    const MEAN: bool = false;
    const KINKS: bool = false;
    const LABELS: Labels = Labels { least: 0.0, most: f64::INFINITY, remedy: "counts are not negative; remove or correct these examples" };
    const WGSL: &'static str = "let e = precise_exp(f); return vec2<f32>(e - y * f, e - y);";
    const CURVATURE: &'static str = "return precise_exp(f);";
}

impl OfReals for Poisson {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E, _: E) -> (E, E) {
        (f.exp() - y * f, f.exp() - y)
    }

    #[inline(always)]
    fn curvature<E: Element>(f: E, _: E, _: E) -> E {
        f.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<Poisson>(|f, y, _| f.exp() - y * f);
    }
}
