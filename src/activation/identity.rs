//! x itself.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Identity;

impl Function for Identity {
    const NAME: &'static str = "identity";
    const HELP: &'static str = "x";
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] = ["return x;", "return 1.0;", "return 0.0;"];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x
    }

    #[inline(always)]
    fn slope<E: Element>(self, _: E) -> E {
        E::ONE
    }

    #[inline(always)]
    fn curvature<E: Element>(self, _: E) -> E {
        E::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Identity, |x| x);
    }
}
