//! The history of a path: its steps, their metrics, and which vectors are kept.

use super::{Kept, Metrics, Recording, Step};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};

/// The steps of a path, as far as it was made, with their metrics.
#[derive(Debug, Clone)]
pub struct History {
    /// Which vectors are kept.
    pub recording: Recording,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Each step's metrics, and the seconds that training had taken when it was made.
    pub metrics: Vec<(Metrics, f64)>,
}

impl History {
    /// A history without a step.
    pub fn new(recording: Recording) -> Self {
        Self { recording, steps: Vec::new(), metrics: Vec::new() }
    }

    /// Adds a step.
    pub fn made(&mut self, step: Step, metrics: Metrics, seconds: f64) {
        self.steps.push(step);
        self.metrics.push((metrics, seconds));
    }

    /// Seconds that training has taken so far.
    pub fn seconds(&self) -> f64 {
        self.metrics.last().map_or(0.0, |(_, seconds)| *seconds)
    }

    /// The number of steps in a block of the two-level sums: about √steps.
    pub fn block(&self) -> usize {
        ((self.steps.len() as f64).sqrt().ceil() as usize).max(1)
    }

    /// The steps at which `count` windows of training of equal length begin, and the number of steps; nothing where there is no
    /// window. A step belongs to the window in which it begins. Lengths are numbers of steps, of gradient flow its time.
    pub fn windows(&self, count: usize) -> Vec<usize> {
        let steps = self.steps.len();
        let of_time = self.recording.keeps(Kept::Nodes);
        let time: f64 = self.steps.iter().map(|step| step.learning_rate).sum();
        let begins = |window: usize| match of_time {
            false => (window * steps).div_ceil(count),
            true => self.steps_before(time * window as f64 / count as f64),
        };
        let last = (count > 0).then_some(steps);
        (0..count).map(begins).chain(last).collect()
    }

    /// The number of steps of gradient flow that begin before some time.
    fn steps_before(&self, end: f64) -> usize {
        let mut time = 0.0;
        let begins = |step: &Step| {
            let begin = time;
            time += step.learning_rate;
            begin
        };
        self.steps.iter().map(begins).take_while(|&begin| begin < end).count()
    }

    /// Writes rates, clipping and metrics.
    pub(super) fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        let numbers = |of: &dyn Fn(&Step) -> f64| self.steps.iter().map(of).collect::<Vec<f64>>();
        writer.put("learning rates", &numbers(&|step| step.learning_rate))?;
        writer.put("clip", &numbers(&|step| step.clip))?;
        let metrics = |of: &dyn Fn(&(Metrics, f64)) -> f64| self.metrics.iter().map(of).collect::<Vec<f64>>();
        writer.put("loss", &metrics(&|(metrics, _)| metrics.loss))?;
        writer.put("accuracy", &metrics(&|(metrics, _)| metrics.accuracy))?;
        Ok(writer.put("seconds", &metrics(&|(_, seconds)| *seconds))?)
    }

    /// Reads what was [saved](Self::save). The steps are those of `step`, with the rates and clipping that were read.
    pub(super) fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<(), Error> {
        let rates: Vec<f64> = reader.take("learning rates")?;
        let clips: Vec<f64> = reader.take_exactly("clip", rates.len())?;
        let losses: Vec<f64> = reader.take_exactly("loss", rates.len())?;
        let accuracies: Vec<f64> = reader.take_exactly("accuracy", rates.len())?;
        let seconds: Vec<f64> = reader.take_exactly("seconds", rates.len())?;
        let metrics = losses.into_iter().zip(accuracies).map(|(loss, accuracy)| Metrics { loss, accuracy });
        self.metrics = metrics.zip(seconds).collect();
        let made = rates.into_iter().zip(clips).enumerate();
        self.steps = made.map(|(number, (learning_rate, clip))| Step { learning_rate, clip, ..step(number) }).collect();
        Ok(())
    }
}
