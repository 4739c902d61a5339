/*!
The devices, and the operations that everything else is written in.

A [`Backend`] owns buffers of one floating-point type and runs operations on them. Networks, training, Jacobians and the
integration are written once, over this trait; `cpu` implements it for `f32` and `f64`, `gpu` for `f32` through wgpu. An
[`Operation`] is a value with its numbers, and one file in [`op`] says all about it.

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
pub mod op;

mod element;
mod operation;
mod phase;
mod philox;
mod rates;
mod row_map;
pub(crate) mod scalar;
mod shapes;
mod slice;
mod sound;
mod strided;
mod trial;

pub use element::Element;
pub(crate) use element::{convert, widen};
pub use op::{
    Accumulator, Adam, AdamOut, Convolution, Entries, Gram, Layout, Lookup, MatMul, Matches, Normalize, Outer,
    OuterDiagonal, OuterRows, Part, Pooling, Targets, Transpose,
};
pub use operation::{Indices, Operation};
pub use phase::{Clock, Phase};
pub use rates::{Padding, Rates};
pub use row_map::RowMap;
pub use shapes::*;
pub use slice::*;
pub use sound::is_sound;
pub use strided::{Axis, MOST_AXES, Side, Strided};
pub use trial::{Call, Trial};

use crate::activation::{Activation, Order};

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
    type Index: Indices;
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

    /// Threads that it may be divided among, each part of them at a tile of its own; 1 where it works as a whole.
    fn threads(&self) -> usize {
        1
    }

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

    /// Runs an operation. Every operation goes through here.
    ///
    /// # Errors
    ///
    /// Arrays that do not fit together; a device that fails.
    fn run<O: Operation>(&self, operation: &O, arrays: O::Arrays<'_, Self::Buffer, Self::Index>) -> Result<()>;

    // The same by the operations' names.

    /// Runs [`op::Activate`].
    fn activation(&self, kind: Activation, out: SliceMut<'_, Self::Buffer>, x: Slice<'_, Self::Buffer>) -> Result<()> {
        self.run(&op::Activate { kind, order: Order::Value }, (out, x))
    }

    /// Runs [`op::Activate`].
    fn activation_slope(
        &self,
        kind: Activation,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Activate { kind, order: Order::Slope }, (out, x))
    }

    /// Runs [`op::Activate`].
    fn activation_curvature(
        &self,
        kind: Activation,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Activate { kind, order: Order::Curvature }, (out, x))
    }

    /// Runs [`op::Copy`].
    fn copy(&self, out: SliceMut<'_, Self::Buffer>, source: Slice<'_, Self::Buffer>) -> Result<()> {
        self.run(&op::Copy, (out, source))
    }

    /// A new buffer that holds the same.
    fn copied(&self, source: Slice<'_, Self::Buffer>) -> Result<Self::Buffer> {
        let mut copy = self.scratch(source.len)?;
        self.copy(SliceMut::new(&mut copy, 0, source.len), source)?;
        Ok(copy)
    }

    /// Runs [`op::Fill`].
    fn fill(&self, out: SliceMut<'_, Self::Buffer>, value: f64) -> Result<()> {
        self.run(&op::Fill { value }, out)
    }

    /// Runs [`op::Axpy`].
    fn axpy(&self, out: SliceMut<'_, Self::Buffer>, scale: f64, x: Slice<'_, Self::Buffer>) -> Result<()> {
        self.run(&op::Axpy { scale }, (out, x))
    }

    /// Runs [`op::Scale`].
    fn scale(&self, out: SliceMut<'_, Self::Buffer>, factor: f64) -> Result<()> {
        self.run(&op::Scale { factor }, out)
    }

    /// Runs [`op::Gather`].
    fn gather(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
        rows: &Self::Index,
        width: usize,
    ) -> Result<()> {
        self.run(&op::Gather { width }, (out, x, rows))
    }

    /// Runs [`op::MatMul`].
    fn matmul(
        &self,
        shape: &MatMul,
        out: SliceMut<'_, Self::Buffer>,
        a: Slice<'_, Self::Buffer>,
        b: Slice<'_, Self::Buffer>,
        scale: Option<Position<'_, Self::Buffer>>,
    ) -> Result<()> {
        self.run(shape, op::MatMulArrays { out, a, b, scale })
    }

    /// Runs [`op::Bias`].
    fn bias(&self, out: SliceMut<'_, Self::Buffer>, bias: Weights<'_, Self::Buffer>) -> Result<()> {
        self.run(&op::Bias, (out, bias))
    }

    /// Runs [`op::Multiply`].
    fn multiply(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        slope: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Multiply, (out, delta, slope))
    }

    /// Runs [`op::Im2col`].
    fn im2col(
        &self,
        window: &Window,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Im2col { window: *window, rows }, (out, x))
    }

    /// Runs [`op::Col2im`].
    fn col2im(
        &self,
        window: &Window,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        patches: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Col2im { window: *window, rows }, (out, patches))
    }

    /// Runs [`op::ConvolveBackward`].
    fn convolve_backward(
        &self,
        convolution: &Convolution,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        weight: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::ConvolveBackward { convolution: *convolution }, (out, delta, weight))
    }

    /// Runs [`op::Transpose`].
    fn transpose(&self, shape: &Transpose, out: SliceMut<'_, Self::Buffer>, x: Slice<'_, Self::Buffer>) -> Result<()> {
        self.run(shape, (out, x))
    }

    /// Runs [`op::Rearrange`].
    fn rearrange(
        &self,
        map: &Strided,
        start: Start,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Rearrange { map: map.clone(), start }, (out, x))
    }

    /// Runs [`op::Pool`].
    fn pool(
        &self,
        window: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Pool { window: *window, kind, rows }, (out, x))
    }

    /// Runs [`op::PoolBackward`].
    fn pool_backward(
        &self,
        window: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::PoolBackward { window: *window, kind, rows }, (out, delta, x))
    }

    /// Runs [`op::PoolDirectional`].
    fn pool_directional(
        &self,
        window: &Window,
        rows: usize,
        out: SliceMut<'_, Self::Buffer>,
        slope: Slice<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::PoolDirectional { window: *window, rows }, (out, slope, x))
    }

    /// Runs [`op::Normalize`].
    fn normalize(
        &self,
        shape: &Normalize,
        normal: SliceMut<'_, Self::Buffer>,
        scale: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(shape, (normal, scale, x))
    }

    /// Runs [`op::NormalizeBackward`].
    fn normalize_backward(
        &self,
        shape: &Normalize,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        normal: Slice<'_, Self::Buffer>,
        scale: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::NormalizeBackward { shape: *shape }, (out, delta, normal, scale))
    }

    /// Runs [`op::NormalizeCurvature`].
    fn normalize_curvature(
        &self,
        shape: &Normalize,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        normal: Slice<'_, Self::Buffer>,
        scale: Slice<'_, Self::Buffer>,
        slope: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(
            &op::NormalizeCurvature { shape: *shape },
            op::NormalizeCurvatureArrays { out, delta, normal, scale, slope },
        )
    }

    /// Runs [`op::ScaleFeatures`].
    fn scale_features(
        &self,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
        factors: Weights<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::ScaleFeatures, (out, x, factors))
    }

    /// Runs [`op::Seed`].
    fn seed(
        &self,
        rows: usize,
        outputs: usize,
        out: SliceMut<'_, Self::Buffer>,
        scale: Option<Slice<'_, Self::Buffer>>,
    ) -> Result<()> {
        self.run(&op::Seed { rows, outputs }, (out, scale))
    }

    /// Runs [`op::Outer`].
    fn outer(
        &self,
        shape: &Outer,
        map: &RowMap<Self::Buffer, Self::Index>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        input: Slice<'_, Self::Buffer>,
        preconditioner: Option<Slice<'_, Self::Buffer>>,
    ) -> Result<()> {
        self.run(shape, op::OuterArrays { map, out, delta, input, preconditioner })
    }

    /// Runs [`op::OuterDiagonal`].
    fn outer_diagonal(
        &self,
        shape: &OuterDiagonal,
        map: &RowMap<Self::Buffer, Self::Index>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        input: Slice<'_, Self::Buffer>,
        preconditioner: Option<Slice<'_, Self::Buffer>>,
    ) -> Result<()> {
        self.run(shape, op::OuterArrays { map, out, delta, input, preconditioner })
    }

    /// Runs [`op::Average`].
    fn average(
        &self,
        width: usize,
        start: Start,
        map: &RowMap<Self::Buffer, Self::Index>,
        out: SliceMut<'_, Self::Buffer>,
        x: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::Average { width, start }, (map, out, x))
    }

    /// Runs [`op::Gram`].
    fn gram(
        &self,
        shape: &Gram,
        columns: &Self::Index,
        parts: &[Part<'_, Self::Buffer, Self::Index>],
        into: &mut [Accumulator<'_, Self::Buffer>],
    ) -> Result<()> {
        let into = into.iter_mut().map(Accumulator::reborrow).collect();
        self.run(shape, op::GramArrays { columns, parts, into })
    }

    /// Runs [`op::RowDot`].
    fn row_dot(
        &self,
        width: usize,
        scale: f64,
        map: &RowMap<Self::Buffer, Self::Index>,
        out: SliceMut<'_, Self::Buffer>,
        delta: Slice<'_, Self::Buffer>,
        values: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(&op::RowDot { width, scale }, (map, out, delta, values))
    }

    /// Runs [`op::Adam`].
    fn adam(
        &self,
        step: &Adam,
        out: AdamOut<'_, Self::Buffer>,
        weights: Slice<'_, Self::Buffer>,
        gradient: Slice<'_, Self::Buffer>,
    ) -> Result<()> {
        self.run(step, (out, weights, gradient))
    }
}
