//! The probabilities of classes.

use super::{Function, sum_of_exp};
use crate::compute::Element;

pub(crate) struct Softmax;

impl Function for Softmax {
    const PER_OUTPUT: bool = true;
    const HAS_CLASSES: bool = false;
    const LEAST_OUTPUTS: usize = 1;
    const WGSL: &'static str = "
            let all = sum_of_exp(row, NONE);
            let p = precise_exp(output(row, r) - all.x) / all.y;
            // p (1 - p) as the sum of what the others take, so that it keeps its digits where p is near 1.
            var rest = 0.0;
            for (var c = 0u; c < shape.width; c++) {
                let both = p * (precise_exp(output(row, c) - all.x) / all.y);
                if c != r {
                    seeds[seed + c] = -both;
                    rest += both;
                }
            }
            seeds[seed + r] = rest;
            return p;
        ";

    fn values<E: Element>(outputs: &[E], _: usize, values: &mut [E]) {
        let (largest, sum) = sum_of_exp(outputs.iter().copied());
        values.iter_mut().zip(outputs).for_each(|(value, &f)| *value = (f - largest).exp() / sum);
    }

    fn seed<E: Element>(_: &[E], _: usize, values: &[E], which: usize, seed: &mut [E]) {
        // p (1 - p) as the sum of what the others take, so that it keeps its digits where p is near 1.
        let mut rest = E::ZERO;
        for (c, (seed, &p)) in seed.iter_mut().zip(values).enumerate() {
            *seed = -values[which] * p;
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
        check::function::<Softmax>(|f, _, which| f[which].exp() / f.iter().map(|f| f.exp()).sum::<f64>());
    }

    /// What is small keeps its digits where one output is far above the others.
    #[test]
    fn far_from_zero() {
        let small = (-40f64).exp();
        let slope = small / ((1.0 + small) * (1.0 + small));
        let (_, seeds) = check::rows::<Softmax, f64>(&[40.0, 0.0], 0);
        seeds.iter().zip([slope, -slope, -slope, slope]).for_each(|(&got, want)| check::near(got, want));
    }
}
