//! x itself.

use super::Function;
use crate::compute::Element;

pub(crate) struct Identity;

impl Function for Identity {
    const NAME: &'static str = "identity";
    const HELP: &'static str = "x";
    const KINKS: &'static [f64] = &[];
    const DEGREE: Option<usize> = Some(1);
    const WGSL: [&'static str; 3] = ["return x;", "return 1.0;", "return 0.0;"];

    #[inline(always)]
    fn value<E: Element>(x: E) -> E {
        x
    }

    #[inline(always)]
    fn slope<E: Element>(_: E) -> E {
        E::ONE
    }

    #[inline(always)]
    fn curvature<E: Element>(_: E) -> E {
        E::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function::<Identity>(|x| x);
    }
}
