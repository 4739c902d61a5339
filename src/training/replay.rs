//! The steps of a recorded path, the last one first, with what going back through each takes: of an optimizer that looks back its
//! gradient and what it kept after it. These are made again, block by block, from the weights that were recorded.

use super::walk::Leg;
use super::{Recall, Training};
use crate::compute::{Backend, Slice};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::optimizer::{Given, Kept, Memory, Vectors};
use crate::tape::Tape;

/// A step of a path, as going back through it takes it.
pub(crate) struct Passage<B: Backend> {
    /// The weights before it, and what is recorded of it.
    pub leg: Leg<B>,
    /// The loss gradient, as clipped, where the optimizer looks back or the gradient was clipped.
    pub gradient: Option<B::Buffer>,
    /// What the optimizer kept after it, where it looks back.
    after: Option<Memory<B>>,
}

impl<B: Backend> Passage<B> {
    /// What the optimizer looks back at.
    pub fn kept(&self) -> Option<Kept<'_, B>> {
        let (gradient, after) = self.gradient.as_ref().zip(self.after.as_ref())?;
        Some(Kept { gradient, after })
    }
}

/// Gives the steps of a path, the last one first.
pub(crate) struct Replay<'a, B: Backend> {
    training: &'a Training<'a, B>,
    tape: &'a dyn Tape<B::Element>,
    recall: Recall<'a, B>,
    /// Steps of a block.
    block: usize,
    /// What the optimizer kept before each block, as far as that was found.
    starts: Vec<Memory<B>>,
    /// The steps that were made again and not asked for yet.
    made: Vec<Passage<B>>,
}

impl<'a, B: Backend> Replay<'a, B> {
    /// `training` must be the one that made the path, or that it was held against.
    pub fn new(training: &'a Training<'a, B>, tape: &'a dyn Tape<B::Element>) -> Self {
        let (history, recall) = (tape.history(), Recall::new(training, tape));
        let block = if history.recording.every() > 1 { history.recording.every() } else { history.block() };
        Self { training, tape, recall, block, starts: Vec::new(), made: Vec::new() }
    }

    fn looks_back(&self) -> bool {
        self.training.optimizer.whole().looks_back()
    }

    /// Blocks of which it has to be found what the optimizer kept before them, and how many of them are done: they come before any
    /// step is asked for. There are none where that is recorded, or not asked for.
    pub fn ahead(&self) -> (usize, usize) {
        let history = self.tape.history();
        let is_found = self.looks_back() && history.recording.every() == 1;
        (self.starts.len(), if is_found { history.steps.len().div_ceil(self.block) } else { 0 })
    }

    /// Goes on by one of them.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn advance(&mut self) -> Result<(), Error> {
        let Training { backend, network, optimizer, .. } = self.training;
        let start = match self.starts.last() {
            None => optimizer.memory(*backend, network.len)?,
            Some(last) => {
                let (mut memory, next) = (self.copied(last)?, self.starts.len() * self.block);
                for number in next - self.block..next {
                    self.make(number, &mut memory)?;
                }
                memory
            }
        };
        self.starts.push(start);
        Ok(())
    }

    /// Makes a step again on its recorded weights, with what the optimizer kept before it. Returns it with its gradient.
    fn make(&mut self, number: usize, memory: &mut Memory<B>) -> Result<(Leg<B>, B::Buffer), Error> {
        let Training { backend, network, optimizer, .. } = self.training;
        let (leg, step) = (self.recall.leg(number)?, &self.tape.history().steps[number]);
        let vectors = Vectors { backend: *backend, len: network.trained_len };
        let gradient = self.gradient(number, &leg.weights)?;
        let given =
            Given { number, rate: step.learning_rate, weights: &leg.weights, gradient: vectors.copy(&gradient)? };
        optimizer.step(&vectors, memory, given)?;
        Ok((leg, gradient))
    }

    /// The loss gradient of a step, as clipped.
    fn gradient(&self, number: usize, weights: &B::Buffer) -> Result<B::Buffer, Error> {
        let step = &self.tape.history().steps[number];
        self.training.clipped(step, self.training.gradient(weights, (number, step))?.gradient)
    }

    fn copied(&self, memory: &Memory<B>) -> Result<Memory<B>, Error> {
        let Training { backend, network, .. } = self.training;
        Ok(memory.map(|vector| backend.copied(Slice::new(vector, 0, network.trained_len)))?)
    }

    /// The weights before a step, or after the last one.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn before(&mut self, number: usize) -> Result<B::Buffer, Error> {
        self.recall.before(number)
    }

    /// Step `number`. They are asked for one after the other, the last one first.
    ///
    /// # Errors
    ///
    /// A device error, or a recording that is damaged.
    pub fn passage(&mut self, number: usize) -> Result<Passage<B>, Error> {
        if !self.looks_back() {
            let leg = self.recall.leg(number)?;
            let clipped = self.tape.history().steps[number].clip != 1.0;
            let gradient = clipped.then(|| self.gradient(number, &leg.weights)).transpose()?;
            return Ok(Passage { leg, gradient, after: None });
        }
        if self.made.is_empty() {
            self.remake(number / self.block * self.block, number)?;
        }
        let missing = || Error::Trajectory(format!("the recorded path has no step {number}"));
        self.made.pop().ok_or_else(missing)
    }

    /// Makes the steps from `first`, which begins a block, to `last` again.
    fn remake(&mut self, first: usize, last: usize) -> Result<(), Error> {
        let mut memory = match self.starts.get(first / self.block) {
            Some(start) => self.copied(start)?,
            None => self.training.remembered(self.tape, first)?,
        };
        for number in first..=last {
            let (leg, gradient) = self.make(number, &mut memory)?;
            let after = Some(self.copied(&memory)?);
            self.made.push(Passage { leg, gradient: Some(gradient), after });
        }
        Ok(())
    }

    /// Writes what was found ahead.
    ///
    /// # Errors
    ///
    /// A device error, or a file that cannot be written.
    pub fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        let Training { backend, network, .. } = self.training;
        writer.put_counts("starts", &[self.starts.len()])?;
        for vector in self.starts.iter().flat_map(Memory::vectors) {
            writer.put("start", &backend.download(Slice::new(vector, 0, network.trained_len))?)?;
        }
        Ok(())
    }

    /// Takes what was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A device error, or a file that holds something else.
    pub fn restore(&mut self, reader: &mut StateReader) -> Result<(), Error> {
        let Training { backend, network, optimizer, .. } = self.training;
        for _ in 0..reader.take_counts("starts", 1)?[0] {
            let mut memory = Memory::new(*backend, optimizer.whole(), network.trained_len)?;
            for vector in memory.vectors_mut() {
                *vector = backend.upload(&reader.take_exactly::<B::Element>("start", network.trained_len)?)?;
            }
            self.starts.push(memory);
        }
        Ok(())
    }
}
