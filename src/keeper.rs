//! Who watches over work that goes step by step, and keeps its state.

use crate::data::{StateReader, StateWriter};
use crate::error::Error;

/// Writes the state that work has now.
pub type Save<'a> = dyn FnMut(&mut StateWriter) -> Result<(), Error> + 'a;

/// Watches over work that goes step by step.
pub trait Keeper {
    /// The state in which an earlier attempt was left.
    ///
    /// # Errors
    ///
    /// A state that is damaged.
    fn earlier(&mut self) -> Result<Option<StateReader>, Error> {
        Ok(None)
    }

    /// A step is done, and with it a share of the whole work. The keeper may have the state written, and may end the work
    /// with an error.
    ///
    /// # Errors
    ///
    /// The work shall stop, or its state cannot be written.
    fn step(&mut self, done: f64, save: &mut Save<'_>) -> Result<(), Error>;
}

/// Keeps nothing, and is told of every step.
impl<F: FnMut() -> Result<(), Error>> Keeper for F {
    fn step(&mut self, _: f64, _: &mut Save<'_>) -> Result<(), Error> {
        self()
    }
}
