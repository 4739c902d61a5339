//! x times the tangent of its smooth positive part.

use super::Function;
use crate::compute::Element;
use crate::compute::scalar::sigmoid;

#[derive(Clone, Copy)]
pub(crate) struct Mish;

impl Function for Mish {
    const NAME: &'static str = "mish";
    const HELP: &'static str = "x tanh(log(1 + e^x))";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "let w = sigmoid(-x); return x * (sigmoid(x) * (1.0 + w) / (1.0 + w * w));",
        "let s = sigmoid(x); let w = sigmoid(-x); let q = 1.0 + w * w; return s * (1.0 + w) / q + x * (4.0 * s * w * w / (q * q));",
        "let s = sigmoid(x); let w = sigmoid(-x); let q = 1.0 + w * w; return 4.0 * s * w * w / (q * q) * (2.0 + x * (w - 2.0 * s * s * (1.0 + w) / q));",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        x * tangent(x)
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        tangent(x) + x * tangent_slope(x)
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        let (s, w) = (sigmoid(x), sigmoid(-x));
        let two = E::from_f64(2.0);
        tangent_slope(x) * (two + x * (w - two * s * tangent(x)))
    }
}

/// tanh(log(1 + eˣ)) by w = σ(-x): (1 - w²) / (1 + w²), where 1 - w is σ(x).
#[inline(always)]
fn tangent<E: Element>(x: E) -> E {
    let (s, w) = (sigmoid(x), sigmoid(-x));
    s * (E::ONE + w) / (E::ONE + w * w)
}

/// Its derivative.
#[inline(always)]
fn tangent_slope<E: Element>(x: E) -> E {
    let (s, w) = (sigmoid(x), sigmoid(-x));
    let whole = E::ONE + w * w;
    E::from_f64(4.0) * s * w * w / (whole * whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        super::super::check::function(Mish, |x| x * (1.0 + x.exp()).ln().tanh());
    }
}
