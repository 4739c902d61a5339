//! The output of the row's class.

use super::Function;
use crate::compute::Element;

pub(crate) struct Target;

impl Function for Target {
    const PER_OUTPUT: bool = false;
    const HAS_CLASSES: bool = true;
    const LEAST_OUTPUTS: usize = 1;
    const WGSL: &'static str = "
            let class_ = class_of(row);
            put_only(seed, class_, 1.0);
            return output(row, class_);
        ";

    fn values<E: Element>(outputs: &[E], class: usize, values: &mut [E]) {
        values[0] = outputs[class];
    }

    fn seed<E: Element>(_: &[E], class: usize, _: &[E], _: usize, seed: &mut [E]) {
        seed.fill(E::ZERO);
        seed[class] = E::ONE;
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn values_and_gradients() {
        check::function::<Target>(|f, class, _| f[class]);
    }
}
