//! A recorded path, step by step on the device, whether every step was recorded or has to be made again.

use super::walk::Leg;
use super::{Kept, Training, Trajectory};
use crate::compute::Backend;
use crate::error::Error;

/// Gives the steps of a path, the last one first.
pub struct Recall<'a, B: Backend> {
    training: &'a Training<'a, B>,
    trajectory: &'a Trajectory,
    /// Steps that were made again, in order, and the number of the first of them.
    again: Vec<Leg<B>>,
    first: usize,
}

impl<'a, B: Backend> Recall<'a, B> {
    /// Nothing is read yet. Steps that were not recorded are made again by `training`, which must be the one that made them.
    pub fn new(training: &'a Training<'a, B>, trajectory: &'a Trajectory) -> Self {
        Self { training, trajectory, again: Vec::new(), first: trajectory.steps.len() }
    }

    /// The weights after the last step.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn last(&self) -> Result<B::Buffer, Error> {
        Ok(self.training.backend.upload(&self.trajectory.last()?)?)
    }

    /// A step; must be asked for in descending order where steps are made again.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn leg(&mut self, number: usize) -> Result<Leg<B>, Error> {
        let (backend, trajectory) = (self.training.backend, self.trajectory);
        if trajectory.every() > 1 {
            if number < self.first {
                self.first = number / trajectory.every() * trajectory.every();
                self.again = self.training.again(trajectory, self.first)?;
            }
            self.again.truncate(number - self.first + 1);
            let missing = || Error::Trajectory(format!("the recorded path has no step {number}"));
            return self.again.pop().ok_or_else(missing);
        }
        let vector = |kept: Kept| -> Result<Option<B::Buffer>, Error> {
            let Some(rows) = trajectory.rows(kept) else { return Ok(None) };
            Ok(Some(backend.upload(&rows.row(number)?)?))
        };
        Ok(Leg {
            weights: backend.upload(&trajectory.row(Kept::Weights, number)?)?,
            preconditioner: vector(Kept::Preconditioner)?,
            decay: vector(Kept::Decay)?,
            unexplained: vector(Kept::Unexplained)?,
        })
    }
}
