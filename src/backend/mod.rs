/*!
The operations that everything else is written in, as one trait with two implementations.

A [`Backend`] owns buffers of one floating-point type and about twenty operations on them. Networks, training,
Jacobians and the integration are written once, over this trait; `cpu` implements it for `f32` and `f64`, `gpu`
for `f32` through wgpu. An operation is one file of one name in each.

Conventions, the same for every operation:

* Arrays are dense and in C order. A slice starts anywhere in its buffer.
* An output is never also an input: the borrow rules say so on the CPU, and GPUs ask for it.
* *Base rows* are rows of a forward pass. A backward pass carries `copies` of them, copy-major: row `c * base + b`
  belongs to base row `b`. So an operation that meets both takes the base row as `row % base`.
* A row may sit at its own position τ on the segment from `w` to `w + Δw`; [`Position`] carries the τ.
*/

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;

mod element;
mod phase;
mod shapes;

pub use element::Element;
pub(crate) use element::convert;
pub use phase::{Clock, Phase};
pub use shapes::*;

use crate::run_file::{Activation, Loss};
use std::sync::Arc;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No adapter fits what was asked for.
    #[error("no GPU adapter: {0}")]
    NoAdapter(String),
    /// The device has no room for a buffer.
    #[error("out of device memory: {0}")]
    OutOfMemory(String),
    /// The device was lost, or did not answer in time.
    #[error("device lost: {0}")]
    Lost(String),
    /// An operation was given arrays that do not fit together, or the driver refused it. A defect in this program.
    #[error("invalid operation: {0}")]
    Invalid(String),
}

/// What every operation returns.
pub type Result<T> = std::result::Result<T, BackendError>;

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

    /// The same rows, each with another weight. Both maps share their index arrays.
    pub fn weighing(&self, backend: &B, weight: f64) -> Result<Self> {
        let values = vec![B::Element::from_f64(weight); self.rows];
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

/// One part of a fused product: what a layer (at one quadrature node, or averaged over nodes) adds to the value of row
/// `(c, q)` and column `(d, i)`; see [`Gram`]. P are the layer's positions.
pub enum Part<'a, B: Backend + ?Sized> {
    /// `Σ_r ω_r Σ_{p,p'} G[(g(r), p), (p', i)] Σ_k left[(r, p), k] right[(d, i), p', k]` over the rows r of output
    /// `(c, q)` of the map. For [`Entries::Trace`] the outputs of a query have rows with the same inputs.
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
    /// `G[q, i] right[(d, i), c]`: a last linear layer, whose gradient with respect to output c is the unit vector c.
    Output {
        /// `[copies, examples, C]`.
        right: Slice<'a, B::Buffer>,
        /// G, `[queries, examples]`.
        inputs: Slice<'a, B::Buffer>,
    },
    /// `Σ_k left[(c, q), k] right[(d, i), k]`: whole gradient rows.
    Rows {
        /// The summed dimension, at least 1.
        depth: usize,
        /// `[C, queries, depth]`.
        left: Slice<'a, B::Buffer>,
        /// `[copies, examples, depth]`.
        right: Slice<'a, B::Buffer>,
    },
    /// `Σ_{p,k} delta[(d, i), p, k] (Σ_j left[(c, q), k, j] input[i, p, j] + bias[(c, q), k])`: whole gradient rows of
    /// the queries, applied to the factors of the examples.
    Half {
        /// The layer's shape; a row of `left` is [`Outer::row`] long, its bias last.
        shape: Outer,
        /// `[C, queries, row]`.
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
    /// Laid out as [`Gram`] says.
    pub out: SliceMut<'a, T>,
    /// What the product is multiplied by.
    pub scale: f64,
    /// w, `[copies, examples]`: what each column is multiplied by. Not with [`Entries::Trace`].
    pub weights: Option<Slice<'a, T>>,
}

/// A device and its operations. All lengths are in elements; every operation checks that its arrays fit together.
///
/// Operations may be queued: an error of the device can surface at a later call, at the latest in
/// [`download`](Backend::download) or [`collect`](Backend::collect).
pub trait Backend {
    /// The floating-point type of the buffers.
    type Element: Element;
    /// An array on the device.
    type Buffer;
    /// An array of `u32` on the device.
    type Index;
    /// A second-level accumulator: sums of block sums, wider than `Buffer` where the device can.
    type Total;
    /// A download under way.
    type Ticket;

    /// What it runs on, for people.
    fn name(&self) -> String;
    /// The largest number of elements that one buffer may have.
    fn largest_buffer(&self) -> usize;
    /// Elements of an array that is written and read again at once, at the most: what stays near the processor.
    fn stretch(&self) -> usize;

    /// The operations that follow belong to a phase; returns the one before.
    fn enter(&self, phase: Phase) -> Phase;
    /// Seconds of each phase so far, where the device can tell.
    fn phase_seconds(&self) -> Option<[f64; Phase::COUNT]>;

    /// A new buffer of zeros.
    fn zeros(&self, len: usize) -> Result<Self::Buffer>;
    /// A new buffer of unspecified contents, to be overwritten before it is read.
    fn scratch(&self, len: usize) -> Result<Self::Buffer>;
    /// A new buffer with these values.
    fn upload(&self, values: &[Self::Element]) -> Result<Self::Buffer>;
    /// Overwrites part of a buffer.
    fn write(&self, out: SliceMut<'_, Self::Buffer>, values: &[Self::Element]) -> Result<()>;
    /// A new index array.
    fn index(&self, values: &[u32]) -> Result<Self::Index>;
    /// Copies to the host and waits.
    fn download(&self, source: Slice<'_, Self::Buffer>) -> Result<Vec<Self::Element>>;
    /// Starts a copy to the host that does not hold up the queue. Holds the values as of this call.
    fn download_later(&self, source: Slice<'_, Self::Buffer>) -> Result<Self::Ticket>;
    /// Waits for a copy started earlier.
    fn collect(&self, ticket: Self::Ticket) -> Result<Vec<Self::Element>>;
    /// New second-level accumulators, all zero.
    fn totals(&self, len: usize) -> Result<Self::Total>;
    /// `total += block; block = 0`. Same lengths.
    fn fold(&self, total: &mut Self::Total, block: &mut Self::Buffer) -> Result<()>;
    /// Copies accumulators to the host.
    fn download_totals(&self, total: &Self::Total) -> Result<Vec<f64>>;

    /// `out = source`.
    fn copy(&self, out: SliceMut<'_, Self::Buffer>, source: Slice<'_, Self::Buffer>) -> Result<()>;
    /// `out = value`.
    fn fill(&self, out: SliceMut<'_, Self::Buffer>, value: f64) -> Result<()>;
    /// `out += scale * x`.
    fn axpy(&self, out: SliceMut<'_, Self::Buffer>, scale: f64, x: Slice<'_, Self::Buffer>) -> Result<()>;
    /// `out[r, ..] = x[rows[r], ..]`, each of `width` elements. An entry beyond `x` is undefined.
    fn gather(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
        rows: &Self::Index,
        width: usize,
    ) -> Result<()>;

    /// `out[r, c] = start + s_r Σ_k a[r, k] b[..]`; see [`MatMul`]. `scale` gives `s_r` (1 without it).
    fn matmul(
        &self,
        shape: &MatMul,
        out: SliceMut<'_, Self::Buffer>,
        a: Slice<'_, Self::Buffer>,
        b: Slice<'_, Self::Buffer>,
        scale: Option<Position<'_, Self::Buffer>>,
    ) -> Result<()>;
    /// `out[r, j] += bias[j] (+ τ_r step[j])` for every row of `bias.start.len` elements.
    fn bias(&self, out: SliceMut<'_, Self::Buffer>, bias: Weights<'_, Self::Buffer>) -> Result<()>;
    /// `out = f(x)`, elementwise.
    fn activation(&self, kind: Activation, out: SliceMut<'_, Self::Buffer>, x: Slice<'_, Self::Buffer>) -> Result<()>;
    /// `out = f'(x)`, elementwise.
    fn activation_slope(
        &self,
        kind: Activation,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// `out[e] = delta[e] slope[e % slope.len]`; `out` and `delta` hold copies of `slope`.
    fn multiply(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        slope: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// Unfolds images `[rows, channels, height, width]` into patches
    /// `[rows, out_height * out_width, channels * kernel * kernel]`, zeros in the padding.
    fn im2col(
        &self,
        shape: &Window,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The transpose of [`im2col`](Backend::im2col): each pixel sums the patch entries that hold it.
    fn col2im(
        &self,
        shape: &Window,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        patches: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The gradient of a convolution with respect to its images, for a stride of 1 and a padding below the kernel: `delta`
    /// is `[rows, channels, positions]`, `weight` `[channels, patch]`. The same as [`matmul`](Backend::matmul) and
    /// [`col2im`](Backend::col2im) but for rounding.
    fn convolve_backward(
        &self,
        shape: &Convolution,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        weight: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// `out[b, j, i] = x[b, i, j]`; x is `[batches, rows, columns]`.
    fn transpose(&self, shape: &Transpose, out: SliceMut<'_, Self::Buffer>, x: Slice<'_, Self::Buffer>) -> Result<()>;
    /// Pools images; windows do not overlap, the remainder is dropped.
    fn pool(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The gradient of [`pool`](Backend::pool) with respect to its input. `rows` counts `out`'s images, a multiple of
    /// `x`'s; a tie of maxima goes to the first in row order.
    fn pool_backward(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// Normalises each row of `width`: `normal = (x - mean) * scale`, `scale = 1/√(variance + 1e-5)` (one a row;
    /// the variance is the biased one).
    fn layer_norm(
        &self,
        width: usize,
        normal: SliceMut<'_, Self::Buffer>,
        scale: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// `out[r, j] = γ_j x[r, j] + β_j`, where `weights` is `[γ, β]`, each as wide as half of it.
    fn scale_shift(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
        weights: Weights<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The gradient of layer_norm with respect to its input:
    /// `out = scale (h - mean(h) - normal mean(h normal))` with `h = γ delta`; `weights` is `[γ, β]`, β unused.
    fn layer_norm_backward(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        normal: Slice<'_, Self::Buffer>,
        scale: Slice<'_, Self::Buffer>,
        weights: Weights<'_, Self::Buffer>,
    ) -> Result<()>;
    /// Loss, its gradient and the hits of a batch: row `b` is example `examples[b]` of `targets`;
    /// `gradient[b, c] = share[b] ∂L_b/∂f_c`, `statistics[b] = [L_b, 1 if the largest output is the class]`
    /// (0 for real targets).
    fn loss(
        &self,
        batch: &LossBatch<'_, Self>,
        gradient: SliceMut<'_, Self::Buffer>,
        statistics: SliceMut<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The rows that pick out each output: `out[d * rows + b, e] = [d = e] scale[b, d]`, where `scale` is
    /// `[rows, outputs]` (1 without it) and `out` is `[outputs * rows, outputs]`.
    fn seed(
        &self,
        rows: usize,
        outputs: usize,
        out: SliceMut<'_, Self::Buffer>,
        scale: Option<Slice<'_, Self::Buffer>>,
    ) -> Result<()>;
    /// Materialises gradients: `out[o, i, j] = start + Σ_{r of o} ω_r Σ_p delta[r, p, i] input[g(r), p, j]`, followed, with a
    /// bias, by `out[o, rows' bias i] = start + Σ ω_r Σ_p delta[r, p, i]`; see [`Outer`] for the layout.
    fn outer(
        &self,
        shape: &Outer,
        map: &RowMap<Self>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        input: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// Materialises the gradients of a scale and a shift: `out[o] = start + [Σ ω_r Σ_p delta ∘ input, Σ ω_r Σ_p delta]`,
    /// each of `width`.
    fn outer_diagonal(
        &self,
        shape: &OuterDiagonal,
        map: &RowMap<Self>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        input: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// `out[o] = start + Σ_{r of o} ω_r x[r]`, rows of `width`.
    fn average(
        &self,
        width: usize,
        start: Start,
        map: &RowMap<Self>,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The fused product of a contraction; see [`Gram`].
    fn gram(
        &self,
        shape: &Gram,
        columns: &Self::Index,
        parts: &[Part<'_, Self>],
        into: &mut [Accumulator<'_, Self::Buffer>],
    ) -> Result<()>;
    /// `out[o] += scale Σ_{r of o} ω_r Σ_j delta[r, j] values[g(r), j]`, rows of `width`: gradients applied to a
    /// direction.
    fn row_dot(
        &self,
        width: usize,
        scale: f64,
        map: &RowMap<Self>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        values: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// One step of stochastic gradient descent: `next = w - learning_rate (gradient + weight_decay w)`.
    fn sgd(
        &self,
        step: &Sgd,
        next: SliceMut<'_, Self::Buffer>,
        weights: Slice<'_, Self::Buffer>,
        gradient: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
}
