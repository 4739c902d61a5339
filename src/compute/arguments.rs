//! What operations take: parts of buffers, weights on a segment, maps from rows to outputs, parts of a fused product.

use super::{Backend, BackendError, Element, Outer, Result};
use crate::loss::Loss;
use crate::readout::OutputFunction;
use std::sync::Arc;

/// A read-only part of a buffer, in elements.
#[derive(Debug)]
pub struct Slice<'a, T> {
    /// The buffer it lies in.
    pub buffer: &'a T,
    /// Its first element.
    pub offset: usize,
    /// How many elements.
    pub len: usize,
}

impl<T> Clone for Slice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slice<'_, T> {}

impl<'a, T> Slice<'a, T> {
    /// The part of `buffer` of `len` elements that starts at `offset`.
    pub fn new(buffer: &'a T, offset: usize, len: usize) -> Self {
        Self { buffer, offset, len }
    }

    /// A part of this part.
    pub fn part(&self, offset: usize, len: usize) -> Slice<'a, T> {
        Slice { buffer: self.buffer, offset: self.offset + offset, len }
    }
}

/// A writable part of a buffer, in elements.
#[derive(Debug)]
pub struct SliceMut<'a, T> {
    /// The buffer it lies in.
    pub buffer: &'a mut T,
    /// Its first element.
    pub offset: usize,
    /// How many elements.
    pub len: usize,
}

impl<'a, T> SliceMut<'a, T> {
    /// The part of `buffer` of `len` elements that starts at `offset`.
    pub fn new(buffer: &'a mut T, offset: usize, len: usize) -> Self {
        Self { buffer, offset, len }
    }
}

/// Where rows sit on the segment of weights `w + τ Δw`: row `r` of an operation uses
/// `tau[(r / positions) % tau.len]`.
#[derive(Debug)]
pub struct Position<'a, T> {
    /// τ of each base row.
    pub tau: Slice<'a, T>,
    /// How many consecutive rows of the operation share one τ.
    pub positions: usize,
}

impl<T> Clone for Position<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Position<'_, T> {}

/// Parameters of a layer, at `w` or, with a `step`, at each row's own `w + τ Δw`.
#[derive(Debug)]
pub struct Weights<'a, T> {
    /// The values at the start of the segment.
    pub start: Slice<'a, T>,
    /// The change over the segment, and where each row sits on it.
    pub step: Option<(Slice<'a, T>, Position<'a, T>)>,
}

impl<T> Clone for Weights<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Weights<'_, T> {}

/// How gradient rows are combined into outputs: output `o` sums rows `offsets[o] .. offsets[o + 1]`, in order, each
/// with its weight; row `r` takes its layer input from base row `inputs[r]`.
///
/// The rows of a query are its quadrature nodes, and queries may have different numbers of them.
#[derive(Debug)]
pub struct RowMap<B: Backend + ?Sized> {
    /// `[outputs + 1]`, ascending, from 0 to `rows`.
    pub offsets: Arc<B::Index>,
    /// `[rows]`: the base row whose layer input belongs to the row.
    pub inputs: Arc<B::Index>,
    /// `[rows]`: the quadrature weight.
    pub weights: B::Buffer,
    /// How many outputs.
    pub outputs: usize,
    /// How many rows.
    pub rows: usize,
    /// The largest number of rows of one output.
    pub longest: usize,
}

impl<B: Backend + ?Sized> RowMap<B> {
    /// One row an output, each with the same weight: `copies * base` of them, copy-major.
    pub fn each(backend: &B, copies: usize, base: usize, weight: f64) -> Result<Self> {
        let rows = copies * base;
        let offsets: Vec<u32> = (0..=rows as u32).collect();
        let inputs: Vec<u32> = (0..rows).map(|row| (row % base.max(1)) as u32).collect();
        Self::new(backend, &offsets, &inputs, &vec![weight; rows])
    }

    /// The same rows with other weights. Both maps share their index arrays.
    pub fn weighing(&self, backend: &B, weights: &[f64]) -> Result<Self> {
        if weights.len() != self.rows {
            let problem = format!("{} weights for a map of {} rows", weights.len(), self.rows);
            return Err(BackendError::Invalid(problem));
        }
        let values: Vec<B::Element> = weights.iter().map(|&weight| B::Element::from_f64(weight)).collect();
        Ok(Self {
            offsets: Arc::clone(&self.offsets),
            inputs: Arc::clone(&self.inputs),
            weights: backend.upload(&values)?,
            ..*self
        })
    }

    /// Uploads a map. `offsets` must ascend from 0 to the number of rows.
    pub fn new(backend: &B, offsets: &[u32], inputs: &[u32], weights: &[f64]) -> Result<Self> {
        let ascending = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
        let ends = offsets.first() == Some(&0) && offsets.last().map(|&last| last as usize) == Some(inputs.len());
        if !ascending || !ends || inputs.len() != weights.len() {
            return Err(BackendError::Invalid(format!(
                "a row map of {} offsets, {} inputs and {} weights does not fit together",
                offsets.len(),
                inputs.len(),
                weights.len()
            )));
        }
        let longest = offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or(0);
        let values: Vec<B::Element> = weights.iter().map(|&w| B::Element::from_f64(w)).collect();
        Ok(Self {
            offsets: Arc::new(backend.index(offsets)?),
            inputs: Arc::new(backend.index(inputs)?),
            weights: backend.upload(&values)?,
            outputs: offsets.len() - 1,
            rows: inputs.len(),
            longest,
        })
    }
}

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

impl<B: Backend + ?Sized> LossBatch<'_, B> {
    /// What is wrong where the targets are not those that the loss takes.
    pub(crate) fn wrong_targets(&self) -> BackendError {
        BackendError::Invalid(format!("loss: {} takes {:?}, and has others", self.loss.name(), self.loss.takes()))
    }
}

/// A pass whose readouts are wanted.
#[derive(Debug)]
pub struct ReadoutBatch<'a, B: Backend + ?Sized> {
    /// Which readouts.
    pub kind: OutputFunction,
    /// Rows of the pass.
    pub rows: usize,
    /// Outputs C of the network.
    pub width: usize,
    /// f, `[rows, C]`.
    pub outputs: Slice<'a, B::Buffer>,
    /// `[rows]`: each row's class, below C; see [`OutputFunction::has_classes`].
    pub classes: Option<&'a B::Index>,
}

/// What a step of Adam writes, each as long as the weights.
#[derive(Debug)]
pub struct AdamOut<'a, T> {
    /// The next weights.
    pub next: SliceMut<'a, T>,
    /// The first moment, also read.
    pub first: SliceMut<'a, T>,
    /// The second moment, also read.
    pub second: SliceMut<'a, T>,
    /// d, what the first moment is multiplied by.
    pub preconditioner: SliceMut<'a, T>,
}

/// One part of a fused product: what a layer (at one quadrature node, or averaged over nodes) adds to the value of row
/// `(c, q)` and column `(d, i)`; see [`Gram`](super::Gram). P are the layer's positions.
pub enum Part<'a, B: Backend + ?Sized> {
    /// `Σ_r ω_r Σ_{p,p'} G[(g(r), p), (p', i)] Σ_k left[(r, p), k] right[(d, i), p', k]` over the rows r of output
    /// `(c, q)` of the map. For [`Entries::Trace`](super::Entries::Trace) the outputs of a query have rows with the same
    /// inputs.
    Factored {
        /// From gradient rows to outputs `(c, q)`.
        map: &'a RowMap<B>,
        /// P.
        positions: usize,
        /// The summed dimension, at least 1.
        depth: usize,
        /// `[rows, P, depth]`.
        left: Slice<'a, B::Buffer>,
        /// `[copies, examples, P, depth]`.
        right: Slice<'a, B::Buffer>,
        /// G: the Gram matrix of the layer's inputs, `[base rows, P, P', examples]`: the row's position p, the example's
        /// position p', the example.
        inputs: Slice<'a, B::Buffer>,
    },
    /// `G[q, i] right[(d, i), c]`: a last linear layer, whose gradient with respect to output c is the unit vector c. The
    /// rows of a query are the outputs, R = C.
    Output {
        /// `[copies, examples, R]`.
        right: Slice<'a, B::Buffer>,
        /// G, `[queries, examples]`.
        inputs: Slice<'a, B::Buffer>,
    },
    /// `Σ_k left[(c, q), k] right[(d, i), k]`: whole gradient rows.
    Rows {
        /// The summed dimension, at least 1.
        depth: usize,
        /// `[R, queries, depth]`.
        left: Slice<'a, B::Buffer>,
        /// `[copies, examples, depth]`.
        right: Slice<'a, B::Buffer>,
    },
    /// `Σ_{p,k} delta[(d, i), p, k] (Σ_j left[(c, q), k, j] input[i, p, j] + bias[(c, q), k])`: whole gradient rows of
    /// the queries, applied to the factors of the examples.
    Half {
        /// The layer's shape; a row of `left` is [`Outer::row`] long, its bias last.
        shape: Outer,
        /// `[R, queries, row]`.
        left: Slice<'a, B::Buffer>,
        /// `[copies, examples, P, height]`.
        delta: Slice<'a, B::Buffer>,
        /// `[examples, P, width]`.
        input: Slice<'a, B::Buffer>,
    },
}

impl<B: Backend + ?Sized> Clone for Part<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Backend + ?Sized> Copy for Part<'_, B> {}

/// What a fused product is added to.
#[derive(Debug)]
pub struct Accumulator<'a, T> {
    /// Laid out as [`Gram`](super::Gram) says.
    pub out: SliceMut<'a, T>,
    /// What the product is multiplied by.
    pub scale: f64,
    /// w, `[copies, examples]`: what each column is multiplied by. Not with [`Entries::Trace`](super::Entries::Trace).
    pub weights: Option<Slice<'a, T>>,
}
