//! Which examples each step sees.

use crate::random::Random;
use std::collections::BTreeMap;
use std::ops::Range;

/// How a batch's losses are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Over the batch's own size.
    Mean,
    /// Added.
    Sum,
}

impl Reduction {
    /// What an entry of a batch counts in the loss.
    pub fn share(self, len: usize) -> f64 {
        if self == Reduction::Mean { 1.0 / len as f64 } else { 1.0 }
    }
}

/// One step of gradient descent, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// ε.
    pub learning_rate: f64,
    /// The batch; `None` is every example once.
    pub batch: Option<Vec<u32>>,
    /// m.
    pub examples: usize,
    /// What each entry of the batch counts in the loss: 1/|batch| or 1.
    pub share: f64,
    /// What the loss gradient was multiplied by to clip its norm; 1 where it was not.
    pub clip: f64,
}

impl Step {
    /// Entries of the batch.
    pub fn batch_len(&self) -> usize {
        self.batch.as_ref().map_or(self.examples, Vec::len)
    }

    /// The distinct examples of a range that the batch holds, ascending, each with its share of the loss: an example
    /// that the batch repeats counts as often.
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

/// Draws `steps` batches: each epoch a permutation of the examples, its last short batch kept.
pub fn draw_batches(seed: u64, examples: usize, size: usize, steps: usize) -> Vec<Vec<u32>> {
    let mut random = Random::new(seed, "batches");
    let mut batches = Vec::with_capacity(steps);
    while batches.len() < steps {
        let epoch = random.permutation(examples);
        batches.extend(epoch.chunks(size.max(1)).take(steps - batches.len()).map(<[u32]>::to_vec));
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_permutation_with_its_short_batch() {
        let batches = draw_batches(3, 7, 3, 6);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1, 3, 3, 1]);
        for epoch in batches.chunks(3) {
            let mut seen: Vec<u32> = epoch.concat();
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
        }
        assert_ne!(batches[..3], batches[3..]);
    }

    #[test]
    fn a_repeated_example_counts_as_often() {
        let step = Step { learning_rate: 0.1, batch: Some(vec![4, 1, 4]), examples: 5, share: 0.25, clip: 1.0 };
        assert_eq!(step.shares(&(0..5)), [(1, 0.25), (4, 0.5)]);
        assert_eq!(step.shares(&(2..4)), []);
    }
}
