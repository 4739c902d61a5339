//! The natural logarithm.

use super::Function;
use crate::compute::Element;

#[derive(Clone, Copy)]
pub(crate) struct Log;

impl Function for Log {
    const NAME: &'static str = "log";
    const HELP: &'static str = "log x; no number below 0";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "return any_log(x);",
        "return 1.0 / x;",
        "let y = 1.0 / x; return -y * y;",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x.ln()
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        E::ONE / x
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        let y = E::ONE / x;
        -y * y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::between(1.0..9.0, Log, f64::ln);
    }
}
