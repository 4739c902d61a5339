//! The recorded path in memory.

use super::any::into_rounded;
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

    /// A row of one of the kept arrays.
    ///
    /// # Errors
    ///
    /// There is no such array or row.
    pub fn values(&self, kept: Kept, row: usize) -> Result<&Vec<E>, Error> {
        let missing = || Error::Trajectory(format!("the recorded path has no row {row} of {kept:?}"));
        self.rows.get(&kept).and_then(|rows| rows.get(row)).ok_or_else(missing)
    }

    /// The rows of one of the kept arrays, which are given away; none where it is not kept.
    pub fn take(&mut self, kept: Kept) -> Vec<Vec<E>> {
        self.rows.remove(&kept).unwrap_or_default()
    }

    /// The same in another precision; nothing is copied where it is the same one.
    pub(super) fn rounded<A: Element>(self) -> MemoryTape<A> {
        let rounded = |(kept, rows): (Kept, Vec<Vec<E>>)| (kept, rows.into_iter().map(into_rounded).collect());
        MemoryTape { history: self.history, rows: self.rows.into_iter().map(rounded).collect() }
    }

    /// The array and the row of it that is the first to differ in another recording of the same path.
    pub(super) fn first_difference(&self, other: &Self) -> Option<(String, usize)> {
        let differ = |(kept, rows): (&Kept, &Vec<Vec<E>>)| {
            let others = other.rows.get(kept).map_or(&[][..], Vec::as_slice);
            let same = |(own, other): (&Vec<E>, &Vec<E>)| {
                bytemuck::cast_slice::<E, u8>(own) == bytemuck::cast_slice::<E, u8>(other)
            };
            let row = rows.iter().zip(others).position(|pair| !same(pair));
            let row = row.or_else(|| (rows.len() != others.len()).then(|| rows.len().min(others.len())));
            row.map(|row| (kept.file(), row))
        };
        self.rows.iter().find_map(differ)
    }
}

impl<E: Element> Tape<E> for MemoryTape<E> {
    fn history(&self) -> &History {
        &self.history
    }

    fn row(&self, kept: Kept, row: usize) -> Result<Cow<'_, [E]>, Error> {
        self.values(kept, row).map(|row| row.into())
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
