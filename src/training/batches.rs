//! Which examples each step sees.

use crate::random::Random;

/// How the losses of a batch's examples make up its loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean over what the batch's examples count: without weights, over its size.
    Mean,
    /// Their sum.
    Sum,
}

impl Reduction {
    /// The factor of each example's loss, in a batch whose examples count `total` together.
    pub fn share(self, total: f64) -> f64 {
        if self == Reduction::Mean { 1.0 / total } else { 1.0 }
    }
}

/// Draws `steps` batches. Each epoch is a permutation of the examples; its last batch may be shorter, and is kept.
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
}
