//! What an optimizer kept of steps before a path's first, where a path starts in the middle.

use super::{Given, Memory, Optimizer, ParameterGroups};
use crate::compute::{Backend, Result, convert};
use crate::key::{self, Wrong};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An optimizer's state before a path's first step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptimizerState {
    /// How many steps were made before. Adam and NAdam correct their moments by it; others ask only whether there were any.
    pub steps: usize,
    /// The vectors that the optimizer keeps, flat like the weights, by PyTorch's names: `momentum_buffer`, `exp_avg`,
    /// `exp_avg_sq`, `max_exp_avg_sq`, `square_avg`, `grad_avg`.
    pub vectors: BTreeMap<String, Vec<f64>>,
}

/// What a step does with the momentum that it finds, by itself: its part is `part` times that momentum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Carry {
    /// The vector that is the momentum.
    pub vector: &'static str,
    /// How much of it is left after the step.
    pub keep: f64,
    /// How much of it is the step's.
    pub part: f64,
    /// Whether that is multiplied by the step's preconditioner.
    pub preconditioned: bool,
}

impl ParameterGroups {
    /// The same, going on from a state.
    pub fn going_on(mut self, state: OptimizerState) -> Self {
        self.state = Some(Arc::new(state));
        self
    }

    /// The state that it goes on from, where one is given.
    pub fn state(&self) -> Option<&OptimizerState> {
        self.state.as_deref()
    }

    /// The number by which the optimizer knows a step of the path.
    pub(super) fn counted(&self, number: usize) -> usize {
        number + self.state().map_or(0, |state| state.steps)
    }

    /// A step as the optimizer knows it.
    pub(super) fn counting<'a, B: Backend>(&self, given: Given<'a, B>) -> Given<'a, B> {
        Given { number: self.counted(given.number), ..given }
    }

    /// What it keeps before the first step, of vectors of so many elements.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub(crate) fn memory<B: Backend>(&self, backend: &B, len: usize) -> Result<Memory<B>> {
        let optimizer = self.whole();
        let mut memory = Memory::new(backend, optimizer, len)?;
        let Some(state) = self.state() else { return Ok(memory) };
        for &(own, theirs) in optimizer.theirs() {
            if let ([Some(vector)], Some(given)) = (memory.named([own]), state.vectors.get(theirs)) {
                *vector = backend.upload(&convert::<B::Element>(given))?;
            }
        }
        Ok(memory)
    }

    /// The momentum before the first step, and whether steps precondition it; `None` where no state has any.
    pub(crate) fn momentum(&self) -> Option<(&[f64], bool)> {
        let (state, carry) = (self.state()?, self.whole().carry(0, 1.0)?);
        let (_, theirs) = self.whole().theirs().iter().find(|(own, _)| *own == carry.vector)?;
        Some((state.vectors.get(*theirs)?, carry.preconditioned))
    }

    /// What multiplies that momentum in a step's part of it, in each group; beside it the step's preconditioner may.
    pub(crate) fn earlier(&self, number: usize, rate: f64) -> Vec<f64> {
        let carry = |group, at: usize, rate| self.at(group, at).carry(self.counted(at), rate);
        let of = |group| {
            let part = carry(group, number, self.rate(group, number, rate)).map_or(0.0, |carry| carry.part);
            let mut left = 1.0;
            for at in 0..number {
                left *= carry(group, at, 0.0).map_or(0.0, |carry| carry.keep);
                if left == 0.0 {
                    break;
                }
            }
            part * left
        };
        (0..self.count()).map(of).collect()
    }

    /// Checks that the state is one of the optimizer, for weights of so many elements.
    ///
    /// # Errors
    ///
    /// Vectors that are missing, left over, or of another length, and numbers that are none.
    pub fn check_state(&self, len: usize) -> key::Result<()> {
        let Some(state) = self.state() else { return Ok(()) };
        let wrong = |problem: String| Err(Wrong::new("training.optimizer_state", problem));
        let known = self.whole().state_names();
        if known.is_empty() {
            let words = self.whole().name();
            return wrong(format!("has no meaning here: {words} with these numbers keeps nothing from step to step"));
        }
        if let Some(name) = state.vectors.keys().find(|name| !known.contains(&name.as_str())) {
            return wrong(format!("holds {name}, and {} keeps {}", self.whole().name(), known.join(", ")));
        }
        for name in known {
            match state.vectors.get(name) {
                None => return wrong(format!("holds no {name}, which {} keeps", self.whole().name())),
                Some(vector) if vector.len() != len => {
                    return wrong(format!("has {} elements of {name}, and the weights have {len}", vector.len()));
                }
                Some(vector) if vector.iter().any(|value| !value.is_finite()) => {
                    return wrong(format!("holds NaN or infinity in {name}"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl Optimizer {
    /// PyTorch's names of the vectors that it keeps, with these numbers.
    pub fn state_names(&self) -> Vec<&'static str> {
        let keeps = self.keeps();
        self.theirs().iter().filter(|(own, _)| keeps.contains(own)).map(|&(_, theirs)| theirs).collect()
    }

    /// PyTorch's names of all vectors that an optimizer of its kind may keep.
    pub(crate) fn all_state_names(&self) -> impl Iterator<Item = &'static str> {
        self.theirs().iter().map(|&(_, theirs)| theirs)
    }

    /// The product of the momenta of so many steps, where its steps depend on it.
    pub(crate) fn product_of_momenta(&self, steps: usize) -> Option<f64> {
        if let Optimizer::NAdam(own) = self { Some(own.product(steps)) } else { None }
    }

    /// Whether PyTorch would take the first gradient of a momentum whole, and later ones not.
    pub(crate) fn dampens(&self) -> bool {
        matches!(self, Optimizer::Sgd(own) if own.momentum != 0.0 && own.dampening != 0.0)
    }
}
