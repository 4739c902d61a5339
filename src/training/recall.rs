//! The steps of a recorded path on the device, one after the other in either direction. Those that were not recorded are made again.

use super::Training;
use super::walk::Leg;
use crate::compute::Backend;
use crate::error::Error;
use crate::tape::{Kept, Tape};

/// Gives the steps of a path, each once, forwards or backwards.
pub struct Recall<'a, B: Backend> {
    training: &'a Training<'a, B>,
    tape: &'a dyn Tape<B::Element>,
    /// Steps that were made again, in order, as far as they were not asked for; `first` is the number of the first of them.
    again: Vec<Option<Leg<B>>>,
    first: usize,
}

impl<'a, B: Backend> Recall<'a, B> {
    /// Begins at the end of a path; nothing is read yet. `training` makes the steps again that were not recorded, and must be
    /// the one that made them.
    pub fn new(training: &'a Training<'a, B>, tape: &'a dyn Tape<B::Element>) -> Self {
        Self { training, tape, again: Vec::new(), first: tape.history().steps.len() }
    }

    /// The weights before step `number`, or after the last one.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn before(&mut self, number: usize) -> Result<B::Buffer, Error> {
        if number == self.tape.history().steps.len() {
            return Ok(self.training.backend.upload(&self.tape.last()?)?);
        }
        Ok(self.leg(number)?.weights)
    }

    /// Step `number`. Where steps are made again, they should be asked for one after the other.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn leg(&mut self, number: usize) -> Result<Leg<B>, Error> {
        let (backend, tape, recording) = (self.training.backend, self.tape, &self.tape.history().recording);
        if recording.every() > 1 {
            let held = |legs: &mut Vec<Option<Leg<B>>>, first: usize| {
                number.checked_sub(first).and_then(|place| legs.get_mut(place)).and_then(Option::take)
            };
            if let Some(leg) = held(&mut self.again, self.first) {
                return Ok(leg);
            }
            self.first = number / recording.every() * recording.every();
            self.again = self.training.again(tape, self.first)?.into_iter().map(Some).collect();
            let missing = || Error::Trajectory(format!("the recorded path has no step {number}"));
            return held(&mut self.again, self.first).ok_or_else(missing);
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
