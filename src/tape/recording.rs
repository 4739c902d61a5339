//! Which vectors of a path are recorded.

use crate::optimizer::{Decay, Optimizer, Past};
use std::collections::BTreeMap;

/// The arrays of flat vectors that are recorded of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// The weights before every step, or before every k-th, and after the last.
    Weights,
    /// What every step's gradients were multiplied by, entry by entry, where the optimizer does that.
    Preconditioner,
    /// The part of every step that weight decay makes, where the optimizer remembers it.
    Decay,
    /// Of each step of an imported path, the step less the one that the optimizer makes of the same weights.
    Unexplained,
    /// One of the vectors that the optimizer keeps, before every k-th step: from there the steps between are made again.
    Memory(usize),
    /// Gradient flow: the weights at the nodes within each step.
    Nodes,
    /// Gradient flow: `-∇L` at those nodes.
    Slopes,
}

impl Kept {
    /// Its file, and its name in a file of states.
    pub(super) fn file(self) -> String {
        match self {
            Kept::Weights => "weights.npy".into(),
            Kept::Preconditioner => "preconditioner.npy".into(),
            Kept::Decay => "decay.npy".into(),
            Kept::Unexplained => "unexplained.npy".into(),
            Kept::Memory(number) => format!("memory_{number}.npy"),
            Kept::Nodes => "nodes.npy".into(),
            Kept::Slopes => "slopes.npy".into(),
        }
    }
}

/// Which arrays a recording has, and how many rows each of them.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The number of rows of each array; `None` where it is known only in the end.
    pub(super) rows: BTreeMap<Kept, Option<usize>>,
    /// The weights are recorded before every so many steps.
    every: usize,
    steps: usize,
}

impl Recording {
    /// The recording of a path of `steps` steps that the optimizer makes, with weights every `every` steps.
    pub fn new(optimizer: &Optimizer, steps: usize, every: usize) -> Self {
        let places = if every == 1 { steps + 1 } else { steps.div_ceil(every) + 1 };
        let mut rows = BTreeMap::from([(Kept::Weights, Some(places))]);
        if optimizer.is_solved() {
            rows = [Kept::Weights, Kept::Nodes, Kept::Slopes].map(|kept| (kept, None)).into();
        } else if every == 1 {
            let preconditioned = matches!(optimizer.past(), Past::Preconditioned { .. });
            rows.extend(preconditioned.then_some((Kept::Preconditioner, Some(steps))));
            let decay = optimizer.decay(optimizer.learning_rate()) == Decay::Remembered;
            rows.extend(decay.then_some((Kept::Decay, Some(steps))));
        } else {
            rows.extend((0..optimizer.keeps().len()).map(|number| (Kept::Memory(number), Some(places))));
        }
        Self { rows, every, steps }
    }

    /// The recording of an imported path of `steps` steps.
    pub fn imported(optimizer: &Optimizer, steps: usize) -> Self {
        let mut recording = Self::new(optimizer, steps, 1);
        recording.rows.insert(Kept::Unexplained, Some(steps));
        recording
    }

    /// The recording of the ends of a path of `steps` steps alone.
    pub fn of_end(steps: usize) -> Self {
        Self { rows: BTreeMap::from([(Kept::Weights, Some(2))]), every: steps.max(1), steps }
    }

    /// Whether an array is recorded.
    pub fn keeps(&self, kept: Kept) -> bool {
        self.rows.contains_key(&kept)
    }

    /// Weights are recorded every so many steps, and the steps between are made again when they are needed.
    pub fn every(&self) -> usize {
        self.every
    }

    /// The row that holds the weights before step `number`, where they are recorded.
    pub(crate) fn place(&self, number: usize) -> Option<usize> {
        match number {
            _ if number == self.steps && !self.steps.is_multiple_of(self.every) => Some(self.steps / self.every + 1),
            _ if number.is_multiple_of(self.every) => Some(number / self.every),
            _ => None,
        }
    }

    /// The number of flat vectors in all arrays together; 0 for gradient flow, whose number of steps is not known yet.
    pub fn vectors(&self) -> usize {
        self.rows.values().flatten().sum()
    }
}
