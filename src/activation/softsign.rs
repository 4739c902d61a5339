//! The sign, softly.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Softsign;

impl Function for Softsign {
    const NAME: &'static str = "softsign";
    const HELP: &'static str = "x / (1 + |x|)";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return x / (1.0 + abs(x));",
        "let y = 1.0 / (1.0 + abs(x)); return y * y;",
        "let y = 1.0 / (1.0 + abs(x)); return -2.0 * sign(x) * y * y * y;",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x / (E::ONE + x.abs())
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        let y = E::ONE / (E::ONE + x.abs());
        y * y
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        let y = E::ONE / (E::ONE + x.abs());
        let cube = E::from_f64(2.0) * y * y * y;
        if x > E::ZERO {
            -cube
        } else if x < E::ZERO {
            cube
        } else {
            E::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Softsign, |x| x / (1.0 + x.abs()));
    }
}
