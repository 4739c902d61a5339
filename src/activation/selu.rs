//! `elu` scaled so that layers keep a mean of 0 and a variance of 1.

use super::{Elu, Function};
use crate::compute::Element;

const ALPHA: f64 = 1.673_263_242_354_377_2;
const SCALE: f64 = 1.050_700_987_355_480_5;

#[derive(Clone, Copy)]
pub(crate) struct Selu;

impl Function for Selu {
    const NAME: &'static str = "selu";
    const HELP: &'static str = "1.0507 x above 0, else 1.7581 (e^x - 1); the slope at 0 is 1.7581";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return select(1.7580993 * precise_expm1(x), 1.0507010 * x, x > 0.0);",
        "return select(1.7580993 * precise_exp(x), 1.0507010, x > 0.0);",
        "return select(1.7580993 * precise_exp(x), 0.0, x > 0.0);",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![0.0]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        E::from_f64(SCALE) * Elu { alpha: ALPHA }.value(x)
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        E::from_f64(SCALE) * Elu { alpha: ALPHA }.slope(x)
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        E::from_f64(SCALE) * Elu { alpha: ALPHA }.curvature(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Selu, |x| SCALE * (x.max(0.0) + ALPHA * (x.min(0.0).exp() - 1.0)));
    }
}
