//! A batch whose losses or readouts are wanted.

use super::Slice;
use super::op::Targets;
use crate::loss::Loss;
use crate::readout::OutputFunction;

/// A batch whose losses are wanted.
#[derive(Debug)]
pub struct LossBatch<'a, T, I> {
    /// Which loss.
    pub loss: Loss,
    /// Examples in the batch.
    pub rows: usize,
    /// Outputs C of the network.
    pub width: usize,
    /// `[rows, C]`.
    pub outputs: Slice<'a, T>,
    /// The targets of all examples.
    pub targets: Targets<'a, T, I>,
    /// `[rows]`: which example each row is.
    pub examples: &'a I,
    /// `[rows]`: what each counts in the loss.
    pub share: Slice<'a, T>,
}

/// A pass whose readouts are wanted.
#[derive(Debug)]
pub struct ReadoutBatch<'a, T, I> {
    /// Which function.
    pub kind: OutputFunction,
    /// Rows of the pass.
    pub rows: usize,
    /// Outputs C of the network.
    pub width: usize,
    /// f, `[rows, C]`.
    pub outputs: Slice<'a, T>,
    /// `[rows]`: each row's class, below C; see [`OutputFunction::has_classes`].
    pub classes: Option<&'a I>,
}
