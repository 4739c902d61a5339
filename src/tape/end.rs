//! The end of a path, where nothing else of it is wanted.

use super::{History, Kept, Metrics, Recorder, Recording, Step};
use crate::compute::Element;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};

/// Keeps the weights that a path has come to, and no others.
#[derive(Debug, Clone)]
pub struct End<E: Element> {
    history: History,
    weights: Vec<E>,
}

impl<E: Element> End<E> {
    /// Of a path of so many steps that has yet to begin.
    pub fn new(steps: usize) -> Self {
        Self { history: History::new(Recording::of_end(steps)), weights: Vec::new() }
    }

    /// The weights that were recorded last.
    pub fn weights(&self) -> &[E] {
        &self.weights
    }
}

impl<E: Element> Recorder<E> for End<E> {
    fn history(&self) -> &History {
        &self.history
    }

    fn record(&mut self, kept: Kept, _: usize, values: &[E]) -> Result<(), Error> {
        if kept == Kept::Weights {
            self.weights = values.to_vec();
        }
        Ok(())
    }

    fn made(&mut self, step: Step, metrics: Metrics, seconds: f64) {
        self.history.made(step, metrics, seconds);
    }

    fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        self.history.save(writer)?;
        Ok(writer.put("last weights", &self.weights)?)
    }

    fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<(), Error> {
        self.history.restore(reader, step)?;
        self.weights = reader.take("last weights")?;
        Ok(())
    }
}
