//! The logarithm of each output's own probability.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::{sigmoid, softplus};

pub(crate) struct LogSigmoid;

impl Function for LogSigmoid {
    const PER_OUTPUT: bool = true;
    const HAS_CLASSES: bool = false;
    const LEAST_OUTPUTS: usize = 1;
    const WGSL: &'static str = "
            let f = output(row, r);
            put_only(seed, r, sigmoid(-f));
            return -softplus(-f);
        ";

    fn values<E: Element>(outputs: &[E], _: usize, values: &mut [E]) {
        values.iter_mut().zip(outputs).for_each(|(value, &f)| *value = -softplus(-f));
    }

    fn seed<E: Element>(outputs: &[E], _: usize, _: &[E], which: usize, seed: &mut [E]) {
        seed.fill(E::ZERO);
        seed[which] = sigmoid(-outputs[which]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn values_and_gradients() {
        check::function::<LogSigmoid>(|f, _, which| -(1.0 + (-f[which]).exp()).ln());
    }

    /// What is small keeps its digits.
    #[test]
    fn far_from_zero() {
        check::near(check::rows::<LogSigmoid, f64>(&[40.0], 0).0[0], -(-40f64).exp());
        check::near(check::rows::<LogSigmoid, f64>(&[-800.0], 0).0[0], -800.0);
    }
}
