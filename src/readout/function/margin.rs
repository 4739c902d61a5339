//! By how much the row's class leads the others.

use super::{Function, sum_of_exp};
use crate::compute::Element;

pub(crate) struct Margin;

impl Function for Margin {
    const PER_OUTPUT: bool = false;
    const HAS_CLASSES: bool = true;
    const LEAST_OUTPUTS: usize = 2;
    const WGSL: &'static str = "
            let class_ = class_of(row);
            let others = sum_of_exp(row, class_);
            for (var c = 0u; c < shape.width; c++) {
                seeds[seed + c] = select(-precise_exp(output(row, c) - others.x) / others.y, 1.0, c == class_);
            }
            return (output(row, class_) - others.x) - precise_log(others.y);
        ";

    fn values<E: Element>(outputs: &[E], class: usize, values: &mut [E]) {
        let (largest, sum) = sum_of_exp(others(outputs, class));
        values[0] = (outputs[class] - largest) - sum.ln();
    }

    fn seed<E: Element>(outputs: &[E], class: usize, _: &[E], _: usize, seed: &mut [E]) {
        let (largest, sum) = sum_of_exp(others(outputs, class));
        seed.iter_mut().zip(outputs).for_each(|(seed, &f)| *seed = -(f - largest).exp() / sum);
        seed[class] = E::ONE;
    }
}

/// Every output but one.
fn others<E: Element>(outputs: &[E], class: usize) -> impl Iterator<Item = E> + Clone {
    outputs[..class].iter().chain(&outputs[class + 1..]).copied()
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn values_and_gradients() {
        check::function::<Margin>(|f, class, _| f[class] - others(f, class).map(f64::exp).sum::<f64>().ln());
    }

    /// Nothing overflows where one output is far above the others.
    #[test]
    fn far_from_zero() {
        check::near(check::rows::<Margin, f64>(&[-700.0, 800.0, 800.0], 0).0[0], -1500.0 - 2f64.ln());
    }
}
