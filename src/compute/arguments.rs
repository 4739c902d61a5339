//! What losses and readouts take.

use super::{Backend, ReadoutKind, Slice};
use crate::loss::Loss;

/// The targets of a set of examples, on the device.
#[derive(Debug)]
pub enum Targets<'a, B: Backend + ?Sized> {
    /// `[m]` class numbers.
    Classes(&'a B::Index),
    /// `[m, C]` reals.
    Reals(Slice<'a, B::Buffer>),
}

impl<B: Backend + ?Sized> Clone for Targets<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend + ?Sized> Copy for Targets<'_, B> {}

/// A batch whose losses are wanted.
#[derive(Debug)]
pub struct LossBatch<'a, B: Backend + ?Sized> {
    /// Which loss.
    pub loss: Loss,
    /// Examples in the batch.
    pub rows: usize,
    /// Outputs C of the network.
    pub width: usize,
    /// `[rows, C]`.
    pub outputs: Slice<'a, B::Buffer>,
    /// The targets of all examples.
    pub targets: Targets<'a, B>,
    /// `[rows]`: which example each row is.
    pub examples: &'a B::Index,
    /// `[rows]`: what each counts in the loss.
    pub share: Slice<'a, B::Buffer>,
}

/// A pass whose readouts are wanted.
#[derive(Debug)]
pub struct ReadoutBatch<'a, B: Backend + ?Sized> {
    /// Which readouts.
    pub kind: ReadoutKind,
    /// Rows of the pass.
    pub rows: usize,
    /// Outputs C of the network.
    pub width: usize,
    /// f, `[rows, C]`.
    pub outputs: Slice<'a, B::Buffer>,
    /// `[rows]`: each row's class, below C; see [`ReadoutKind::has_classes`].
    pub classes: Option<&'a B::Index>,
}
