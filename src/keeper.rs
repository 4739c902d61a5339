//! Checks for interruption and saves state between steps.

use crate::error::Error;
use crate::formats::{StateReader, StateWriter};

/// Writes the present state of the work.
pub type Save<'a> = dyn FnMut(&mut StateWriter) -> Result<(), Error> + 'a;

/// Is told of each step of some work, has its state saved, and may end it.
pub trait Keeper {
    /// The state that an earlier attempt saved last; `None` where there is none.
    ///
    /// # Errors
    ///
    /// A state that is damaged.
    fn earlier(&mut self) -> Result<Option<StateReader>, Error> {
        Ok(None)
    }

    /// Called after each step, with the share of the whole work that is `done`. The keeper may call `save`, and may end the
    /// work with an error.
    ///
    /// # Errors
    ///
    /// Ends the work: because it shall stop, or because its state cannot be written.
    fn step(&mut self, done: f64, save: &mut Save<'_>) -> Result<(), Error>;
}

/// A function that is called after each step. It saves nothing.
impl<F: FnMut() -> Result<(), Error>> Keeper for F {
    fn step(&mut self, _: f64, _: &mut Save<'_>) -> Result<(), Error> {
        self()
    }
}
