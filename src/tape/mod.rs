/*!
The recorded path of training: its steps, and the vectors that its decomposition needs of each.

Training writes a path through a [`Recorder`]; integration reads it as a [`Tape`]. A [`MemoryTape`] is both; an [`End`] keeps the last weights
alone. On disk they are
two: a [`DiskRecorder`] writes files, and a [`DiskTape`] maps them once the path is whole. An [`AnyTape`] is either, read in any
precision.
*/

mod any;
mod describe;
mod disk;
mod end;
mod history;
mod memory;
mod recording;
mod rows;
mod step;

pub use any::AnyTape;
pub use describe::describe;
pub use disk::{DiskRecorder, DiskTape};
pub use end::End;
pub use history::History;
pub use memory::MemoryTape;
pub use recording::{Kept, Recording};
pub use rows::Rows;
pub use step::{Metrics, Step};

use crate::compute::Element;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use std::borrow::Cow;

/// A recorded path, as integration reads it.
pub trait Tape<E: Element> {
    /// The steps and their metrics.
    fn history(&self) -> &History;

    /// A row of one of the kept arrays: a flat vector.
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

/// Records a path while it is made.
pub trait Recorder<E: Element> {
    /// The steps that were made, and their metrics.
    fn history(&self) -> &History;

    /// Writes a row of an array; does nothing where the recording does not keep the array.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    fn record(&mut self, kept: Kept, row: usize, values: &[E]) -> Result<(), Error>;

    /// Called when a step is made and its rows are written. `seconds` is the time that training has taken so far.
    fn made(&mut self, step: Step, metrics: Metrics, seconds: f64);

    /// Writes what [`restore`](Self::restore) needs, once the rows themselves are safe.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    fn save(&self, writer: &mut StateWriter) -> Result<(), Error>;

    /// Goes on with the recording of an earlier attempt. The steps are those of `step`, with the rates and clipping that were
    /// read.
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<(), Error>;
}
