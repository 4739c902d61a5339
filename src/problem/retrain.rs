//! Training again, with examples that count more, less or nothing.

use super::{Problem, QueryData, TrainingData};
use crate::compute::Backend;
use crate::error::Error;
use crate::loss::Aims;
use crate::path::Quadrature;
use crate::tape::{End, Step};
use crate::training::rows_at_once;

/// Flat vectors of a step: the weights, the next ones, the gradient, what updates are made of, and what is on its way to the host.
const OF_STEP: usize = 8;
/// The same of a step of gradient flow, whose solver has stages.
const OF_FLOW: usize = 16;

impl Problem {
    /// The readouts `[n, R]` after training from `initial`, where each column's weight in the loss, that of an example or of a
    /// group, is times one of `factors`. All else is as in the problem's own training: first weights, batches, learning rates, what
    /// losses are divided by, and what is drawn; an example of weight 0 still passes with its batch. `stopped` is called after
    /// each step.
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train), factors that are not one a column, or what `stopped` ends it with.
    pub fn retrain<B: Backend>(
        &self,
        backend: &B,
        initial: &[f64],
        factors: &[f64],
        mut stopped: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<Vec<f64>, Error> {
        if factors.len() != self.columns() {
            let (have, want) = (factors.len(), self.columns());
            return Err(Error::Input(format!("factors: are {have} numbers; give one for each of {want} columns")));
        }
        let weights = self.weighted(factors);
        let data = TrainingData::aiming(backend, self, &Aims { weights: Some(&weights), ..self.aims() })?;
        let mut end = End::<B::Element>::new(self.steps.len());
        self.make(&data, (initial, &Quadrature::none()), &mut end, &mut stopped)?;
        let queries = QueryData::new(backend, self)?;
        let last = backend.upload(end.weights())?;
        let readouts = data.setting(&[], &queries).readouts(&last)?;
        // Weights that the recorder took are finite, and outputs of them need not be.
        if readouts.iter().all(|value| value.is_finite()) {
            return Ok(readouts);
        }
        let (step, last) = (self.steps.len().saturating_sub(1), self.steps.last());
        Err(Error::Diverged { step, learning_rate: last.map_or(0.0, |step| step.learning_rate) })
    }

    /// Bytes that a retraining takes, roughly, of elements of so many bytes: the data, flat vectors, and a pass.
    pub fn retraining_bytes(&self, element: usize) -> u64 {
        let network = self.network.in_training();
        let optimizer = self.spec.optimizer.whole();
        let vectors = optimizer.keeps().len() + if optimizer.is_solved() { OF_FLOW } else { OF_STEP };
        let most = self.steps.iter().map(Step::batch_len).max().unwrap_or(self.examples());
        let at_once = if network.couples_rows() { most } else { most.min(self.examples()).min(rows_at_once(network)) };
        let of_row = network.forward_len() + network.backward_len() + 2 * network.outputs;
        let elements =
            self.inputs.len() + 2 * self.examples() * network.outputs + vectors * network.len + at_once * of_row;
        let batches: usize = self.steps.iter().map(|step| 4 * step.batch_len()).sum();
        (elements * element + batches) as u64
    }

    /// ω of each position of the examples, times the factors of their columns.
    pub(super) fn weighted(&self, factors: &[f64]) -> Vec<f64> {
        let aims = self.aims();
        let positions = aims.positions();
        (0..aims.rows * positions).map(|place| aims.weight(place) * factors[self.column(place / positions)]).collect()
    }
}
