//! x times the normal distribution function at x.

use super::{Function, Numbered};
use crate::compute::Element;
use crate::compute::scalar::{normal_cdf, normal_density, sigmoid};
use crate::key::{Key, Word, Words, at};

/// x times the normal distribution function at x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gelu {
    /// How that function is computed.
    pub approximate: Approximate,
}

/// How the normal distribution function is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approximate {
    /// As it is.
    None,
    /// By a tangent.
    Tanh,
}

impl Word for Approximate {
    fn all() -> Vec<Self> {
        vec![Approximate::None, Approximate::Tanh]
    }

    fn word(self) -> &'static str {
        match self {
            Approximate::None => "none",
            Approximate::Tanh => "tanh",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Approximate::None => "with erf",
            Approximate::Tanh => "x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2",
        }
    }
}

impl Function for Gelu {
    const NAME: &'static str = "gelu";
    const HELP: &'static str = "x (1 + erf(x / √2)) / 2";
    const DEGREE: Option<usize> = None;
    const WGSL: [&'static str; 3] = [
        "if a != 0.0 { return x * sigmoid(x * (1.5957691 + 0.071354814 * x * x)); } \
         return x * (0.5 * (1.0 + precise_erf(x * 0.70710678)));",
        "if a != 0.0 { \
             let u = x * (1.5957691 + 0.071354814 * x * x); \
             return sigmoid(u) * (1.0 + x * sigmoid(-u) * (1.5957691 + 0.21406444 * x * x)); \
         } \
         return 0.5 * (1.0 + precise_erf(x * 0.70710678)) + x * precise_exp(-0.5 * x * x) * 0.39894228;",
        "if a != 0.0 { \
             let u = x * (1.5957691 + 0.071354814 * x * x); \
             let v = 1.5957691 + 0.21406444 * x * x; \
             return sigmoid(u) * sigmoid(-u) * (2.0 * v + x * (0.42812888 * x - precise_tanh(0.5 * u) * v * v)); \
         } \
         return precise_exp(-0.5 * x * x) * 0.39894228 * (2.0 - x * x);",
    ];

    fn kinks(self) -> Vec<f64> {
        vec![]
    }

    #[inline(always)]
    fn value<E: Element>(self, x: E) -> E {
        match self.approximate {
            Approximate::None => x * normal_cdf(x),
            Approximate::Tanh => x * sigmoid(tangent(x)),
        }
    }

    #[inline(always)]
    fn slope<E: Element>(self, x: E) -> E {
        match self.approximate {
            Approximate::None => normal_cdf(x) + x * normal_density(x),
            Approximate::Tanh => {
                let u = tangent(x);
                sigmoid(u) * (E::ONE + x * sigmoid(-u) * tangent_slope(x))
            }
        }
    }

    #[inline(always)]
    fn curvature<E: Element>(self, x: E) -> E {
        let two = E::from_f64(2.0);
        match self.approximate {
            Approximate::None => normal_density(x) * (two - x * x),
            Approximate::Tanh => {
                let (u, v) = (tangent(x), tangent_slope(x));
                let turn = E::from_f64(6.0 * CUBIC) * x - (E::from_f64(0.5) * u).tanh() * v * v;
                sigmoid(u) * sigmoid(-u) * (two * v + x * turn)
            }
        }
    }
}

/// 2 √(2/π).
const LINEAR: f64 = 1.595_769_121_605_730_8;
/// The same times 0.044715.
const CUBIC: f64 = 0.071_354_816_272_600_25;

/// Twice what the tangent is taken of: half of 1 plus the tangent is the logistic function of it.
#[inline(always)]
fn tangent<E: Element>(x: E) -> E {
    x * (E::from_f64(LINEAR) + E::from_f64(CUBIC) * x * x)
}

/// Its derivative.
#[inline(always)]
fn tangent_slope<E: Element>(x: E) -> E {
    E::from_f64(LINEAR) + E::from_f64(3.0 * CUBIC) * x * x
}

impl Numbered for Gelu {
    const START: Self = Gelu { approximate: Approximate::None };
    const KEYS: &'static [Key<Self>] =
        &[Key::new("approximate", "how it is computed", at!(Gelu.approximate, Words))];
    const SAMPLES: &'static [Self] = &[Self::START, Gelu { approximate: Approximate::Tanh }];

    fn check(&self) -> Result<(), (&'static str, String)> {
        Ok(())
    }

    fn numbers(self) -> [f64; 2] {
        [f64::from(u8::from(self.approximate == Approximate::Tanh)), 0.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_and_kinks() {
        let exact = |x: f64| 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2));
        super::super::check::function(Gelu::START, exact);
        let root = (2.0 / std::f64::consts::PI).sqrt();
        let near = |x: f64| 0.5 * x * (1.0 + (root * (x + 0.044715 * x.powi(3))).tanh());
        super::super::check::function(Gelu { approximate: Approximate::Tanh }, near);
    }
}
