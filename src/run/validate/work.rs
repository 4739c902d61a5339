//! Makes the retrainings that are missing, several at once, beside other processes that do the same.

use super::asked::Retraining;
use super::retrained::{Folder, Retrained};
use crate::compute::Backend;
use crate::device::{Devices, Work, free_memory};
use crate::error::Error;
use crate::problem::Problem;
use crate::run::Inputs;
use crate::run::resume::Watch;
use crate::run::tiles::on_all;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// What all retrainings of a run share.
pub(super) struct Making<'a, 'w> {
    pub inputs: &'a Inputs,
    pub folder: &'a Folder<'a>,
    pub watch: &'a Watch<'w>,
    /// Retrainings at once on each device.
    pub jobs: usize,
}

impl Making<'_, '_> {
    /// Makes those of some retrainings that are not done, or waits for whoever makes them.
    ///
    /// # Errors
    ///
    /// A device that keeps failing, a disk that refuses, or it shall stop.
    pub fn make(&self, retrainings: &[&Retraining], devices: &impl Devices) -> Result<(), Error> {
        loop {
            let left: Vec<&Retraining> = retrainings.iter().copied().filter(|own| !self.folder.has(own)).collect();
            if left.is_empty() {
                return Ok(());
            }
            let parts = self.jobs.clamp(1, left.len());
            let queue = Queue(Mutex::new(left.iter().copied().collect()));
            on_all(devices, parts, self.watch, &|device, all| {
                devices.on_part(device, parts, Retrain { making: self, queue: &queue, all })
            })?;
            // What is not done now, another process makes: it may end before it is.
            if let Some(others) = left.iter().find(|own| !self.folder.has(own)) {
                self.folder.wait(others, &mut || self.watch.check())?;
            }
        }
    }

    fn one<B: Backend>(&self, backend: &B, retraining: &Retraining) -> Result<(), Error> {
        let Some(lock) = self.folder.claim(retraining)? else { return Ok(()) };
        if !self.folder.has(retraining) {
            let Inputs { problem, initial, .. } = self.inputs;
            let factors = retraining.factors(problem.columns());
            let retrained = match problem.retrain(backend, initial, &factors, &mut || self.watch.check()) {
                Ok(readouts) => Retrained::Readouts(readouts),
                Err(error) if error.is_divergence() => Retrained::Diverged,
                Err(error) => return Err(error),
            };
            self.folder.keep(retraining, &retrained)?;
            self.watch.note_saved();
            self.watch.advance();
        }
        lock.remove();
        Ok(())
    }
}

/// Retrainings that nobody of this process has begun.
struct Queue<'a>(Mutex<VecDeque<&'a Retraining>>);

impl<'a> Queue<'a> {
    fn with<T>(&self, what: impl FnOnce(&mut VecDeque<&'a Retraining>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes retrainings of the queue: all, or one.
struct Retrain<'a, 'w> {
    making: &'a Making<'a, 'w>,
    queue: &'a Queue<'a>,
    all: bool,
}

impl Work for Retrain<'_, '_> {
    /// Whether nothing is left.
    type Output = Option<()>;

    fn on<B: Backend>(self, backend: &B) -> Result<Option<()>, Error> {
        while let Some(retraining) = self.queue.with(VecDeque::pop_front) {
            if let Err(error) = self.making.one(backend, retraining) {
                // Another device may do better.
                self.queue.with(|queue| queue.push_front(retraining));
                return Err(error);
            }
            if !self.all {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }
}

/// As many retrainings at once as there are threads and memory for: small ones gain nothing by several threads each.
pub(super) fn jobs(problem: &Problem, bytes: usize, allowed: Option<u64>) -> usize {
    let room = allowed.unwrap_or(u64::MAX).min(free_memory() / 2);
    let fit = room / problem.retraining_bytes(bytes).max(1);
    rayon::current_num_threads().min(usize::try_from(fit).unwrap_or(usize::MAX)).max(1)
}
