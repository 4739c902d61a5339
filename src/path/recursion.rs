//! The recursion backwards in time that turns φ of each step into what multiplies the examples' gradients.

use crate::optimizer::{Adam, Optimizer, Sgd};

/// One step of the recursion: first `ψ = keep ψ + add D φ`, D being Adam's preconditioner or 1; then the attribution of the
/// step is `-gradient ψ · g`, or with Nesterov's momentum `-gradient (add φ + ahead ψ) · g`.
///
/// Each follows from the optimizer's step as a sum over past gradients, with the order of the sums exchanged
/// (docs/theory.md).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Recursion {
    pub keep: f64,
    pub add: f64,
    pub gradient: f64,
    pub ahead: Option<f64>,
}

impl Recursion {
    /// Of step `number` of an optimizer, at a learning rate, whose gradient was clipped by a factor.
    pub fn new(optimizer: &Optimizer, number: usize, rate: f64, clip: f64) -> Self {
        match *optimizer {
            Optimizer::Sgd(Sgd { momentum: 0.0, .. }) => {
                Self { keep: 0.0, add: 1.0, gradient: rate * clip, ahead: None }
            }
            Optimizer::Sgd(Sgd { momentum, dampening, nesterov, .. }) => {
                // The first gradient is not dampened.
                let taken = if number == 0 { 1.0 } else { 1.0 - dampening };
                let ahead = nesterov.then_some(momentum);
                Self { keep: momentum, add: rate, gradient: taken * clip, ahead }
            }
            Optimizer::Adam(Adam { betas: [beta, _], .. }) => {
                let bias = 1.0 - beta.powf((number + 1) as f64);
                Self { keep: beta, add: rate * (1.0 - beta) / bias, gradient: clip, ahead: None }
            }
            Optimizer::Flow(_) => Self { keep: 0.0, add: 1.0, gradient: rate, ahead: None },
        }
    }
}
