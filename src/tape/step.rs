//! One step of a path.

use crate::compute::Element;
use std::collections::BTreeMap;
use std::ops::Range;

/// One step of gradient descent, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// ε.
    pub learning_rate: f64,
    /// The examples of the batch; `None` is every example once.
    pub batch: Option<Vec<u32>>,
    /// m: the number of training examples.
    pub examples: usize,
    /// The factor of each example's loss: 1/`total` for the mean, 1 for the sum.
    pub share: f64,
    /// What the batch's examples count together: |batch| where none has a weight.
    pub total: f64,
    /// The factor by which the loss gradient was clipped; 1 where it was not.
    pub clip: f64,
}

impl Step {
    /// The number of examples in the batch, repetitions included.
    pub fn batch_len(&self) -> usize {
        self.batch.as_ref().map_or(self.examples, Vec::len)
    }

    /// The rows of the batch, ascending, each with its factor in the loss. An example that the batch repeats has as many.
    pub fn rows(&self) -> Vec<(usize, f64)> {
        let mut examples: Vec<usize> = match &self.batch {
            None => (0..self.examples).collect(),
            Some(batch) => batch.iter().map(|&example| example as usize).collect(),
        };
        examples.sort_unstable();
        examples.into_iter().map(|example| (example, self.share)).collect()
    }

    /// The distinct examples of the batch that lie in a range, ascending, each with its factor in the loss. An example that
    /// the batch repeats counts as often.
    pub fn shares(&self, range: &Range<usize>) -> Vec<(usize, f64)> {
        let Some(batch) = &self.batch else {
            return range.clone().map(|example| (example, self.share)).collect();
        };
        let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
        for example in batch.iter().map(|&example| example as usize).filter(|example| range.contains(example)) {
            *counts.entry(example).or_default() += self.share;
        }
        counts.into_iter().collect()
    }
}

/// Loss and accuracy of a step's batch, at the weights before the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metrics {
    /// The loss of the batch: mean or sum, as the run asks.
    pub loss: f64,
    /// The share of the batch's examples whose class has the largest output, each counted as in the loss; without meaning for
    /// targets that are no classes.
    pub accuracy: f64,
}

impl Metrics {
    /// From the statistics `[loss, hits times their factors in the loss]`.
    pub(crate) fn new<E: Element>(statistics: &[E], step: &Step) -> Self {
        let accuracy = statistics[1].to_f64() / (step.share * step.total);
        Self { loss: statistics[0].to_f64(), accuracy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_example_counts_as_often() {
        let step =
            Step { learning_rate: 0.1, batch: Some(vec![4, 1, 4]), examples: 5, share: 0.25, total: 3.0, clip: 1.0 };
        assert_eq!(step.shares(&(0..5)), [(1, 0.25), (4, 0.5)]);
        assert_eq!(step.shares(&(2..4)), []);
        assert_eq!(step.rows(), [(1, 0.25), (4, 0.25), (4, 0.25)]);
    }
}
