//! The sine.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Sin;

impl Function for Sin {
    const NAME: &'static str = "sin";
    const HELP: &'static str = "sin x";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] =
        ["return precise_sin(x, 0);", "return precise_sin(x, 1);", "return precise_sin(x, 2);"];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x.sin()
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        x.cos()
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        -x.sin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        // By its series, which 30 terms exhaust on [-8, 8] to some digits beyond the bound.
        let series = |x: f64| {
            let term = |(sum, power): (f64, f64), k: i32| (sum + power, -power * x * x / f64::from(2 * k * (2 * k + 1)));
            (1..30).fold((0.0, x), term).0
        };
        super::super::check::function(Sin, series);
    }
}
