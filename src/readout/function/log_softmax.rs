//! The logarithms of the probabilities of classes.

use super::{Function, sum_of_exp};
use crate::compute::Element;

pub(crate) struct LogSoftmax;

impl Function for LogSoftmax {
    const PER_OUTPUT: bool = true;
    const HAS_CLASSES: bool = false;
    const LEAST_OUTPUTS: usize = 1;
    const WGSL: &'static str = "
            let all = sum_of_exp(row, NONE);
            // 1 - p as the sum of the others, so that it keeps its digits where p is near 1.
            var rest = 0.0;
            for (var c = 0u; c < shape.width; c++) {
                let p = precise_exp(output(row, c) - all.x) / all.y;
                if c != r {
                    seeds[seed + c] = -p;
                    rest += p;
                }
            }
            seeds[seed + r] = rest;
            return (output(row, r) - all.x) - precise_log(all.y);
        ";

    fn values<E: Element>(outputs: &[E], _: usize, values: &mut [E]) {
        let (largest, sum) = sum_of_exp(outputs.iter().copied());
        values.iter_mut().zip(outputs).for_each(|(value, &f)| *value = (f - largest) - sum.ln());
    }

    fn seed<E: Element>(_: &[E], _: usize, values: &[E], which: usize, seed: &mut [E]) {
        // 1 - p as the sum of the others, so that it keeps its digits where p is near 1.
        let mut rest = E::ZERO;
        for (c, (seed, &value)) in seed.iter_mut().zip(values).enumerate() {
            *seed = -value.exp();
            if c != which {
                rest += -*seed;
            }
        }
        seed[which] = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn values_and_gradients() {
        check::function::<LogSoftmax>(|f, _, which| f[which] - f.iter().map(|f| f.exp()).sum::<f64>().ln());
    }

    /// What is small keeps its digits where one output is far above the others.
    #[test]
    fn far_from_zero() {
        let small = (-40f64).exp();
        let p = small / (1.0 + small);
        let (values, seeds) = check::rows::<LogSoftmax, f64>(&[40.0, 0.0], 0);
        check::near(values[1], -40.0);
        seeds.iter().zip([p, -p, -1.0, 1.0]).for_each(|(&got, want)| check::near(got, want));
    }
}
