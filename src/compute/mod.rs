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

mod arguments;
mod element;
mod phase;
mod rates;
pub(crate) mod scalar;
mod shapes;

pub use arguments::*;
pub use element::Element;
pub(crate) use element::{convert, widen};
pub use phase::{Clock, Phase};
pub use rates::Rates;
pub use shapes::*;

use crate::activation::Activation;

/// What can go wrong on a device.
#[derive(Debug, Clone, thiserror::Error)]
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
    /// Rates by which contractions are chosen, where the proportions are much the same on every such device: what is chosen,
    /// and with it every bit, then depends on no measurement. `None`: devices differ too much, and are measured.
    fn fixed_rates(&self) -> Option<Rates>;

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
    /// New accumulators that hold what [`download_totals`](Backend::download_totals) gave.
    fn upload_totals(&self, values: Vec<f64>) -> Result<Self::Total>;

    /// `out = source`.
    fn copy(&self, out: SliceMut<'_, Self::Buffer>, source: Slice<'_, Self::Buffer>) -> Result<()>;
    /// A new buffer that holds the same.
    fn copied(&self, source: Slice<'_, Self::Buffer>) -> Result<Self::Buffer> {
        let mut copy = self.scratch(source.len)?;
        self.copy(SliceMut::new(&mut copy, 0, source.len), source)?;
        Ok(copy)
    }
    /// `out = value`.
    fn fill(&self, out: SliceMut<'_, Self::Buffer>, value: f64) -> Result<()>;
    /// `out += scale * x`.
    fn axpy(&self, out: SliceMut<'_, Self::Buffer>, scale: f64, x: Slice<'_, Self::Buffer>) -> Result<()>;
    /// `out *= factor`.
    fn scale(&self, out: SliceMut<'_, Self::Buffer>, factor: f64) -> Result<()>;
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
    /// `out = f''(x)`, elementwise.
    fn activation_curvature(
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
    /// The derivative of the maxima of [`pool`](Backend::pool) along directions: each is that of the entry which the pooling
    /// keeps. `rows` counts `slope`'s images, a multiple of `x`'s.
    fn pool_directional(
        &self,
        shape: &Window,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        slope: Slice<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// Normalises rows, and gives the scale of each; see [`Normalize`].
    fn normalize(
        &self,
        shape: &Normalize,
        normal: SliceMut<'_, Self::Buffer>,
        scale: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// The gradient of [`normalize`](Backend::normalize) with respect to its input:
    /// `out = scale (delta - mean(delta) - normal mean(delta normal))`, the first mean only where rows are normalised about
    /// theirs. The Jacobian is symmetric: with a derivative of the input as `delta`, this is that of the normalised rows.
    fn normalize_backward(
        &self,
        shape: &Normalize,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        normal: Slice<'_, Self::Buffer>,
        scale: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// How [`normalize_backward`](Backend::normalize_backward) of a fixed `delta` changes as the input moves along `slope`,
    /// one row for each base row.
    fn normalize_curvature(
        &self,
        shape: &Normalize,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        normal: Slice<'_, Self::Buffer>,
        scale: Slice<'_, Self::Buffer>,
        slope: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
    /// `out[r, j] = factors[j] x[r, j]`, at each row's own factors.
    fn scale_features(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
        factors: Weights<'_, Self::Buffer>,
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
    /// Readouts of a pass, `values[b, r]`, and their gradients with respect to its outputs as seeds of a backward pass,
    /// `seeds[r * rows + b, c] = ∂values[b, r]/∂f[b, c]`: `[rows, R]` and `[R * rows, C]`. Fails without the classes that
    /// the kind needs, with a class of C or more, and for a margin of one output.
    fn readout(
        &self,
        batch: &ReadoutBatch<'_, Self>,
        values: SliceMut<'_, Self::Buffer>,
        seeds: SliceMut<'_, Self::Buffer>,
    ) -> Result<()>;
    /// Materialises gradients: `out[o, i, j] = start + Σ_{r of o} ω_r Σ_p delta[r, p, i] input[g(r), p, j]`, followed, with a
    /// bias, by `out[o, rows' bias i] = start + Σ ω_r Σ_p delta[r, p, i]`; see [`Outer`] for the layout. What is added to
    /// `start` is multiplied, element by element, by the preconditioner: one row, the same for every output.
    fn outer(
        &self,
        shape: &Outer,
        map: &RowMap<Self>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        input: Slice<'_, Self::Buffer>,
        preconditioner: Option<Slice<'_, Self::Buffer>>,
    ) -> Result<()>;
    /// Materialises the gradients of a scale and a shift: `out[o] = start + [Σ ω_r Σ_p delta ∘ input, Σ ω_r Σ_p delta]`,
    /// each of `width`, the second one where there is a shift. The preconditioner is as in [`outer`](Backend::outer).
    fn outer_diagonal(
        &self,
        shape: &OuterDiagonal,
        map: &RowMap<Self>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        input: Slice<'_, Self::Buffer>,
        preconditioner: Option<Slice<'_, Self::Buffer>>,
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
    /// One step of Adam, elementwise: `g = gradient + weight_decay w`, `first = β1 first + (1 - β1) g`,
    /// `second = β2 second + (1 - β2) g²`, `d = 1/(√second / correction + eps)` (0 where that is 1/0), `next = shrink w - rate first d`, and
    /// the preconditioner is d.
    fn adam(
        &self,
        step: &Adam,
        out: AdamOut<'_, Self::Buffer>,
        weights: Slice<'_, Self::Buffer>,
        gradient: Slice<'_, Self::Buffer>,
    ) -> Result<()>;
}
