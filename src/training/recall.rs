//! The steps of a recorded path on the device. Those that were not recorded are made again.

use super::Training;
use super::walk::Leg;
use crate::compute::Backend;
use crate::error::Error;
use crate::tape::{Kept, Tape};

/// Gives the steps of a path, the last one first.
pub struct Recall<'a, B: Backend> {
    training: &'a Training<'a, B>,
    tape: &'a dyn Tape<B::Element>,
    /// Steps that were made again, in order; `first` is the number of the first of them.
    again: Vec<Leg<B>>,
    first: usize,
}

impl<'a, B: Backend> Recall<'a, B> {
    /// Begins at the end of a path; nothing is read yet. `training` makes the steps again that were not recorded, and must be
    /// the one that made them.
    pub fn new(training: &'a Training<'a, B>, tape: &'a dyn Tape<B::Element>) -> Self {
        Self { training, tape, again: Vec::new(), first: tape.history().steps.len() }
    }

    /// The weights after the last step.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn last(&self) -> Result<B::Buffer, Error> {
        Ok(self.training.backend.upload(&self.tape.last()?)?)
    }

    /// Step `number`. Where steps are made again, they must be asked for in descending order.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn leg(&mut self, number: usize) -> Result<Leg<B>, Error> {
        let (backend, tape, recording) = (self.training.backend, self.tape, &self.tape.history().recording);
        if recording.every() > 1 {
            if number < self.first {
                self.first = number / recording.every() * recording.every();
                self.again = self.training.again(tape, self.first)?;
            }
            self.again.truncate(number - self.first + 1);
            let missing = || Error::Trajectory(format!("the recorded path has no step {number}"));
            return self.again.pop().ok_or_else(missing);
        }
        let vector = |kept: Kept| -> Result<Option<B::Buffer>, Error> {
            recording.keeps(kept).then(|| Ok(backend.upload(&tape.row(kept, number)?)?)).transpose()
        };
        Ok(Leg {
            weights: backend.upload(&tape.row(Kept::Weights, number)?)?,
            preconditioner: vector(Kept::Preconditioner)?,
            decay: vector(Kept::Decay)?,
            unexplained: vector(Kept::Unexplained)?,
        })
    }
}
