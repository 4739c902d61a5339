//! The rule for a problem's path, by what a few of its steps show.

use super::data::query_targets;
use super::{Problem, TrainingData};
use crate::compute::cpu::CpuBackend;
use crate::compute::{Backend, BackendError, Element, Slice, widen};
use crate::error::Error;
use crate::path::{ChosenRule, Probe, looked_at};
use crate::tape::{Kept, Tape};
use crate::training::Recall;

/// Bytes that are kept for the next passes.
const IDLE: usize = 64 << 20;

impl Problem {
    /// The rule for a recorded path: the fewest Gauss nodes with which the changes of some queries over some steps are explained to
    /// a tolerance, relative to each query's largest; `adaptive` where the network is piecewise linear, or where no number of nodes
    /// is enough. `spec.rule` is not asked. What is measured is measured in double precision on the CPU, so that the answer
    /// depends on the path alone; `backend` makes steps again that were not recorded. `tick` is called from time to time.
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
        let again = if self.every > 1 { Some(TrainingData::new(backend, self)?) } else { None };
        let len = self.network.len;
        let mut ends = |number: usize| -> Result<[Vec<f64>; 2], Error> {
            let Some(data) = &again else {
                return Ok([widen(&tape.row(Kept::Weights, number)?), widen(&tape.row(Kept::Weights, number + 1)?)]);
            };
            let training = data.training();
            let mut recall = Recall::new(&training, tape);
            let is_last = number + 1 == tape.history().steps.len();
            let end = if is_last { recall.last()? } else { recall.leg(number + 1)?.weights };
            let start = recall.leg(number)?.weights;
            let host = |weights: &B::Buffer| -> Result<Vec<f64>, BackendError> {
                Ok(widen(&backend.download(Slice::new(weights, 0, len))?))
            };
            Ok([host(&start)?, host(&end)?])
        };
        probe.choose(looked_at(tape, self.network.multiply_adds())?, &mut ends, tick)
    }
}
