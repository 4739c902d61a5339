//! NAdam: Adam with Nesterov's momentum, whose amount grows from step to step.

use super::adam::{self, bias};
use super::vectors::wrong_memory;
use super::{Adjoint, Carry, Decay, Given, Made, Meets, Memory, Motion, Passed, Past, Recursion, Say, Update, Vectors};
use crate::compute::op::AdamBack;
use crate::compute::{self, AdamOut, Backend, Result};
use crate::key::{Flag, Key, Number, Pair, at};

/// NAdam (T. Dozat, 2016): with Adam's m, v and D, and `μ_t = β1 (1 - 0.96^(t ψ) / 2)` in step t, counted from 1, a step is
/// `-ε D (p g + q m)`, `p = (1 - μ_t) / (1 - μ_1 ⋯ μ_t)` and `q = μ_{t+1} / (1 - μ_1 ⋯ μ_{t+1})`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NAdam {
    /// ε.
    pub learning_rate: f64,
    /// β1, β2.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// λ.
    pub weight_decay: f64,
    /// ψ.
    pub momentum_decay: f64,
    /// Whether the decay acts on the weights and not through the gradient.
    pub decoupled_weight_decay: bool,
}

/// m.
const FIRST: &str = "first";
/// v.
const SECOND: &str = "second";
/// What m would be without a loss.
const DECAY: &str = "decay";

/// A product of factors below 1 is taken for 0 from here on: 1 less it is 1.
const NOTHING: f64 = f64::EPSILON / 4.0;

impl NAdam {
    /// PyTorch's defaults, but for the learning rate, which has to be given.
    pub(super) const START: Self = Self {
        learning_rate: 0.0,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weight_decay: 0.0,
        momentum_decay: 4e-3,
        decoupled_weight_decay: false,
    };

    /// μ of step t, counted from 1.
    fn momentum(&self, t: usize) -> f64 {
        self.betas[0] * (1.0 - 0.5 * 0.96f64.powf(t as f64 * self.momentum_decay))
    }

    /// Whether another step's momenta follow the same course: their product over all steps is one of these numbers alone.
    pub(super) fn goes_before(&self, next: &Self) -> bool {
        self.betas[0] == next.betas[0] && self.momentum_decay == next.momentum_decay
    }

    /// `μ_1 ⋯ μ_t` of so many steps.
    pub(super) fn product(&self, steps: usize) -> f64 {
        let (mut product, mut t) = (1.0, 0);
        while t < steps && product > NOTHING {
            t += 1;
            product *= self.momentum(t);
        }
        product
    }

    /// `p` and `q` of step `number`, counted from 0: the weights of its gradient and of the first moment.
    fn weights(&self, number: usize) -> [f64; 2] {
        let product = self.product(number + 1);
        let [own, next] = [number + 1, number + 2].map(|t| self.momentum(t));
        [(1.0 - own) / (1.0 - product), next / (1.0 - product * next)]
    }

    /// How much a step takes of its gradient, and the numbers of what is Adam's in it.
    fn numbers(&self, number: usize, rate: f64) -> (f64, compute::Adam) {
        let [p, q] = self.weights(number).map(|weight| rate * weight);
        let decay = self.decay(rate);
        let adam = compute::Adam {
            rate: q,
            betas: self.betas,
            correction: bias(self.betas[1], number).sqrt(),
            eps: self.eps,
            weight_decay: if decay == Decay::Remembered { self.weight_decay } else { 0.0 },
            shrink: if let Decay::OfWeights(scale) = decay { 1.0 + scale } else { 1.0 },
        };
        (p, adam)
    }

    /// Weight decay's part of a step whose gradient and first moment have these weights, the rate included.
    fn decayed<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        own: &mut B::Buffer,
        ([p, q], weights): ([f64; 2], &B::Buffer),
        preconditioner: &B::Buffer,
    ) -> Result<B::Buffer> {
        vectors.blend(own, self.betas[0], (1.0 - self.betas[0]) * self.weight_decay, weights)?;
        let mut part = vectors.copy(own)?;
        vectors.blend(&mut part, -q, -p * self.weight_decay, weights)?;
        vectors.product(&part, preconditioner)
    }
}

impl Update for NAdam {
    const TYPES: &'static [(&'static str, &'static str, Self)] =
        &[("nadam", "NAdam: Adam with Nesterov's momentum", Self::START)];

    const KEYS: &'static [Key<Self>] = &[
        Key::required("learning_rate", "ε, before any schedule", at!(NAdam.learning_rate, Number::AboveZero)),
        Key::new(
            "betas",
            "β1, β2: how much of the means of gradients and of their squares is left after a step",
            at!(NAdam.betas, Pair(Number::BelowOne)),
        ),
        Key::new("eps", "added to the root of the mean square", at!(NAdam.eps, Number::NotNegative)),
        Key::new(
            "weight_decay",
            "λ, how much of the weights is added to the gradient, or if decoupled, times the rate, taken off them",
            at!(NAdam.weight_decay, Number::NotNegative),
        ),
        Key::new(
            "momentum_decay",
            "ψ: the momentum of step t, counted from 1, is β1 (1 - 0.96^(t ψ) / 2)",
            at!(NAdam.momentum_decay, Number::NotNegative),
        ),
        Key::new(
            "decoupled_weight_decay",
            "whether the decay acts on the weights by itself, as AdamW's does",
            at!(NAdam.decoupled_weight_decay, Flag),
        ),
    ];

    const THEIRS: &'static [(&'static str, &'static str)] = &[(FIRST, "exp_avg"), (SECOND, "exp_avg_sq")];

    const COUNTS: bool = true;

    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "nadam"
    }

    fn words(&self, say: &Say<'_>) -> String {
        let Self { learning_rate, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay } = *self;
        let decay = say.rate_and_decay(learning_rate, weight_decay);
        let decoupled = if decoupled_weight_decay && decay.contains("weight decay") { ", decoupled" } else { "" };
        let (betas, eps) = (say.betas(betas), say.number(", eps", "eps", eps));
        let momentum = say.number(", momentum decay", "momentum_decay", momentum_decay);
        format!("NAdam with {betas}{eps}{momentum}{decay}{decoupled}")
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn motion(&self) -> Motion {
        Motion::Steps
    }

    fn keeps(&self) -> Vec<&'static str> {
        let decay = (self.decay(self.learning_rate) == Decay::Remembered).then_some(DECAY);
        [FIRST, SECOND].into_iter().chain(decay).collect()
    }

    fn past(&self) -> Past {
        Past::Preconditioned { apart: true, of_sums: true }
    }

    fn carry(&self, number: usize, rate: f64) -> Option<Carry> {
        let ([_, q], keep) = (self.weights(number), self.betas[0]);
        Some(Carry { vector: FIRST, keep, part: -rate * q * keep, preconditioned: true })
    }

    fn decay(&self, rate: f64) -> Decay {
        match (self.weight_decay, self.decoupled_weight_decay) {
            (0.0, _) => Decay::Absent,
            (decay, true) => Decay::OfWeights(-rate * decay),
            (_, false) => Decay::Remembered,
        }
    }

    /// ψ is the derivative by m, into which φ enters with q; the gradient itself has p.
    fn recursion(&self, next: &Self, number: usize, rate: f64, clip: f64) -> Recursion {
        let [p, q] = self.weights(number);
        let meets = Meets::Ahead { into: q / p, share: 1.0 - self.betas[0] };
        Recursion { keep: next.betas[0], add: rate * p, gradient: clip, meets }
    }

    fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>> {
        let Given { number, rate, weights, mut gradient } = given;
        let (p, step) = self.numbers(number, rate);
        let q = step.rate;
        if step.weight_decay != 0.0 {
            vectors.add(&mut gradient, step.weight_decay, weights)?;
        }
        // The step takes the gradient by itself too, and so with the decay in it.
        let step = compute::Adam { weight_decay: 0.0, ..step };
        let [Some(first), Some(second), own] = memory.named([FIRST, SECOND, DECAY]) else {
            return Err(wrong_memory("nadam"));
        };
        let (mut next, mut preconditioner) =
            (vectors.backend.scratch(vectors.len)?, vectors.backend.scratch(vectors.len)?);
        let out = AdamOut {
            next: vectors.out(&mut next),
            first: vectors.out(first),
            second: vectors.out(second),
            preconditioner: vectors.out(&mut preconditioner),
        };
        vectors.backend.adam(&step, out, vectors.all(weights), vectors.all(&gradient))?;
        vectors.add(&mut next, -p, &vectors.product(&gradient, &preconditioner)?)?;
        let decay = own.map(|own| self.decayed(vectors, own, ([p, q], weights), &preconditioner)).transpose()?;
        Ok(Made { next, preconditioner: Some(preconditioner), decay })
    }

    fn no_derivative(&self) -> Option<&'static str> {
        None
    }

    fn looks_back(&self) -> bool {
        true
    }

    fn back<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        step: &Passed<'_, B>,
        adjoint: &mut Adjoint<B>,
    ) -> Result<B::Buffer> {
        let (own, numbers) = self.numbers(step.number, step.rate);
        let numbers = compute::Adam { eps: self.eps + step.eps, ..numbers };
        adam::back(vectors, &AdamBack { step: numbers, own }, step, adjoint)
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let plain = Self { learning_rate: 0.1, betas: [0.8, 0.95], eps: 1e-3, momentum_decay: 0.1, ..Self::START };
        let coupled = Self { weight_decay: 0.2, ..plain };
        vec![plain, coupled, Self { decoupled_weight_decay: true, ..coupled }, Self { betas: [0.0; 2], ..coupled }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Optimizer;
    use crate::optimizer::tests::{GRADIENTS, PHI, RATES, START, close, walk};

    /// The loop of torch.optim.NAdam's documentation.
    #[test]
    fn steps_are_those_of_pytorch() {
        for nadam in NAdam::samples() {
            let NAdam { betas: [beta, beta2], eps, weight_decay, momentum_decay, decoupled_weight_decay, .. } = nadam;
            let (mut weights, mut first, mut second, mut product) = (START, [0.0; 2], [0.0f64; 2], 1.0);
            for (number, made) in walk(&Optimizer::NAdam(nadam)).iter().enumerate() {
                let t = number as i32 + 1;
                let momentum = |t: i32| beta * (1.0 - 0.5 * 0.96f64.powf(f64::from(t) * momentum_decay));
                let (own, after, rate) = (momentum(t), momentum(t + 1), RATES[number]);
                product *= own;
                for entry in 0..2 {
                    let mut gradient = GRADIENTS[number][entry];
                    if decoupled_weight_decay {
                        weights[entry] *= 1.0 - rate * weight_decay;
                    } else {
                        gradient += weight_decay * weights[entry];
                    }
                    first[entry] = beta * first[entry] + (1.0 - beta) * gradient;
                    second[entry] = beta2 * second[entry] + (1.0 - beta2) * gradient * gradient;
                    let divisor = (second[entry] / (1.0 - beta2.powi(t))).sqrt() + eps;
                    weights[entry] -= rate * (1.0 - own) / (1.0 - product) * gradient / divisor;
                    weights[entry] -= rate * after / (1.0 - product * after) * first[entry] / divisor;
                }
                close(&made.next, &weights);
            }
        }
    }

    /// Each gradient's multiplier is what its own step takes of it, and the sum of what the moment keeps for all steps from there.
    #[test]
    fn the_recursion_adds_the_gradient_to_what_the_moment_keeps() {
        let held = [0.7, 2.0, 0.4];
        for nadam in NAdam::samples() {
            let beta = nadam.betas[0];
            let steps: Vec<_> = (0..3).map(|s| (nadam.recursion(&nadam, s, RATES[s], 0.5), held[s], PHI[s])).collect();
            let of = |r: usize, s: usize| {
                let [p, q] = nadam.weights(s);
                let moment = q * (1.0 - beta) * beta.powi((s - r) as i32);
                RATES[s] * held[s] * PHI[s] * if s == r { p + moment } else { moment }
            };
            close(&Recursion::multipliers(&steps), &[0, 1, 2].map(|r| -0.5 * (r..3).map(|s| of(r, s)).sum::<f64>()));
        }
    }
}
