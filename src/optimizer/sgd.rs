//! Stochastic gradient descent, plain, with momentum, and with Nesterov's.

use super::vectors::wrong_memory;
use super::{Adjoint, Carry, Decay, Given, Made, Meets, Memory, Motion, Passed, Past, Recursion, Say, Update, Vectors};
use crate::compute::{Backend, Result};
use crate::key::{Flag, Key, Number, at};

/// Stochastic gradient descent: `b ← μ b + (1 - d) (g + λ w)` (at first `g + λ w`), `w ← w - ε b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// ε.
    pub learning_rate: f64,
    /// μ.
    pub momentum: f64,
    /// d.
    pub dampening: f64,
    /// Whether the step is `g + λ w + μ b` instead of b.
    pub nesterov: bool,
    /// λ.
    pub weight_decay: f64,
}

/// b.
const MOMENTUM: &str = "momentum";
/// What b would be without a loss.
const DECAY: &str = "decay";

impl Sgd {
    /// At a learning rate, without momentum and decay.
    pub const fn plain(learning_rate: f64) -> Self {
        Self { learning_rate, momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.0 }
    }

    /// How much of the gradient of step `number` enters b: the first one is not dampened.
    fn taken(&self, number: usize) -> f64 {
        if number == 0 { 1.0 } else { 1.0 - self.dampening }
    }

    /// Weight decay's part of a step: b's own share of it, or with Nesterov's momentum the decay once more.
    fn decayed<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        own: &mut B::Buffer,
        given: &Given<'_, B>,
    ) -> Result<B::Buffer> {
        vectors.blend(own, self.momentum, self.taken(given.number) * self.weight_decay, given.weights)?;
        let mut part = vectors.copy(own)?;
        if self.nesterov {
            vectors.blend(&mut part, self.momentum, self.weight_decay, given.weights)?;
        }
        vectors.scale(&mut part, -given.rate)?;
        Ok(part)
    }
}

impl Update for Sgd {
    const TYPES: &'static [(&'static str, &'static str, Self)] =
        &[("sgd", "stochastic gradient descent, plain, with momentum or with Nesterov's", Self::plain(0.0))];

    const KEYS: &'static [Key<Self>] = &[
        Key::required("learning_rate", "ε, before any schedule", at!(Sgd.learning_rate, Number::AboveZero)),
        Key::new("momentum", "μ, how much of the last step's b is left", at!(Sgd.momentum, Number::NotNegative)),
        Key::new("dampening", "d, how much less of a gradient enters b", at!(Sgd.dampening, Number::Any)),
        Key::new("nesterov", "Nesterov's momentum; needs a momentum, and no dampening", at!(Sgd.nesterov, Flag)),
        Key::new(
            "weight_decay",
            "λ, how much of the weights is added to the gradient",
            at!(Sgd.weight_decay, Number::NotNegative),
        ),
    ];

    const THEIRS: &'static [(&'static str, &'static str)] = &[(MOMENTUM, "momentum_buffer")];

    const COUNTS: bool = false;

    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        match self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            true => Err(("nesterov", "needs a momentum above 0 and a dampening of 0, as in PyTorch".into())),
            false => Ok(()),
        }
    }

    fn name(&self) -> &'static str {
        "sgd"
    }

    fn words(&self, say: &Say<'_>) -> String {
        let Self { learning_rate, momentum, dampening, nesterov, weight_decay } = *self;
        let kind = if nesterov { " with Nesterov momentum" } else { " with momentum" };
        let momentum = say.unless_zero(kind, "momentum", momentum);
        let dampening = say.unless_zero(", dampening", "dampening", dampening);
        format!("SGD{momentum}{dampening}{}", say.rate_and_decay(learning_rate, weight_decay))
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn motion(&self) -> Motion {
        Motion::Steps
    }

    fn keeps(&self) -> Vec<&'static str> {
        let momentum = (self.momentum != 0.0).then_some(MOMENTUM);
        let decay = (self.decay(self.learning_rate) == Decay::Remembered).then_some(DECAY);
        momentum.into_iter().chain(decay).collect()
    }

    fn past(&self) -> Past {
        match *self {
            Self { momentum: 0.0, .. } => Past::Nothing,
            Self { nesterov: true, .. } => Past::Ahead,
            Self { momentum, .. } => Past::Momentum(momentum),
        }
    }

    fn carry(&self, _: usize, rate: f64) -> Option<Carry> {
        let (keep, again) = (self.momentum, if self.nesterov { self.momentum } else { 1.0 });
        let part = -rate * again * keep;
        (keep != 0.0).then_some(Carry { vector: MOMENTUM, keep, part, preconditioned: false })
    }

    fn decay(&self, rate: f64) -> Decay {
        match (self.weight_decay, self.momentum) {
            (0.0, _) => Decay::Absent,
            (decay, 0.0) => Decay::OfWeights(-rate * decay),
            _ => Decay::Remembered,
        }
    }

    /// With Nesterov's momentum ψ holds `1/μ` of what b's derivative is, which is μ times φ and more, so that a μ that changes
    /// changes ψ by a factor.
    fn recursion(&self, next: &Self, number: usize, rate: f64, clip: f64) -> Recursion {
        let Self { momentum, nesterov, .. } = *self;
        if momentum == 0.0 {
            return Recursion { keep: 0.0, add: 1.0, gradient: rate * clip, meets: Meets::Carried };
        }
        let gradient = self.taken(number) * clip;
        match nesterov {
            false => Recursion { keep: next.momentum, add: rate, gradient, meets: Meets::Carried },
            true => Recursion {
                keep: next.momentum * (next.momentum / momentum),
                add: rate,
                gradient,
                meets: Meets::Ahead { into: 1.0, share: momentum },
            },
        }
    }

    fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        mut given: Given<'_, B>,
    ) -> Result<Made<B>> {
        if self.weight_decay != 0.0 {
            vectors.add(&mut given.gradient, self.weight_decay, given.weights)?;
        }
        let mut next = vectors.copy(given.weights)?;
        if self.momentum == 0.0 {
            vectors.add(&mut next, -given.rate, &given.gradient)?;
            return Ok(Made { next, preconditioner: None, decay: None });
        }
        let [Some(momentum), own] = memory.named([MOMENTUM, DECAY]) else { return Err(wrong_memory("sgd")) };
        vectors.blend(momentum, self.momentum, self.taken(given.number), &given.gradient)?;
        let decay = own.map(|own| self.decayed(vectors, own, &given)).transpose()?;
        if self.nesterov {
            vectors.add(&mut given.gradient, self.momentum, momentum)?;
            vectors.add(&mut next, -given.rate, &given.gradient)?;
        } else {
            vectors.add(&mut next, -given.rate, momentum)?;
        }
        Ok(Made { next, preconditioner: None, decay })
    }

    fn no_derivative(&self) -> Option<&'static str> {
        None
    }

    fn looks_back(&self) -> bool {
        false
    }

    fn back<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        step: &Passed<'_, B>,
        adjoint: &mut Adjoint<B>,
    ) -> Result<B::Buffer> {
        let Adjoint { weights, memory } = adjoint;
        let mut psi = vectors.copy(weights)?;
        vectors.scale(&mut psi, step.rate)?;
        if self.momentum != 0.0 {
            let [Some(momentum)] = memory.named([MOMENTUM]) else { return Err(wrong_memory("sgd")) };
            let again = if self.nesterov { self.momentum } else { 1.0 };
            vectors.add(momentum, -again, &psi)?;
            let itself = if self.nesterov { 1.0 } else { 0.0 };
            vectors.blend(&mut psi, itself, -self.taken(step.number), momentum)?;
            vectors.scale(momentum, self.momentum)?;
        }
        if self.weight_decay != 0.0 {
            vectors.add(weights, -self.weight_decay, &psi)?;
        }
        Ok(psi)
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let plain = Self::plain(0.1);
        let momentum = Self { momentum: 0.9, ..plain };
        vec![
            plain,
            Self { weight_decay: 0.2, ..plain },
            momentum,
            Self { dampening: 0.3, weight_decay: 0.2, ..momentum },
            Self { nesterov: true, ..momentum },
            Self { nesterov: true, weight_decay: 0.2, ..momentum },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Optimizer;
    use crate::optimizer::tests::{GRADIENTS, PHI, RATES, START, close, walk};

    /// The loop of torch.optim.SGD's documentation.
    #[test]
    fn steps_are_those_of_pytorch() {
        for sgd in Sgd::samples() {
            let Sgd { momentum, dampening, nesterov, weight_decay, .. } = sgd;
            let (mut weights, mut buffer) = (START, [0.0; 2]);
            for (number, made) in walk(&Optimizer::Sgd(sgd)).iter().enumerate() {
                for entry in 0..2 {
                    let mut gradient = GRADIENTS[number][entry] + weight_decay * weights[entry];
                    if momentum != 0.0 {
                        buffer[entry] = match number {
                            0 => gradient,
                            _ => momentum * buffer[entry] + (1.0 - dampening) * gradient,
                        };
                        gradient = if nesterov { gradient + momentum * buffer[entry] } else { buffer[entry] };
                    }
                    weights[entry] -= RATES[number] * gradient;
                }
                close(&made.next, &weights);
            }
        }
    }

    /// Each gradient's multiplier is the sum over all later steps of what the buffer keeps of it (docs/theory.md, M).
    #[test]
    fn the_recursion_sums_what_the_buffer_keeps() {
        let (momentum, dampening) = (0.9, 0.3);
        for nesterov in [false, true] {
            let dampening = if nesterov { 0.0 } else { dampening };
            let sgd = Sgd { learning_rate: 0.1, momentum, dampening, nesterov, weight_decay: 0.2 };
            let steps: Vec<_> = (0..3).map(|s| (sgd.recursion(&sgd, s, RATES[s], 0.5), 1.0, PHI[s])).collect();
            let kept = |r: usize, s: usize| {
                let taken = if r == 0 { 1.0 } else { 1.0 - dampening };
                let buffer = taken * momentum.powi((s - r) as i32);
                match (nesterov, s == r) {
                    (false, _) => buffer,
                    (true, true) => 1.0 + momentum * buffer,
                    (true, false) => momentum * buffer,
                }
            };
            let sums = [0, 1, 2].map(|r| -0.5 * (r..3).map(|s| RATES[s] * kept(r, s) * PHI[s]).sum::<f64>());
            close(&Recursion::multipliers(&steps), &sums);
        }
    }
}
