//! The rule for a problem's path, by what a few of its steps show.

use super::data::query_targets;
use super::{Problem, TrainingData};
use crate::compute::cpu::CpuBackend;
use crate::compute::{Backend, Element, Slice, widen};
use crate::error::Error;
use crate::path::{ChosenRule, Probe, looked_at};
use crate::tape::{Kept, Tape};
use crate::training::{Recall, Training};

/// Bytes that are kept for the next passes.
const IDLE: usize = 64 << 20;

impl Problem {
    /// The rule for a recorded path: the fewest Gauss nodes with which the changes of some queries over some steps are explained to
    /// a tolerance, relative to each query's largest; `adaptive` where the network is piecewise linear, where no number of nodes is
    /// enough, or where it takes less than half of them, since few steps need many. `spec.rule` is not asked. What is measured is
    /// measured in double precision on the CPU, so that the answer depends on the path alone; `backend` makes steps again that were
    /// not recorded. `tick` is called from time to time.
    ///
    /// # Errors
    ///
    /// A path of gradient flow, whose nodes are chosen before it is made; a device error, a tape that cannot be read, or what
    /// `tick` ends it with.
    pub fn choose_rule<B: Backend>(
        &self,
        backend: &B,
        tape: &dyn Tape<B::Element>,
        tolerance: f64,
        tick: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<ChosenRule, Error> {
        if self.spec.optimizer.whole().is_solved() {
            let problem = "kernel.rule: the nodes of gradient flow are chosen before its path is made; name them";
            return Err(Error::Input(problem.into()));
        }
        let double = CpuBackend::<f64>::with_idle(IDLE);
        let targets = query_targets(&double, &self.spec, self.query_aims())?;
        let (asked, queries) = ((&self.network, &self.spec), (self.queries(), targets.as_ref()));
        let probe = Probe::new(&double, asked, queries, [tolerance, B::Element::ROUNDING])?;
        let data = (self.every > 1).then(|| TrainingData::new(backend, self)).transpose()?;
        let training = data.as_ref().map(TrainingData::training);
        let mut path = Backwards { training: training.as_ref(), tape, len: self.network.len, recall: None, asked: 0 };
        let mut at = |point: usize| path.at(point);
        let steps = looked_at(&probe, tape, &mut at, tick)?;
        probe.choose(steps, &mut at, tick)
    }
}

/// The weights of a path, on the host. Where they were not recorded they are made again, quickest from the last to the first.
struct Backwards<'a, B: Backend> {
    /// What made the path; `None` where all weights were recorded.
    training: Option<&'a Training<'a, B>>,
    tape: &'a dyn Tape<B::Element>,
    /// Elements of a flat vector.
    len: usize,
    /// Gives the steps before the one asked for last.
    recall: Option<Recall<'a, B>>,
    asked: usize,
}

impl<B: Backend> Backwards<'_, B> {
    /// The weights before a step, or after the last one.
    fn at(&mut self, point: usize) -> Result<Vec<f64>, Error> {
        let (tape, recording) = (self.tape, &self.tape.history().recording);
        let training = match (recording.place(point), self.training) {
            (None, Some(training)) => training,
            (row, _) => return Ok(widen(&tape.row(Kept::Weights, row.unwrap_or(point))?)),
        };
        let recall = self.recall.take().filter(|_| point < self.asked);
        let mut recall = recall.unwrap_or_else(|| Recall::new(training, tape));
        let weights = recall.leg(point)?.weights;
        (self.recall, self.asked) = (Some(recall), point);
        Ok(widen(&training.backend.download(Slice::new(&weights, 0, self.len))?))
    }
}
