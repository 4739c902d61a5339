//! Going back through steps: how a number that was found after them depends on what they were made of.

use super::{Memory, Optimizer, Vectors};
use crate::compute::{Backend, BackendError, Result};

/// A step that was made, as going back through it asks for it.
pub(crate) struct Passed<'a, B: Backend> {
    /// The step's number, from 0.
    pub number: usize,
    /// ε.
    pub rate: f64,
    /// w: the weights before it.
    pub weights: &'a B::Buffer,
    /// What else it was made of, where the optimizer [looks back](super::Update::looks_back).
    pub kept: Option<Kept<'a, B>>,
    /// Added to a preconditioner's eps, in the derivative alone.
    pub eps: f64,
}

/// The vectors of a step.
pub(crate) struct Kept<'a, B: Backend> {
    /// The loss gradient, as clipped.
    pub gradient: &'a B::Buffer,
    /// What the optimizer kept after it.
    pub after: &'a Memory<B>,
}

/// The derivatives of a number by what a step leaves behind.
pub(crate) struct Adjoint<B: Backend> {
    /// λ: by the weights.
    pub weights: B::Buffer,
    /// By each vector that later steps depend on. What an optimizer keeps of weight decay is none of them.
    pub memory: Memory<B>,
}

impl<B: Backend> Adjoint<B> {
    /// Of a number that depends on the last weights alone: λ is its gradient.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(vectors: &Vectors<'_, B>, optimizer: &Optimizer, weights: B::Buffer) -> Result<Self> {
        let memory = Memory::zeros(vectors.backend, optimizer.acts(), vectors.len)?;
        Ok(Self { weights, memory })
    }
}

impl<'a, B: Backend> Passed<'a, B> {
    /// What the step of an optimizer that looks back was made of.
    ///
    /// # Errors
    ///
    /// It was not kept.
    pub(super) fn kept(&self, optimizer: &str) -> Result<&Kept<'a, B>> {
        let missing =
            || BackendError::Invalid(format!("going back through {optimizer} needs the vectors of each step"));
        self.kept.as_ref().ok_or_else(missing)
    }
}

impl Optimizer {
    /// The vectors that it keeps and its steps depend on.
    fn acts(&self) -> impl Iterator<Item = &'static str> {
        let keeps = self.keeps();
        self.theirs().iter().map(|&(own, _)| own).filter(move |own| keeps.contains(own))
    }
}

#[cfg(test)]
mod tests;
