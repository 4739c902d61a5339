//! What a step of training draws: nothing but its seed, its number and its examples decide it.

use super::Graph;
use crate::compute::Backend;
use std::fmt;

/// What the rows of a pass in training draw by.
pub struct Draw<'a, B: Backend + ?Sized> {
    /// What is drawn from.
    pub seed: u64,
    /// The step's number, from 0.
    pub step: u32,
    /// The example of each base row: its number among all examples.
    pub examples: &'a B::Index,
}

impl<B: Backend + ?Sized> Clone for Draw<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend + ?Sized> Copy for Draw<'_, B> {}

impl<B: Backend + ?Sized> fmt::Debug for Draw<'_, B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Draw").field("seed", &self.seed).field("step", &self.step).finish_non_exhaustive()
    }
}

impl Graph {
    /// The same, drawing from a seed in training.
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self.twin = self.twin.map(|twin| Box::new(twin.seeded(seed)));
        self
    }

    /// Whether a pass draws, so that it has to know its step and its examples.
    pub fn draws(&self) -> bool {
        self.nodes.iter().any(|node| node.drawn)
    }

    /// What the rows of a pass in a step draw by; `examples` are the numbers of theirs, where the graph [draws](Self::draws).
    pub fn drawing<'a, B: Backend>(&self, step: usize, examples: Option<&'a B::Index>) -> Option<Draw<'a, B>> {
        examples.map(|examples| Draw { seed: self.seed, step: step as u32, examples })
    }
}
