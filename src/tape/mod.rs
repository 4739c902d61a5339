/*!
The recorded path of training: its steps, and the vectors that its decomposition needs of each.

Training writes a path through a [`Recorder`]; integration reads it as a [`Tape`]. [`MemoryTape`] is both. On disk the two are apart:
a [`DiskRecorder`] writes files, and [`DiskTape`] maps them once the path is whole.
*/

mod describe;
mod disk;
mod history;
mod memory;
mod recording;
mod rows;
mod step;

pub use describe::describe;
pub use disk::{DiskRecorder, DiskTape};
pub use history::History;
pub use memory::MemoryTape;
pub use recording::{Kept, Recording};
pub use rows::Rows;
pub use step::{Metrics, Step};

use crate::compute::Element;
use crate::data::{StateReader, StateWriter};
use crate::error::Error;
use std::borrow::Cow;

/// A recorded path, as integration reads it.
pub trait Tape<E: Element> {
    /// The steps and what is known of them.
    fn history(&self) -> &History;

    /// A vector: a row of one of the kept arrays.
    ///
    /// # Errors
    ///
    /// There is no such array or row, or it cannot be read.
    fn row(&self, kept: Kept, row: usize) -> Result<Cow<'_, [E]>, Error>;

    /// The weights after the last step.
    ///
    /// # Errors
    ///
    /// The recording is shorter than its steps, or cannot be read.
    fn last(&self) -> Result<Cow<'_, [E]>, Error> {
        let History { recording, steps, .. } = self.history();
        let missing = || Error::Trajectory("the recorded path ends before its last step".into());
        self.row(Kept::Weights, recording.place(steps.len()).ok_or_else(missing)?)
    }
}

/// Takes a path as it is made.
pub trait Recorder<E: Element> {
    /// What is known of the steps that were made.
    fn history(&self) -> &History;

    /// Writes a row of an array. What the recording does not keep is dropped.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    fn record(&mut self, kept: Kept, row: usize, values: &[E]) -> Result<(), Error>;

    /// A step is made, and its rows are written. `seconds` is the time that training has taken up to here.
    fn made(&mut self, step: Step, metrics: Metrics, seconds: f64);

    /// Writes what [`restore`](Self::restore) needs, once the rows themselves are safe.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    fn save(&self, writer: &mut StateWriter) -> Result<(), Error>;

    /// Goes on with the recording of an earlier attempt. `step` gives the steps as they were planned; their rates and clipping
    /// are read.
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<(), Error>;
}
