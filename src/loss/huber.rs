//! Quadratic near the target and linear far from it: PyTorch's `HuberLoss`.

use super::{Function, Labels, OfReals};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct Huber;

impl Function for Huber {
    const NAME: &'static str = "huber";
    const HELP: &'static str =
        "the mean over the outputs of ½ (f - y)² where |f - y| is at most `delta` δ, and of δ (|f - y| - δ/2) elsewhere";
    const PROBABILITIES: Option<OutputFunction> = None;
    const NUMBER: Option<&'static str> = Some("delta");
    const MEAN: bool = true;
    const KINKS: bool = true;
    const LABELS: Labels = Labels::ANY;
    const WGSL: &'static str = "
            let rest = f - y;
            if abs(rest) <= number { return vec2<f32>(0.5 * rest * rest, rest); }
            return vec2<f32>(number * (abs(rest) - 0.5 * number), select(-number, number, rest > 0.0));
        ";
    const CURVATURE: &'static str = "return select(0.0, 1.0, abs(f - y) <= number);";
}

impl OfReals for Huber {
    #[inline(always)]
    fn one<E: Element>(f: E, y: E, number: E) -> (E, E) {
        let (rest, half) = (f - y, E::from_f64(0.5));
        if rest.abs() <= number {
            (half * rest * rest, rest)
        } else {
            (number * (rest.abs() - half * number), if rest > E::ZERO { number } else { -number })
        }
    }

    #[inline(always)]
    fn curvature<E: Element>(f: E, y: E, number: E) -> E {
        if (f - y).abs() <= number { E::ONE } else { E::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_reals::<Huber>(|f, y, delta| {
            let rest = (f - y).abs();
            if rest <= delta { 0.5 * rest.powi(2) } else { delta * (rest - 0.5 * delta) }
        });
    }
}
