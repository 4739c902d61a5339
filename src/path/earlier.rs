//! What gradients from before a path's first step still move, where the optimizer's state was given.

use super::Setting;
use super::at::{At, Buffer};
use crate::compute::{Backend, Result, Slice, SliceMut, convert};
use crate::optimizer::ParameterGroups;

/// The momentum that a path begins with. Step by step less of it is left, and every step moves the weights by some of it.
pub(super) struct Earlier<B: Backend> {
    momentum: B::Buffer,
    /// Whether steps multiply it by their preconditioner.
    preconditioned: bool,
}

impl<B: Backend> Earlier<B> {
    /// Of a path; `None` where no momentum is given.
    pub fn new(setting: &Setting<'_, B>) -> Result<Option<Self>> {
        let Some((momentum, preconditioned)) = setting.spec.optimizer.momentum() else { return Ok(None) };
        let momentum = setting.backend.upload(&convert::<B::Element>(momentum))?;
        Ok(Some(Self { momentum, preconditioned }))
    }

    /// What it is of a step.
    pub fn part<'a>(&'a self, setting: &Setting<'_, B>, at: &At<'_, B>) -> Result<EarlierPart<'a, B>> {
        let (backend, len) = (setting.backend, setting.network.len);
        let scales = setting.spec.optimizer.earlier(at.number, at.rate);
        let vector = match at.preconditioner().filter(|_| self.preconditioned) {
            None => Buffer::Borrowed(&self.momentum),
            Some(preconditioner) => {
                let mut moved = backend.scratch(len)?;
                let (momentum, held) = (Slice::new(&self.momentum, 0, len), Slice::new(preconditioner, 0, len));
                backend.multiply(SliceMut::new(&mut moved, 0, len), momentum, held)?;
                Buffer::Own(moved)
            }
        };
        Ok(EarlierPart { vector, scales })
    }
}

/// A step's part: a vector, and in each group of parameters what it is multiplied by.
pub(super) struct EarlierPart<'a, B: Backend> {
    vector: Buffer<'a, B::Buffer>,
    scales: Vec<f64>,
}

impl<B: Backend> EarlierPart<'_, B> {
    /// The part of a block that is trained, as a vector and its scale.
    pub fn of(&self, optimizer: &ParameterGroups, block: usize) -> (&B::Buffer, f64) {
        (self.vector.get(), self.scales.get(optimizer.group_of(block)).copied().unwrap_or(0.0))
    }
}
