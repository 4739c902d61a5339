//! Each output's own probability.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::sigmoid;

pub(crate) struct Sigmoid;

impl Function for Sigmoid {
    const PER_OUTPUT: bool = true;
    const HAS_CLASSES: bool = false;
    const LEAST_OUTPUTS: usize = 1;
    const WGSL: &'static str = "
            let f = output(row, r);
            let p = sigmoid(f);
            put_only(seed, r, p * sigmoid(-f));
            return p;
        ";

    fn values<E: Element>(outputs: &[E], _: usize, values: &mut [E]) {
        values.iter_mut().zip(outputs).for_each(|(value, &f)| *value = sigmoid(f));
    }

    fn seed<E: Element>(outputs: &[E], _: usize, values: &[E], which: usize, seed: &mut [E]) {
        seed.fill(E::ZERO);
        seed[which] = values[which] * sigmoid(-outputs[which]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn values_and_gradients() {
        check::function::<Sigmoid>(|f, _, which| 1.0 / (1.0 + (-f[which]).exp()));
    }

    /// What is small keeps its digits.
    #[test]
    fn far_from_zero() {
        let small = (-40f64).exp();
        check::near(check::rows::<Sigmoid, f64>(&[40.0], 0).1[0], small / ((1.0 + small) * (1.0 + small)));
    }
}
