/*!
The native backend: `f32` or `f64`, all cores, matrix products by a kernel of its own.

It is the default where there is no GPU, and in `f64` the oracle that the GPU is tested against. Second-level totals
are `f64`.
*/

mod fold;
pub(crate) mod kernel;
pub(crate) mod math;
pub(super) mod memory;
pub(super) mod pack;
pub(super) mod tiles;
pub(crate) mod window;

pub use kernel::Lane;
pub use memory::Buffer;

use super::op::{copy::copy, fill::fill};
use super::operation::fit as check;
use super::operation::fit;
use super::*;
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

    /// Idle buffers.
    pub(super) fn pool(&self) -> &Arc<Pool<E>> {
        &self.pool
    }
}

impl<E: Element> Default for CpuBackend<E> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many elements a thread takes at a time in elementwise work.
pub(super) const CHUNK: usize = 16 * 1024;

pub(super) fn view<E: Element>(slice: Slice<'_, Buffer<E>>) -> Result<&[E]> {
    slice.buffer.get(slice.offset..slice.offset + slice.len).ok_or_else(|| outside(slice.offset, slice.len))
}

pub(super) fn view_mut<E: Element>(slice: SliceMut<'_, Buffer<E>>) -> Result<&mut [E]> {
    let (offset, len) = (slice.offset, slice.len);
    slice.buffer.get_mut(offset..offset + len).ok_or_else(|| outside(offset, len))
}

pub(super) fn outside(offset: usize, len: usize) -> BackendError {
    BackendError::Invalid(format!("a slice of {len} elements from {offset} leaves its buffer"))
}

/// The parameters that one row sees: `start + τ step`.
pub(super) fn weight<E: Element>(start: &[E], step: Option<(&[E], E)>, index: usize) -> E {
    match step {
        None => start[index],
        Some((step, tau)) => start[index] + tau * step[index],
    }
}

/// [`Weights`] as plain slices.
pub(super) struct Parameters<'a, E> {
    pub start: &'a [E],
    step: Option<(&'a [E], &'a [E], usize)>,
}

impl<'a, E: Element> Parameters<'a, E> {
    pub fn new(weights: Weights<'a, Buffer<E>>) -> Result<Self> {
        let step = match weights.step {
            None => None,
            Some((step, position)) => Some((view(step)?, view(position.tau)?, position.positions)),
        };
        Ok(Self { start: view(weights.start)?, step })
    }

    /// The step and the τ of a row.
    pub fn at(&self, row: usize) -> Option<(&'a [E], E)> {
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

    fn threads(&self) -> usize {
        rayon::current_num_threads()
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
        Some(Rates { padding: Padding::of_cpu(size_of::<E>()), ..Rates::CPU })
    }

    fn zeros(&self, len: usize) -> Result<Buffer<E>> {
        let mut buffer = self.pool.take(len)?;
        fill(&mut buffer, E::ZERO);
        Ok(buffer)
    }

    fn scratch(&self, len: usize) -> Result<Buffer<E>> {
        self.pool.take(len)
    }

    fn upload(&self, values: &[E]) -> Result<Buffer<E>> {
        let mut buffer = self.pool.take(values.len())?;
        copy(&mut buffer, values);
        Ok(buffer)
    }

    fn write(&self, out: SliceMut<'_, Buffer<E>>, values: &[E]) -> Result<()> {
        fit("write", &[(values.len(), out.len)])?;
        copy(view_mut(out)?, values);
        Ok(())
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
        fill(&mut total, 0.0);
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

    fn run<O: Operation>(&self, operation: &O, arrays: O::Arrays<'_, Buffer<E>, Vec<u32>>) -> Result<()> {
        operation.check(&arrays)?;
        operation.cpu(self, arrays)
    }
}
