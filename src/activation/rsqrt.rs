//! One over the square root.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Rsqrt;

impl Function for Rsqrt {
    const NAME: &'static str = "rsqrt";
    const HELP: &'static str = "1 / √x; no number below 0";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return any_rsqrt(x);",
        "let y = any_rsqrt(x); return -0.5 * y / x;",
        "let y = any_rsqrt(x); return 0.75 * y / x / x;",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        E::ONE / x.sqrt()
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        E::from_f64(-0.5) / x.sqrt() / x
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        E::from_f64(0.75) / x.sqrt() / x / x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::between(1.0..9.0, Rsqrt, |x| x.powf(-0.5));
    }
}
