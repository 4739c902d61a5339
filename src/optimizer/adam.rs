//! Adam, with its decay in the gradient, and AdamW, whose decay acts on the weights by itself.

use super::vectors::wrong_memory;
use super::{
    Adjoint, Carry, Decay, Given, Kept, Made, Meets, Memory, Motion, Passed, Past, Recursion, Say, Update, Vectors,
};
use crate::compute::op::{AdamBack, AdamBackArrays, Reciprocal, SizeOf};
use crate::compute::{self, AdamOut, Backend, Result};
use crate::key::{Flag, Key, Number, Pair, at};

/// Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// ε.
    pub learning_rate: f64,
    /// β1, β2.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// λ.
    pub weight_decay: f64,
    /// Whether a step is divided by the root of the largest second moment so far, and not of the last one.
    pub amsgrad: bool,
    /// Whether the decay acts on the weights (AdamW) and not through the gradient (Adam).
    pub decoupled: bool,
}

/// m.
const FIRST: &str = "first";
/// v.
const SECOND: &str = "second";
/// The largest v so far.
const LARGEST: &str = "largest";
/// What m would be without a loss.
const DECAY: &str = "decay";

/// `1 - β^t` after step `number`: what a moment that began at zero has to be divided by.
pub(super) fn bias(beta: f64, number: usize) -> f64 {
    1.0 - beta.powf((number + 1) as f64)
}

/// Goes back through a step of Adam or NAdam.
pub(super) fn back<B: Backend>(
    vectors: &Vectors<'_, B>,
    numbers: &AdamBack,
    step: &Passed<'_, B>,
    adjoint: &mut Adjoint<B>,
) -> Result<B::Buffer> {
    let Kept { gradient, after } = step.kept("adam")?;
    let moments = after.get(FIRST).zip(after.get(SECOND));
    let (Some(moments), [Some(by_first), Some(by_second)]) = (moments, adjoint.memory.named([FIRST, SECOND])) else {
        return Err(wrong_memory("adam"));
    };
    let mut psi = vectors.backend.scratch(vectors.len)?;
    let arrays = AdamBackArrays {
        psi: vectors.out(&mut psi),
        by_weights: vectors.out(&mut adjoint.weights),
        by_first: vectors.out(by_first),
        by_second: vectors.out(by_second),
        weights: vectors.all(step.weights),
        gradient: vectors.all(gradient),
        first: vectors.all(moments.0),
        second: vectors.all(moments.1),
    };
    vectors.backend.run(numbers, arrays)?;
    Ok(psi)
}

/// The same of AMSGrad: the derivative by the largest second moment goes to the second moment where that is it.
fn largest_back<B: Backend>(
    vectors: &Vectors<'_, B>,
    numbers: &compute::Adam,
    step: &Passed<'_, B>,
    adjoint: &mut Adjoint<B>,
) -> Result<B::Buffer> {
    let compute::Adam { rate, betas: [beta, beta2], correction, eps, weight_decay, shrink } = *numbers;
    let Kept { gradient, after } = step.kept("adam")?;
    let [Some(first), Some(second), Some(largest)] = [FIRST, SECOND, LARGEST].map(|name| after.get(name)) else {
        return Err(wrong_memory("adam"));
    };
    let Adjoint { weights: by_weights, memory } = adjoint;
    let [Some(by_first), Some(by_second), Some(by_largest)] = memory.named([FIRST, SECOND, LARGEST]) else {
        return Err(wrong_memory("adam"));
    };
    let root = Reciprocal { size: SizeOf::Root, correction, eps };
    let preconditioner = vectors.reciprocal(&root, largest)?;
    vectors.add(by_first, -rate, &vectors.product(by_weights, &preconditioner)?)?;
    let by_preconditioner = vectors.product(by_weights, first)?;
    vectors.add(by_largest, -rate, &vectors.through(&root, (largest, &preconditioner), by_preconditioner)?)?;
    let above = vectors.difference(largest, second)?;
    let to_second = vectors.where_zero(by_largest, &above)?;
    vectors.add(by_second, 1.0, &to_second)?;
    vectors.add(by_largest, -1.0, &to_second)?;

    let mut entered = vectors.copy(gradient)?;
    vectors.add(&mut entered, weight_decay, step.weights)?;
    let mut psi = vectors.product(by_second, &entered)?;
    vectors.blend(&mut psi, 2.0 * (beta2 - 1.0), beta - 1.0, by_first)?;
    vectors.scale(by_first, beta)?;
    vectors.scale(by_second, beta2)?;
    vectors.blend(by_weights, shrink, -weight_decay, &psi)?;
    Ok(psi)
}

impl Adam {
    /// PyTorch's defaults, but for the learning rate, which has to be given.
    const fn start(decoupled: bool) -> Self {
        Self { learning_rate: 0.0, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, amsgrad: false, decoupled }
    }

    /// The numbers of a step.
    fn numbers(&self, number: usize, rate: f64) -> compute::Adam {
        let [first_bias, second_bias] = self.betas.map(|beta| bias(beta, number));
        let (coupled, decoupled) = if self.decoupled { (0.0, self.weight_decay) } else { (self.weight_decay, 0.0) };
        compute::Adam {
            rate: rate / first_bias,
            betas: self.betas,
            correction: second_bias.sqrt(),
            eps: self.eps,
            weight_decay: coupled,
            shrink: 1.0 - rate * decoupled,
        }
    }

    /// Weight decay's part of a step whose learning rate, corrected, is `rate`.
    fn decayed<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        own: &mut B::Buffer,
        (rate, weights): (f64, &B::Buffer),
        preconditioner: &B::Buffer,
    ) -> Result<B::Buffer> {
        vectors.blend(own, self.betas[0], (1.0 - self.betas[0]) * self.weight_decay, weights)?;
        let mut part = vectors.product(own, preconditioner)?;
        vectors.scale(&mut part, -rate)?;
        Ok(part)
    }
}

impl Update for Adam {
    const TYPES: &'static [(&'static str, &'static str, Self)] = &[
        ("adam", "Adam, with weight decay in the gradient", Self::start(false)),
        ("adamw", "AdamW: Adam, with weight decay by itself", Self::start(true)),
    ];

    const KEYS: &'static [Key<Self>] = &[
        Key::required("learning_rate", "ε, before any schedule", at!(Adam.learning_rate, Number::AboveZero)),
        Key::new(
            "betas",
            "β1, β2: how much of the means of gradients and of their squares is left after a step",
            at!(Adam.betas, Pair(Number::BelowOne)),
        ),
        Key::new("eps", "added to the root of the mean square", at!(Adam.eps, Number::NotNegative)),
        Key::new(
            "weight_decay",
            "λ, how much of the weights is added to the gradient, or with adamw, times the rate, taken off them",
            at!(Adam.weight_decay, Number::NotNegative),
        ),
        Key::new(
            "amsgrad",
            "whether a step is divided by the root of the largest mean square so far, and not of the last one",
            at!(Adam.amsgrad, Flag),
        ),
    ];

    const THEIRS: &'static [(&'static str, &'static str)] =
        &[(FIRST, "exp_avg"), (SECOND, "exp_avg_sq"), (LARGEST, "max_exp_avg_sq")];

    const COUNTS: bool = true;

    fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        if self.decoupled { "adamw" } else { "adam" }
    }

    fn words(&self, say: &Say<'_>) -> String {
        let Self { learning_rate, betas, eps, weight_decay, amsgrad, decoupled } = *self;
        let name = if decoupled { "AdamW" } else { "Adam" };
        let largest = if amsgrad { ", AMSGrad" } else { "" };
        let (betas, eps) = (say.betas(betas), say.number(", eps", "eps", eps));
        format!("{name} with {betas}{eps}{largest}{}", say.rate_and_decay(learning_rate, weight_decay))
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn motion(&self) -> Motion {
        Motion::Steps
    }

    fn keeps(&self) -> Vec<&'static str> {
        let decay = (self.decay(self.learning_rate) == Decay::Remembered).then_some(DECAY);
        [FIRST, SECOND].into_iter().chain(self.amsgrad.then_some(LARGEST)).chain(decay).collect()
    }

    fn past(&self) -> Past {
        Past::Preconditioned { apart: false, of_sums: true }
    }

    fn carry(&self, number: usize, rate: f64) -> Option<Carry> {
        let keep = self.betas[0];
        Some(Carry { vector: FIRST, keep, part: -rate * keep / bias(keep, number), preconditioned: true })
    }

    fn decay(&self, rate: f64) -> Decay {
        match (self.weight_decay, self.decoupled) {
            (0.0, _) => Decay::Absent,
            (decay, true) => Decay::OfWeights(-rate * decay),
            (_, false) => Decay::Remembered,
        }
    }

    /// ψ holds `1 - β1` of what m's derivative is, so that a β1 that changes changes ψ by a factor.
    fn recursion(&self, next: &Self, number: usize, rate: f64, clip: f64) -> Recursion {
        let ([beta, _], [after, _]) = (self.betas, next.betas);
        let add = rate * (1.0 - beta) / bias(beta, number);
        let keep = after * ((1.0 - beta) / (1.0 - after));
        Recursion { keep, add, gradient: clip, meets: Meets::Carried }
    }

    fn step<B: Backend>(
        &self,
        vectors: &Vectors<'_, B>,
        memory: &mut Memory<B>,
        given: Given<'_, B>,
    ) -> Result<Made<B>> {
        let Given { number, rate, weights, gradient } = given;
        let step = self.numbers(number, rate);
        let [Some(first), Some(second), largest, own] = memory.named([FIRST, SECOND, LARGEST, DECAY]) else {
            return Err(wrong_memory("adam"));
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
        if let Some(largest) = largest {
            vectors.largest(largest, second)?;
            let root = Reciprocal { size: SizeOf::Root, correction: step.correction, eps: step.eps };
            preconditioner = vectors.reciprocal(&root, largest)?;
            next = vectors.copy(weights)?;
            vectors.scale(&mut next, step.shrink)?;
            vectors.add(&mut next, -step.rate, &vectors.product(first, &preconditioner)?)?;
        }
        let decay = own.map(|own| self.decayed(vectors, own, (step.rate, weights), &preconditioner)).transpose()?;
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
        let numbers = self.numbers(step.number, step.rate);
        let numbers = compute::Adam { eps: self.eps + step.eps, ..numbers };
        match self.amsgrad {
            false => back(vectors, &AdamBack { step: numbers, own: 0.0 }, step, adjoint),
            true => largest_back(vectors, &numbers, step, adjoint),
        }
    }

    #[cfg(test)]
    fn samples() -> Vec<Self> {
        let plain = Self { learning_rate: 0.1, betas: [0.8, 0.95], eps: 1e-3, ..Self::start(false) };
        let coupled = Self { weight_decay: 0.2, ..plain };
        let decoupled = Self { decoupled: true, ..coupled };
        let amsgrad = [coupled, decoupled].map(|adam| Self { betas: [0.8, 0.5], amsgrad: true, ..adam });
        [plain, coupled, decoupled, Self { betas: [0.0; 2], ..decoupled }].into_iter().chain(amsgrad).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::Optimizer;
    use crate::optimizer::tests::{GRADIENTS, PHI, RATES, START, close, walk};

    /// The loops of the documentations of torch.optim.Adam and torch.optim.AdamW, with AMSGrad's largest moment as its code has it:
    /// before its bias is corrected.
    #[test]
    fn steps_are_those_of_pytorch() {
        for adam in Adam::samples() {
            let Adam { betas: [beta, beta2], eps, weight_decay, amsgrad, decoupled, .. } = adam;
            let (mut weights, mut first, mut second, mut largest) = (START, [0.0; 2], [0.0f64; 2], [0.0f64; 2]);
            for (number, made) in walk(&Optimizer::Adam(adam)).iter().enumerate() {
                let t = number as i32 + 1;
                let mut preconditioner = [0.0; 2];
                for entry in 0..2 {
                    let mut gradient = GRADIENTS[number][entry];
                    if decoupled {
                        weights[entry] -= RATES[number] * weight_decay * weights[entry];
                    } else {
                        gradient += weight_decay * weights[entry];
                    }
                    first[entry] = beta * first[entry] + (1.0 - beta) * gradient;
                    second[entry] = beta2 * second[entry] + (1.0 - beta2) * gradient * gradient;
                    let mean = first[entry] / (1.0 - beta.powi(t));
                    largest[entry] = if amsgrad { largest[entry].max(second[entry]) } else { second[entry] };
                    let square: f64 = largest[entry] / (1.0 - beta2.powi(t));
                    preconditioner[entry] = 1.0 / (square.sqrt() + eps);
                    weights[entry] -= RATES[number] * mean * preconditioner[entry];
                }
                close(&made.next, &weights);
                close(made.preconditioner.as_deref().unwrap_or(&[]), &preconditioner);
            }
        }
    }

    /// Each gradient's multiplier is the sum over all later steps of what the first moment keeps of it (docs/theory.md, M).
    #[test]
    fn the_recursion_sums_what_the_first_moment_keeps() {
        for adam in Adam::samples() {
            let beta = adam.betas[0];
            let held = [0.7, 2.0, 0.4];
            let steps: Vec<_> = (0..3).map(|s| (adam.recursion(&adam, s, RATES[s], 0.5), held[s], PHI[s])).collect();
            let kept = |r: usize, s: usize| {
                let bias = 1.0 - beta.powi(s as i32 + 1);
                (1.0 - beta) * beta.powi((s - r) as i32) * RATES[s] / bias * held[s]
            };
            let sums = [0, 1, 2].map(|r| -0.5 * (r..3).map(|s| kept(r, s) * PHI[s]).sum::<f64>());
            close(&Recursion::multipliers(&steps), &sums);
        }
    }
}
