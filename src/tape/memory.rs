//! The recorded path in memory.

use super::{History, Kept, Metrics, Recorder, Recording, Step, Tape};
use crate::compute::Element;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A path whose vectors lie in memory, from the first step on.
#[derive(Debug, Clone)]
pub struct MemoryTape<E: Element> {
    /// The steps and their metrics.
    pub history: History,
    rows: BTreeMap<Kept, Vec<Vec<E>>>,
}

impl<E: Element> MemoryTape<E> {
    /// A tape without a step, for the vectors that a recording keeps.
    pub fn new(recording: Recording) -> Self {
        let rows = recording.rows.keys().map(|&kept| (kept, Vec::new())).collect();
        Self { history: History::new(recording), rows }
    }
}

impl<E: Element> Tape<E> for MemoryTape<E> {
    fn history(&self) -> &History {
        &self.history
    }

    fn row(&self, kept: Kept, row: usize) -> Result<Cow<'_, [E]>, Error> {
        let missing = || Error::Trajectory(format!("the recorded path has no row {row} of {kept:?}"));
        self.rows.get(&kept).and_then(|rows| rows.get(row)).map(|row| row.into()).ok_or_else(missing)
    }
}

impl<E: Element> Recorder<E> for MemoryTape<E> {
    fn history(&self) -> &History {
        &self.history
    }

    fn record(&mut self, kept: Kept, row: usize, values: &[E]) -> Result<(), Error> {
        let Some(rows) = self.rows.get_mut(&kept) else { return Ok(()) };
        rows.resize(rows.len().max(row + 1), Vec::new());
        rows[row] = values.to_vec();
        Ok(())
    }

    fn made(&mut self, step: Step, metrics: Metrics, seconds: f64) {
        self.history.made(step, metrics, seconds);
    }

    fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        self.history.save(writer)?;
        for (kept, rows) in &self.rows {
            writer.put_counts(&kept.file(), &[rows.len()])?;
            rows.iter().try_for_each(|row| writer.put("row", row))?;
        }
        Ok(())
    }

    fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<(), Error> {
        self.history.restore(reader, step)?;
        for (kept, rows) in &mut self.rows {
            let count = reader.take_counts(&kept.file(), 1)?[0];
            *rows = (0..count).map(|_| reader.take("row")).collect::<Result<_, _>>()?;
        }
        Ok(())
    }
}
