//! The logarithm of a class's softmax.

use super::{Function, Labels, OfClasses};
use crate::compute::Element;
use crate::readout::OutputFunction;

pub(crate) struct CrossEntropy;

impl Function for CrossEntropy {
    const NAME: &'static str = "cross_entropy";
    const HELP: &'static str = "-log softmax(f)_y of an integer class y, or -Σ_c y_c log softmax(f)_c of probabilities";
    const PROBABILITIES: Option<OutputFunction> = Some(OutputFunction::Softmax);
    const NUMBER: Option<&'static str> = Some("class_weights");
    const MEAN: bool = false;
    const KINKS: bool = false;
    const LABELS: Labels = Labels {
        least: 0.0,
        most: 1.0,
        remedy: "targets of reals are the probabilities of the classes; give integers where they are classes",
    };
    const WGSL: &'static str = "
            var best = 0u;
            for (var c = 1u; c < shape.width; c++) {
                if output(row, c) > output(row, best) { best = c; }
            }
            let largest = output(row, best);
            var sum = 0.0;
            for (var c = 0u; c < shape.width; c++) { sum += precise_exp(output(row, c) - largest); }
            let log_sum = precise_log(sum);
            var all = 0.0;
            var loss = 0.0;
            for (var c = 0u; c < shape.width; c++) {
                let term = aim(target_, c);
                all += term;
                if term != 0.0 { loss += term * (largest - output(row, c) + log_sum); }
            }
            for (var c = 0u; c < shape.width; c++) {
                let p = precise_exp(output(row, c) - largest) / sum;
                put(row, c, all * p - aim(target_, c));
            }
            return vec2<f32>(loss, f32(best));
        ";
    const CURVATURE: &'static str = "
            var largest = output(row, 0u);
            for (var c = 1u; c < shape.width; c++) { largest = max(largest, output(row, c)); }
            var sum = 0.0;
            var all = 0.0;
            var mean = 0.0;
            for (var c = 0u; c < shape.width; c++) {
                let e = precise_exp(output(row, c) - largest);
                sum += e;
                all += aim(target_, c);
                mean += e * along(row, c);
            }
            mean /= sum;
            for (var c = 0u; c < shape.width; c++) {
                let p = precise_exp(output(row, c) - largest) / sum;
                put(row, c, all * p * (along(row, c) - mean));
            }
        ";
}

impl OfClasses for CrossEntropy {
    fn row<E: Element>(outputs: &[E], aim: impl Fn(usize) -> E, gradient: &mut [E]) -> (E, usize) {
        let best = (1..outputs.len()).fold(0, |best, c| if outputs[c] > outputs[best] { c } else { best });
        for (gradient, &f) in gradient.iter_mut().zip(outputs) {
            *gradient = (f - outputs[best]).exp();
        }
        let sum: E = gradient.iter().copied().sum();
        let (log_sum, all): (E, E) = (sum.ln(), (0..outputs.len()).map(&aim).sum());
        let mut loss = E::ZERO;
        for (c, (gradient, &f)) in gradient.iter_mut().zip(outputs).enumerate() {
            let term = aim(c);
            if term != E::ZERO {
                loss += term * (outputs[best] - f + log_sum);
            }
            *gradient = all * (*gradient / sum) - term;
        }
        (loss, best)
    }

    fn curvature<E: Element>(outputs: &[E], aim: impl Fn(usize) -> E, along: &[E], change: &mut [E]) {
        let largest = outputs.iter().fold(outputs[0], |largest, &f| if f > largest { f } else { largest });
        for (change, &f) in change.iter_mut().zip(outputs) {
            *change = (f - largest).exp();
        }
        let (sum, all): (E, E) = (change.iter().copied().sum(), (0..outputs.len()).map(aim).sum());
        let mean = change.iter().zip(along).map(|(&e, &along)| e * along).sum::<E>() / sum;
        for (change, &along) in change.iter_mut().zip(along) {
            *change = all * (*change / sum) * (along - mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_gradient() {
        super::super::check::of_classes::<CrossEntropy>(|f, aim| {
            let log_sum = f.iter().map(|f| f.exp()).sum::<f64>().ln();
            f.iter().zip(aim).map(|(f, aim)| aim * (log_sum - f)).sum()
        });
        let read = |outputs: [f64; 3]| CrossEntropy::row(&outputs, |_| 1.0, &mut [0.0; 3]).1;
        assert_eq!([read([1.0, 3.0, 3.0]), read([2.0, 2.0, 2.0])], [1, 0]);
    }
}
