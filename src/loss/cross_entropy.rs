//! The logarithm of a class's softmax.

use super::{Function, OfClasses};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct CrossEntropy;

impl Function for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const HELP: &'static str = "-log softmax(f)_y of an integer class y";
    const PROBABILITIES: Option<OutputFunction> = Some(OutputFunction::Softmax);
    const WGSL: &'static str = "
            var best = 0u;
            for (var c = 1u; c < shape.width; c++) {
                if output(row, c) > output(row, best) { best = c; }
            }
            let largest = output(row, best);
            var sum = 0.0;
            for (var c = 0u; c < shape.width; c++) { sum += precise_exp(output(row, c) - largest); }
            for (var c = 0u; c < shape.width; c++) {
                let p = precise_exp(output(row, c) - largest) / sum;
                put(row, c, p - select(0.0, 1.0, c == class_));
            }
            let loss = largest - output(row, class_) + precise_log(sum);
            return vec2<f32>(loss, select(0.0, 1.0, best == class_));
        ";
}

impl OfClasses for CrossEntropy {
    fn row<E: Element>(outputs: &[E], class: usize, gradient: &mut [E]) -> (E, bool) {
        let best = (1..outputs.len()).fold(0, |best, c| if outputs[c] > outputs[best] { c } else { best });
        let sum: E = outputs.iter().map(|&f| (f - outputs[best]).exp()).sum();
        for (gradient, &f) in gradient.iter_mut().zip(outputs) {
            *gradient = (f - outputs[best]).exp() / sum;
        }
        gradient[class] += -E::ONE;
        (outputs[best] - outputs[class] + sum.ln(), best == class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_classes::<CrossEntropy>(|f, class| {
            f.iter().map(|f| f.exp()).sum::<f64>().ln() - f[class]
        });
        let hit = |class| CrossEntropy::row(&[1.0, 3.0, 3.0], class, &mut [0.0; 3]).1;
        assert_eq!([hit(0), hit(1), hit(2)], [false, true, false]);
    }
}
