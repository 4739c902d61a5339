//! Lion: steps by the sign of a mean of gradients.

use super::vectors::wrong_memory;
use super::{Adjoint, Carry, Decay, Given, Made, Meets, Memory, Motion, Passed, Past, Recursion, Say, Update, Vectors};
use crate::compute::op::{Reciprocal, SizeOf};
use crate::compute::{Backend, BackendError, Result};
use crate::key::{Key, Number, Pair, at};

/// Lion (X. Chen et al., 2023): `c = β1 m + (1 - β1) g`, `w ← w - ε (sign c + λ w)`, `m ← β2 m + (1 - β2) g`. The sign is
/// `c / |c|`: its preconditioner is `1 / |c|`, and 0 where c is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lion {
    /// ε.
    pub learning_rate: f64,
    /// β1, β2.
    pub betas: [f64; 2],
    /// λ.
    pub weight_decay: f64,
}

/// m.
const MOMENTUM: &str = "momentum";

impl Update for Lion {
    const TYPES: &'static [(&'static str, &'static str, Self)] = &[(
        "lion",
        "Lion: the sign of a mean of gradients, with weight decay by itself",
        Self { learning_rate: 0.0, betas: [0.9, 0.99], weight_decay: 0.0 },
    )];

    const KEYS: &'static [Key<Self>] = &[
        Key::required("learning_rate", "ε, before any schedule", at!(Lion.learning_rate, Number::AboveZero)),
        Key::new(
            "betas",
            "β1, β2: how much of the mean of gradients a step takes, and how much of it is left after one",
            at!(Lion.betas, Pair(Number::BelowOne)),
        ),
        Key::new(
            "weight_decay",
            "λ, how much of the weights, times the rate, is taken off them",
            at!(Lion.weight_decay, Number::NotNegative),
        ),
    ];

    const THEIRS: &'static [(&'static str, &'static str)] = &[(MOMENTUM, "exp_avg")];

    const COUNTS: bool = false;

    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "lion"
    }

    fn words(&self, say: &Say<'_>) -> String {
        let Self { learning_rate, betas, weight_decay } = *self;
        format!("Lion with {}{}", say.betas(betas), say.rate_and_decay(learning_rate, weight_decay))
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn motion(&self) -> Motion {
        Motion::Steps
    }

    fn keeps(&self) -> Vec<&'static str> {
        vec![MOMENTUM]
    }

    fn past(&self) -> Past {
        Past::Preconditioned { apart: true, of_sums: true }
    }

    fn carry(&self, _: usize, rate: f64) -> Option<Carry> {
        let [first, keep] = self.betas;
        Some(Carry { vector: MOMENTUM, keep, part: -rate * first, preconditioned: true })
    }

    fn decay(&self, rate: f64) -> Decay {
        if self.weight_decay == 0.0 { Decay::Absent } else { Decay::OfWeights(-rate * self.weight_decay) }
    }

    /// ψ is `1 - β2` of the derivative by m, into which a step's gradient enters after the step has been made.
    fn recursion(&self, _: &Self, _: usize, rate: f64, clip: f64) -> Recursion {
        let [first, second] = self.betas;
        let meets = Meets::Behind { into: first / (1.0 - first), share: 1.0 - second };
        Recursion { keep: second, add: rate * (1.0 - first), gradient: clip, meets }
    }

    fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>> {
        let Given { rate, weights, gradient, .. } = given;
        let [first, second] = self.betas;
        let [Some(momentum)] = memory.named([MOMENTUM]) else { return Err(wrong_memory("lion")) };
        let mut mean = vectors.copy(momentum)?;
        vectors.blend(&mut mean, first, 1.0 - first, &gradient)?;
        let size = Reciprocal { size: SizeOf::Absolute, correction: 1.0, eps: 0.0 };
        let preconditioner = vectors.reciprocal(&size, &mean)?;
        let mut next = vectors.copy(weights)?;
        vectors.scale(&mut next, 1.0 - rate * self.weight_decay)?;
        vectors.add(&mut next, -rate, &vectors.product(&mean, &preconditioner)?)?;
        vectors.blend(momentum, second, 1.0 - second, &gradient)?;
        Ok(Made { next, preconditioner: Some(preconditioner), decay: None })
    }

    fn no_derivative(&self) -> Option<&'static str> {
        Some("moves every weight by the sign of a mean of gradients, whose derivative is 0 wherever there is one")
    }

    fn looks_back(&self) -> bool {
        false
    }

    fn back<B: Backend>(&self, _: &Vectors<'_, B>, _: &Passed<'_, B>, _: &mut Adjoint<B>) -> Result<B::Buffer> {
        Err(BackendError::Invalid("the steps of Lion have no derivative to go back by".into()))
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let plain = Self { learning_rate: 0.1, betas: [0.9, 0.99], weight_decay: 0.0 };
        vec![plain, Self { betas: [0.5, 0.8], weight_decay: 0.2, ..plain }, Self { betas: [0.0; 2], ..plain }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Optimizer;
    use crate::optimizer::tests::{GRADIENTS, PHI, RATES, START, close, walk};

    /// The program of the paper.
    #[test]
    fn steps_are_those_of_the_paper() {
        for lion in Lion::samples() {
            let Lion { betas: [beta, beta2], weight_decay, .. } = lion;
            let (mut weights, mut momentum) = (START, [0.0; 2]);
            for (number, made) in walk(&Optimizer::Lion(lion)).iter().enumerate() {
                for entry in 0..2 {
                    let gradient = GRADIENTS[number][entry];
                    let mean: f64 = beta * momentum[entry] + (1.0 - beta) * gradient;
                    weights[entry] -= RATES[number] * (mean.signum() + weight_decay * weights[entry]);
                    momentum[entry] = beta2 * momentum[entry] + (1.0 - beta2) * gradient;
                }
                close(&made.next, &weights);
            }
        }
    }

    /// A gradient acts on its own step by itself, and on later ones through the momentum.
    #[test]
    fn the_recursion_takes_a_steps_gradient_apart_from_earlier_ones() {
        let held = [0.7, 2.0, 0.4];
        for lion in Lion::samples() {
            let [beta, beta2] = lion.betas;
            let steps: Vec<_> = (0..3).map(|s| (lion.recursion(&lion, s, RATES[s], 0.5), held[s], PHI[s])).collect();
            let of = |r: usize, s: usize| {
                let kept = if s == r { 1.0 - beta } else { beta * (1.0 - beta2) * beta2.powi((s - r) as i32 - 1) };
                RATES[s] * held[s] * PHI[s] * kept
            };
            close(&Recursion::multipliers(&steps), &[0, 1, 2].map(|r| -0.5 * (r..3).map(|s| of(r, s)).sum::<f64>()));
        }
    }
}
