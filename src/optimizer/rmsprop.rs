//! RMSprop, plain, centered, and with momentum.

use super::vectors::wrong_memory;
use super::{
    Adjoint, Carry, Decay, Given, Kept, Made, Meets, Memory, Motion, Passed, Past, Recursion, Say, Update, Vectors,
};
use crate::compute::op::{Reciprocal, SizeOf};
use crate::compute::{Backend, Result};
use crate::key::{Flag, Key, Number, at};

/// RMSprop: `v ← α v + (1 - α) (g + λ w)²`, `b ← μ b + (g + λ w) / (√v + eps)`, `w ← w - ε b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// ε.
    pub learning_rate: f64,
    /// α.
    pub alpha: f64,
    /// Added to the root of the mean square.
    pub eps: f64,
    /// λ.
    pub weight_decay: f64,
    /// μ.
    pub momentum: f64,
    /// Whether the square of the mean gradient is taken off the mean square: what is left is its variance.
    pub centered: bool,
}

/// v.
const SQUARE: &str = "square";
/// The mean gradient.
const MEAN: &str = "mean";
/// b.
const MOMENTUM: &str = "momentum";
/// What b would be without a loss.
const DECAY: &str = "decay";

impl RmsProp {
    /// PyTorch's defaults, but for the learning rate, which has to be given.
    const START: Self =
        Self { learning_rate: 0.0, alpha: 0.99, eps: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false };

    /// One over the root of what is left of the mean square.
    fn root(&self, eps: f64) -> Reciprocal {
        Reciprocal { size: SizeOf::Root, correction: 1.0, eps: self.eps + eps }
    }

    /// Takes a gradient into the means, and returns one over the root of what is left of the mean square.
    fn preconditioner<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        (square, mean): (&mut B::Buffer, Option<&mut B::Buffer>),
        gradient: &B::Buffer,
    ) -> Result<B::Buffer> {
        let root = self.root(0.0);
        let take = 1.0 - self.alpha;
        vectors.blend(square, self.alpha, take, &vectors.product(gradient, gradient)?)?;
        let Some(mean) = mean else { return vectors.reciprocal(&root, square) };
        vectors.blend(mean, self.alpha, take, gradient)?;
        let variance = vectors.difference(square, &vectors.product(mean, mean)?)?;
        vectors.reciprocal(&root, &variance)
    }

    /// Weight decay's part of a step.
    fn decayed<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        own: &mut B::Buffer,
        (rate, weights): (f64, &B::Buffer),
        preconditioner: &B::Buffer,
    ) -> Result<B::Buffer> {
        vectors.blend(own, self.momentum, self.weight_decay, &vectors.product(weights, preconditioner)?)?;
        let mut part = vectors.copy(own)?;
        vectors.scale(&mut part, -rate)?;
        Ok(part)
    }
}

impl Update for RmsProp {
    const TYPES: &'static [(&'static str, &'static str, Self)] =
        &[("rmsprop", "RMSprop, plain, centered, and with momentum", Self::START)];

    const KEYS: &'static [Key<Self>] = &[
        Key::required("learning_rate", "ε, before any schedule", at!(RmsProp.learning_rate, Number::AboveZero)),
        Key::new(
            "alpha",
            "α, how much of the mean of squared gradients is left after a step",
            at!(RmsProp.alpha, Number::BelowOne),
        ),
        Key::new("eps", "added to the root of the mean square", at!(RmsProp.eps, Number::NotNegative)),
        Key::new(
            "weight_decay",
            "λ, how much of the weights is added to the gradient",
            at!(RmsProp.weight_decay, Number::NotNegative),
        ),
        Key::new(
            "momentum",
            "μ, how much of the last step is left, without its rate",
            at!(RmsProp.momentum, Number::NotNegative),
        ),
        Key::new(
            "centered",
            "whether a step is divided by the root of the gradient's variance, and not of its mean square",
            at!(RmsProp.centered, Flag),
        ),
    ];

    const THEIRS: &'static [(&'static str, &'static str)] =
        &[(SQUARE, "square_avg"), (MEAN, "grad_avg"), (MOMENTUM, "momentum_buffer")];

    const COUNTS: bool = false;

    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn words(&self, say: &Say<'_>) -> String {
        let Self { learning_rate, alpha, eps, weight_decay, momentum, centered } = *self;
        let (alpha, eps) = (say.number("alpha", "alpha", alpha), say.number(", eps", "eps", eps));
        let centered = if centered { ", centered" } else { "" };
        let momentum = say.unless_zero(", momentum", "momentum", momentum);
        format!("RMSprop with {alpha}{eps}{centered}{momentum}{}", say.rate_and_decay(learning_rate, weight_decay))
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn motion(&self) -> Motion {
        Motion::Steps
    }

    fn keeps(&self) -> Vec<&'static str> {
        let mean = self.centered.then_some(MEAN);
        let momentum = (self.momentum != 0.0).then_some(MOMENTUM);
        let decay = (self.weight_decay != 0.0).then_some(DECAY);
        std::iter::once(SQUARE).chain(mean).chain(momentum).chain(decay).collect()
    }

    fn past(&self) -> Past {
        Past::Preconditioned { apart: self.momentum != 0.0, of_sums: self.momentum == 0.0 }
    }

    /// Momentum sums gradients that are preconditioned already.
    fn carry(&self, _: usize, rate: f64) -> Option<Carry> {
        let keep = self.momentum;
        (keep != 0.0).then_some(Carry { vector: MOMENTUM, keep, part: -rate * keep, preconditioned: false })
    }

    /// Of the weights before the step, but entry by entry: it is recorded.
    fn decay(&self, _: f64) -> Decay {
        if self.weight_decay == 0.0 { Decay::Absent } else { Decay::Remembered }
    }

    /// Momentum sums gradients that are preconditioned already.
    fn recursion(&self, next: &Self, _: usize, rate: f64, clip: f64) -> Recursion {
        let meets = if self.momentum == 0.0 { Meets::Carried } else { Meets::Preconditioned };
        Recursion { keep: next.momentum, add: rate, gradient: clip, meets }
    }

    fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>> {
        let Given { rate, weights, mut gradient, .. } = given;
        let [Some(square), mean, momentum, own] = memory.named([SQUARE, MEAN, MOMENTUM, DECAY]) else {
            return Err(wrong_memory("rmsprop"));
        };
        if self.weight_decay != 0.0 {
            vectors.add(&mut gradient, self.weight_decay, weights)?;
        }
        let preconditioner = self.preconditioner(vectors, (square, mean), &gradient)?;
        let moved = vectors.product(&gradient, &preconditioner)?;
        let mut next = vectors.copy(weights)?;
        match momentum {
            None => vectors.add(&mut next, -rate, &moved)?,
            Some(momentum) => {
                vectors.blend(momentum, self.momentum, 1.0, &moved)?;
                vectors.add(&mut next, -rate, momentum)?;
            }
        }
        let decay = own.map(|own| self.decayed(vectors, own, (rate, weights), &preconditioner)).transpose()?;
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
        let Kept { gradient, after } = step.kept("rmsprop")?;
        let Adjoint { weights: by_weights, memory } = adjoint;
        let (Some(square), [Some(by_square), by_mean, by_momentum]) =
            (after.get(SQUARE), memory.named([SQUARE, MEAN, MOMENTUM]))
        else {
            return Err(wrong_memory("rmsprop"));
        };
        let mut entered = vectors.copy(gradient)?;
        vectors.add(&mut entered, self.weight_decay, step.weights)?;
        // Minus the derivative by the preconditioned gradient.
        let mut moved = vectors.copy(by_weights)?;
        vectors.scale(&mut moved, step.rate)?;
        if let Some(by_momentum) = by_momentum {
            vectors.blend(&mut moved, 1.0, -1.0, by_momentum)?;
            *by_momentum = vectors.copy(&moved)?;
            vectors.scale(by_momentum, -self.momentum)?;
        }
        let mean = after.get(MEAN);
        let under = match mean {
            None => vectors.copy(square)?,
            Some(mean) => vectors.difference(square, &vectors.product(mean, mean)?)?,
        };
        let root = self.root(step.eps);
        let preconditioner = vectors.reciprocal(&root, &under)?;
        let by_under = vectors.through(&root, (&under, &preconditioner), vectors.product(&moved, &entered)?)?;
        vectors.add(by_square, -1.0, &by_under)?;
        let mut psi = vectors.product(&moved, &preconditioner)?;
        let take = 1.0 - self.alpha;
        vectors.add(&mut psi, -2.0 * take, &vectors.product(&entered, by_square)?)?;
        if let (Some(mean), Some(by_mean)) = (mean, by_mean) {
            vectors.add(by_mean, 2.0, &vectors.product(mean, &by_under)?)?;
            vectors.add(&mut psi, -take, by_mean)?;
            vectors.scale(by_mean, self.alpha)?;
        }
        vectors.scale(by_square, self.alpha)?;
        vectors.add(by_weights, -self.weight_decay, &psi)?;
        Ok(psi)
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let plain = Self { learning_rate: 0.1, alpha: 0.9, eps: 1e-3, ..Self::START };
        let momentum = Self { momentum: 0.8, weight_decay: 0.2, ..plain };
        vec![
            plain,
            Self { weight_decay: 0.2, ..plain },
            Self { centered: true, ..plain },
            momentum,
            Self { centered: true, weight_decay: 0.0, ..momentum },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Optimizer;
    use crate::optimizer::tests::{GRADIENTS, PHI, RATES, START, close, walk};

    /// The loop of torch.optim.RMSprop's documentation.
    #[test]
    fn steps_are_those_of_pytorch() {
        for rmsprop in RmsProp::samples() {
            let RmsProp { alpha, eps, weight_decay, momentum, centered, .. } = rmsprop;
            let (mut weights, mut square, mut mean, mut buffer) = (START, [0.0; 2], [0.0; 2], [0.0; 2]);
            for (number, made) in walk(&Optimizer::RmsProp(rmsprop)).iter().enumerate() {
                for entry in 0..2 {
                    let gradient = GRADIENTS[number][entry] + weight_decay * weights[entry];
                    square[entry] = alpha * square[entry] + (1.0 - alpha) * gradient * gradient;
                    mean[entry] = alpha * mean[entry] + (1.0 - alpha) * gradient;
                    let centre: f64 = if centered { mean[entry] * mean[entry] } else { 0.0 };
                    let moved = gradient / ((square[entry] - centre).sqrt() + eps);
                    buffer[entry] = momentum * buffer[entry] + moved;
                    weights[entry] -= RATES[number] * buffer[entry];
                }
                close(&made.next, &weights);
            }
        }
    }

    /// Each gradient's multiplier is its own preconditioner, times the sum over all later steps of what the buffer keeps.
    #[test]
    fn the_recursion_preconditions_before_it_sums() {
        let held = [0.7, 2.0, 0.4];
        for momentum in [0.0, 0.8] {
            let rmsprop = RmsProp { learning_rate: 0.1, momentum, ..RmsProp::START };
            let steps: Vec<_> =
                (0..3).map(|s| (rmsprop.recursion(&rmsprop, s, RATES[s], 0.5), held[s], PHI[s])).collect();
            let kept = |r: usize| (r..3).map(|s| momentum.powi((s - r) as i32) * RATES[s] * PHI[s]).sum::<f64>();
            close(&Recursion::multipliers(&steps), &[0, 1, 2].map(|r| -0.5 * held[r] * kept(r)));
        }
    }
}
