/*!
The native backend: `f32` or `f64`, all cores, matrix products by a kernel of its own.

It is the default where there is no GPU, and in `f64` the oracle that the GPU is tested against. Second-level totals
are `f64`.
*/

mod activation;
mod adam;
mod average;
mod axpy;
mod bias;
mod col2im;
mod convolve_backward;
mod copy;
mod fill;
mod fold;
mod gather;
mod gram;
mod half;
mod im2col;
pub(crate) mod kernel;
mod left;
mod loss;
pub(crate) mod math;
mod matmul;
mod memory;
mod multiply;
mod normalize;
mod normalize_backward;
mod normalize_curvature;
mod outer;
mod outer_diagonal;
mod pack;
mod pool;
mod pool_backward;
mod pool_directional;
mod readout;
mod row_dot;
mod scale;
mod scale_features;
mod seed;
mod tiles;
mod transpose;
pub(crate) mod window;

pub use kernel::Lane;
pub use memory::Buffer;

use super::*;
use crate::activation::Order;
use memory::{Pool, fresh, owned};
use rayon::prelude::*;
use std::sync::{Arc, Mutex};

/// The CPU, in `f32` or `f64`.
#[derive(Debug, Clone)]
pub struct CpuBackend<E: Element> {
    pool: Arc<Pool<E>>,
    clock: Arc<Mutex<Clock>>,
}

impl<E: Element> CpuBackend<E> {
    /// A backend; it keeps the memory of dropped buffers for the next ones, up to a gibibyte.
    pub fn new() -> Self {
        Self::with_idle(1 << 30)
    }

    /// A backend that keeps at most so many bytes of dropped buffers for the next ones.
    pub fn with_idle(bytes: usize) -> Self {
        Self { pool: Arc::new(Pool::new(bytes)), clock: Arc::default() }
    }
}

impl<E: Element> Default for CpuBackend<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many elements a thread takes at a time in elementwise work.
const CHUNK: usize = 16 * 1024;

/// Calls `work` for parts of two arrays, on all cores where they are long.
fn in_chunks<E: Element>(out: &mut [E], x: &[E], work: impl Fn(&mut [E], &[E]) + Sync) {
    if out.len() <= CHUNK {
        work(out, x);
    } else {
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| work(out, x));
    }
}

fn view<E: Element>(slice: Slice<'_, Buffer<E>>) -> Result<&[E]> {
    slice.buffer.get(slice.offset..slice.offset + slice.len).ok_or_else(|| outside(slice.offset, slice.len))
}

fn view_mut<E: Element>(slice: SliceMut<'_, Buffer<E>>) -> Result<&mut [E]> {
    let (offset, len) = (slice.offset, slice.len);
    slice.buffer.get_mut(offset..offset + len).ok_or_else(|| outside(offset, len))
}

fn outside(offset: usize, len: usize) -> BackendError {
    BackendError::Invalid(format!("a slice of {len} elements from {offset} leaves its buffer"))
}

/// Fails unless every pair is equal.
fn check(operation: &str, pairs: &[(usize, usize)]) -> Result<()> {
    match pairs.iter().find(|(have, want)| have != want) {
        None => Ok(()),
        Some((have, want)) => {
            Err(BackendError::Invalid(format!("{operation}: an array has {have} elements instead of {want}")))
        }
    }
}

/// The parameters that one row sees: `start + τ step`.
fn weight<E: Element>(start: &[E], step: Option<(&[E], E)>, index: usize) -> E {
    match step {
        None => start[index],
        Some((step, tau)) => start[index] + tau * step[index],
    }
}

/// [`Weights`] as plain slices.
struct Parameters<'a, E> {
    start: &'a [E],
    step: Option<(&'a [E], &'a [E], usize)>,
}

impl<'a, E: Element> Parameters<'a, E> {
    fn new(weights: Weights<'a, Buffer<E>>) -> Result<Self> {
        let step = match weights.step {
            None => None,
            Some((step, position)) => Some((view(step)?, view(position.tau)?, position.positions)),
        };
        Ok(Self { start: view(weights.start)?, step })
    }

    /// The step and the τ of a row.
    fn at(&self, row: usize) -> Option<(&'a [E], E)> {
        self.step.map(|(step, tau, positions)| (step, tau[(row / positions) % tau.len()]))
    }
}

impl<E: Element> Backend for CpuBackend<E> {
    type Element = E;
    type Buffer = Buffer<E>;
    type Index = Vec<u32>;
    type Total = Vec<f64>;
    type Ticket = Vec<E>;

    fn name(&self) -> String {
        format!("CPU, {} threads, {}", rayon::current_num_threads(), E::NAME)
    }

    fn largest_buffer(&self) -> usize {
        isize::MAX as usize / 8
    }

    fn enter(&self, phase: Phase) -> Phase {
        self.clock.lock().map_or(phase, |mut clock| clock.enter(phase))
    }

    fn phase_seconds(&self) -> Option<[f64; Phase::COUNT]> {
        self.clock.lock().ok().map(|mut clock| clock.seconds())
    }

    fn stretch(&self) -> usize {
        1 << 19
    }

    fn fixed_rates(&self) -> Option<Rates> {
        Some(Rates::CPU)
    }

    fn zeros(&self, len: usize) -> Result<Buffer<E>> {
        let mut buffer = self.pool.take(len)?;
        fill::fill(&mut buffer, E::ZERO)?;
        Ok(buffer)
    }

    fn scratch(&self, len: usize) -> Result<Buffer<E>> {
        self.pool.take(len)
    }

    fn upload(&self, values: &[E]) -> Result<Buffer<E>> {
        let mut buffer = self.pool.take(values.len())?;
        copy::copy(&mut buffer, values)?;
        Ok(buffer)
    }

    fn write(&self, out: SliceMut<'_, Buffer<E>>, values: &[E]) -> Result<()> {
        copy::copy(view_mut(out)?, values)
    }

    fn index(&self, values: &[u32]) -> Result<Vec<u32>> {
        owned(values)
    }

    fn download(&self, source: Slice<'_, Buffer<E>>) -> Result<Vec<E>> {
        owned(view(source)?)
    }

    fn download_later(&self, source: Slice<'_, Buffer<E>>) -> Result<Vec<E>> {
        self.download(source)
    }

    fn collect(&self, ticket: Vec<E>) -> Result<Vec<E>> {
        Ok(ticket)
    }

    fn totals(&self, len: usize) -> Result<Vec<f64>> {
        let mut total = fresh(len)?;
        // Pages that are read before they are written fault twice, and the second time all threads wait for each other.
        fill::fill(&mut total, 0.0)?;
        Ok(total)
    }

    fn fold(&self, total: &mut Vec<f64>, block: &mut Buffer<E>) -> Result<()> {
        fold::fold(total, block)
    }

    fn download_totals(&self, total: &Vec<f64>) -> Result<Vec<f64>> {
        owned(total)
    }

    fn upload_totals(&self, values: Vec<f64>) -> Result<Vec<f64>> {
        Ok(values)
    }

    fn copy(&self, out: SliceMut<'_, Buffer<E>>, source: Slice<'_, Buffer<E>>) -> Result<()> {
        copy::copy(view_mut(out)?, view(source)?)
    }

    fn fill(&self, out: SliceMut<'_, Buffer<E>>, value: f64) -> Result<()> {
        fill::fill(view_mut(out)?, E::from_f64(value))
    }

    fn axpy(&self, out: SliceMut<'_, Buffer<E>>, scale: f64, x: Slice<'_, Buffer<E>>) -> Result<()> {
        axpy::axpy(view_mut(out)?, E::from_f64(scale), view(x)?)
    }

    fn scale(&self, out: SliceMut<'_, Buffer<E>>, factor: f64) -> Result<()> {
        scale::scale(view_mut(out)?, E::from_f64(factor))
    }

    fn gather(
        &self,
        out: SliceMut<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
        rows: &Vec<u32>,
        width: usize,
    ) -> Result<()> {
        gather::gather(view_mut(out)?, view(x)?, rows, width)
    }

    fn matmul(
        &self,
        shape: &MatMul,
        out: SliceMut<'_, Buffer<E>>,
        a: Slice<'_, Buffer<E>>,
        b: Slice<'_, Buffer<E>>,
        scale: Option<Position<'_, Buffer<E>>>,
    ) -> Result<()> {
        let scale = match scale {
            None => None,
            Some(position) => Some((view(position.tau)?, position.positions)),
        };
        matmul::matmul(&self.pool, shape, view_mut(out)?, view(a)?, view(b)?, scale)
    }

    fn bias(&self, out: SliceMut<'_, Buffer<E>>, bias: Weights<'_, Buffer<E>>) -> Result<()> {
        bias::bias(view_mut(out)?, &Parameters::new(bias)?)
    }

    fn activation(&self, kind: Activation, out: SliceMut<'_, Buffer<E>>, x: Slice<'_, Buffer<E>>) -> Result<()> {
        activation::activation(kind, Order::Value, view_mut(out)?, view(x)?)
    }

    fn activation_slope(&self, kind: Activation, out: SliceMut<'_, Buffer<E>>, x: Slice<'_, Buffer<E>>) -> Result<()> {
        activation::activation(kind, Order::Slope, view_mut(out)?, view(x)?)
    }

    fn activation_curvature(
        &self,
        kind: Activation,
        out: SliceMut<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        activation::activation(kind, Order::Curvature, view_mut(out)?, view(x)?)
    }

    fn multiply(
        &self,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        slope: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        multiply::multiply(view_mut(out)?, view(delta)?, view(slope)?)
    }

    fn im2col(&self, shape: &Window, rows: usize, out: SliceMut<'_, Buffer<E>>, x: Slice<'_, Buffer<E>>) -> Result<()> {
        im2col::im2col(shape, rows, view_mut(out)?, view(x)?)
    }

    fn col2im(
        &self,
        shape: &Window,
        rows: usize,
        out: SliceMut<'_, Buffer<E>>,
        patches: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        col2im::col2im(shape, rows, view_mut(out)?, view(patches)?)
    }

    fn convolve_backward(
        &self,
        shape: &Convolution,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        weight: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        convolve_backward::convolve_backward(&self.pool, shape, view_mut(out)?, view(delta)?, view(weight)?)
    }

    fn transpose(&self, shape: &Transpose, out: SliceMut<'_, Buffer<E>>, x: Slice<'_, Buffer<E>>) -> Result<()> {
        transpose::transpose(shape, view_mut(out)?, view(x)?)
    }

    fn pool(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        pool::pool(shape, kind, rows, view_mut(out)?, view(x)?)
    }

    fn pool_backward(
        &self,
        shape: &Window,
        kind: Pooling,
        rows: usize,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        pool_backward::pool_backward(shape, kind, rows, view_mut(out)?, view(delta)?, view(x)?)
    }

    fn pool_directional(
        &self,
        shape: &Window,
        rows: usize,
        out: SliceMut<'_, Buffer<E>>,
        slope: Slice<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        pool_directional::pool_directional(shape, rows, view_mut(out)?, view(slope)?, view(x)?)
    }

    fn normalize(
        &self,
        shape: &Normalize,
        normal: SliceMut<'_, Buffer<E>>,
        scale: SliceMut<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        normalize::normalize(shape, view_mut(normal)?, view_mut(scale)?, view(x)?)
    }

    fn normalize_backward(
        &self,
        shape: &Normalize,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        normal: Slice<'_, Buffer<E>>,
        scale: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        normalize_backward::normalize_backward(shape, view_mut(out)?, view(delta)?, view(normal)?, view(scale)?)
    }

    fn normalize_curvature(
        &self,
        shape: &Normalize,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        normal: Slice<'_, Buffer<E>>,
        scale: Slice<'_, Buffer<E>>,
        slope: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        let (delta, normal, scale, slope) = (view(delta)?, view(normal)?, view(scale)?, view(slope)?);
        let read = normalize_curvature::Curved { delta, normal, scale, slope };
        normalize_curvature::normalize_curvature(shape, view_mut(out)?, &read)
    }

    fn scale_features(
        &self,
        out: SliceMut<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
        factors: Weights<'_, Buffer<E>>,
    ) -> Result<()> {
        scale_features::scale_features(view_mut(out)?, view(x)?, &Parameters::new(factors)?)
    }

    fn loss(
        &self,
        batch: &LossBatch<'_, Self>,
        gradient: SliceMut<'_, Buffer<E>>,
        statistics: SliceMut<'_, Buffer<E>>,
    ) -> Result<()> {
        loss::loss(batch, view_mut(gradient)?, view_mut(statistics)?)
    }

    fn seed(
        &self,
        rows: usize,
        outputs: usize,
        out: SliceMut<'_, Buffer<E>>,
        scale: Option<Slice<'_, Buffer<E>>>,
    ) -> Result<()> {
        seed::seed(rows, outputs, view_mut(out)?, scale.map(view).transpose()?)
    }

    fn readout(
        &self,
        batch: &ReadoutBatch<'_, Self>,
        values: SliceMut<'_, Buffer<E>>,
        seeds: SliceMut<'_, Buffer<E>>,
    ) -> Result<()> {
        readout::readout(batch, view_mut(values)?, view_mut(seeds)?)
    }

    fn outer(
        &self,
        shape: &Outer,
        map: &RowMap<Self>,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        input: Slice<'_, Buffer<E>>,
        preconditioner: Option<Slice<'_, Buffer<E>>>,
    ) -> Result<()> {
        let factors = outer::Factors {
            delta: view(delta)?,
            input: view(input)?,
            preconditioner: preconditioner.map(view).transpose()?,
        };
        outer::outer(&self.pool, shape, map, view_mut(out)?, factors)
    }

    fn outer_diagonal(
        &self,
        shape: &OuterDiagonal,
        map: &RowMap<Self>,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        input: Slice<'_, Buffer<E>>,
        preconditioner: Option<Slice<'_, Buffer<E>>>,
    ) -> Result<()> {
        let factors = outer::Factors {
            delta: view(delta)?,
            input: view(input)?,
            preconditioner: preconditioner.map(view).transpose()?,
        };
        outer_diagonal::outer_diagonal(shape, map, view_mut(out)?, &factors)
    }

    fn average(
        &self,
        width: usize,
        start: Start,
        map: &RowMap<Self>,
        out: SliceMut<'_, Buffer<E>>,
        x: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        average::average(width, start, map, view_mut(out)?, view(x)?)
    }

    fn gram(
        &self,
        shape: &Gram,
        columns: &Vec<u32>,
        parts: &[Part<'_, Self>],
        into: &mut [Accumulator<'_, Buffer<E>>],
    ) -> Result<()> {
        gram::gram(&self.pool, shape, columns, parts, into)
    }

    fn row_dot(
        &self,
        width: usize,
        scale: f64,
        map: &RowMap<Self>,
        out: SliceMut<'_, Buffer<E>>,
        delta: Slice<'_, Buffer<E>>,
        values: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        row_dot::row_dot(width, scale, map, view_mut(out)?, view(delta)?, view(values)?)
    }

    fn adam(
        &self,
        step: &Adam,
        out: AdamOut<'_, Buffer<E>>,
        weights: Slice<'_, Buffer<E>>,
        gradient: Slice<'_, Buffer<E>>,
    ) -> Result<()> {
        let AdamOut { next, first, second, preconditioner } = out;
        let out = adam::Moments {
            next: view_mut(next)?,
            first: view_mut(first)?,
            second: view_mut(second)?,
            preconditioner: view_mut(preconditioner)?,
        };
        adam::adam(step, out, view(weights)?, view(gradient)?)
    }
}
