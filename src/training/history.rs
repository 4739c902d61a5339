//! What is known of a path beside its vectors: rates, clipping, metrics, and a checksum of every row.

use super::{Kept, Metrics, Step};
use crate::data::{NpyElement, StateReader, StateWriter};
use crate::error::Error;
use std::collections::BTreeMap;

/// The CRC-32C of a row.
pub(super) fn checksum<T: NpyElement>(values: &[T]) -> u32 {
    crc32c::crc32c(bytemuck::cast_slice(values))
}

/// What is known of a path as far as it was made.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Of each step its metrics, and the seconds that training had taken when it was made.
    pub metrics: Vec<(Metrics, f64)>,
    /// Of each array its rows' checksums.
    pub checksums: BTreeMap<Kept, Vec<u32>>,
}

impl History {
    /// Nothing yet, of some arrays.
    pub fn new(kept: impl Iterator<Item = Kept>) -> Self {
        Self { metrics: Vec::new(), checksums: kept.map(|kept| (kept, Vec::new())).collect() }
    }

    /// A row was written.
    pub fn wrote(&mut self, kept: Kept, row: usize, checksum: u32) {
        let known = self.checksums.entry(kept).or_default();
        known.resize(known.len().max(row + 1), 0);
        known[row] = checksum;
    }

    /// Rows of an array.
    pub fn rows(&self, kept: Kept) -> usize {
        self.checksums.get(&kept).map_or(0, Vec::len)
    }

    /// Writes it, with the steps that were made.
    pub fn save(&self, steps: &[Step], writer: &mut StateWriter) -> Result<(), Error> {
        let made = &steps[..self.metrics.len().min(steps.len())];
        let numbers = |of: &dyn Fn(&Step) -> f64| made.iter().map(of).collect::<Vec<f64>>();
        writer.put("learning rates", &numbers(&|step| step.learning_rate))?;
        writer.put("clip", &numbers(&|step| step.clip))?;
        let metrics = |of: &dyn Fn(&(Metrics, f64)) -> f64| self.metrics.iter().map(of).collect::<Vec<f64>>();
        writer.put("loss", &metrics(&|(metrics, _)| metrics.loss))?;
        writer.put("accuracy", &metrics(&|(metrics, _)| metrics.accuracy))?;
        writer.put("seconds", &metrics(&|(_, seconds)| *seconds))?;
        for (kept, checksums) in &self.checksums {
            writer.put(&kept.file(), checksums)?;
        }
        Ok(())
    }

    /// Takes what was [saved](Self::save), and returns the steps that were made: as `step` knows them, with their rates and
    /// clipping.
    pub fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<Vec<Step>, Error> {
        let rates: Vec<f64> = reader.take("learning rates")?;
        let clips: Vec<f64> = reader.take_exactly("clip", rates.len())?;
        let losses: Vec<f64> = reader.take_exactly("loss", rates.len())?;
        let accuracies: Vec<f64> = reader.take_exactly("accuracy", rates.len())?;
        let seconds: Vec<f64> = reader.take_exactly("seconds", rates.len())?;
        let metrics = losses.into_iter().zip(accuracies).map(|(loss, accuracy)| Metrics { loss, accuracy });
        self.metrics = metrics.zip(seconds).collect();
        for (kept, checksums) in &mut self.checksums {
            *checksums = reader.take(&kept.file())?;
        }
        let made = rates.into_iter().zip(clips).enumerate();
        Ok(made.map(|(number, (learning_rate, clip))| Step { learning_rate, clip, ..step(number) }).collect())
    }
}
