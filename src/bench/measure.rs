//! Timing work on a device.

use crate::compute::{Backend, Element, Layout, MatMul, Result, Slice, SliceMut, Start};
use crate::random;
use std::time::Instant;

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Waits until the device has done all that was asked of it.
pub(super) fn settle<B: Backend>(backend: &B, buffer: &B::Buffer) -> Result<()> {
    backend.download(Slice::new(buffer, 0, 1)).map(drop)
}

/// Seconds that some work takes; it must wait for the device itself.
pub(super) fn seconds(work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64())
}

/// Numbers of a device's type, the same every time.
pub(super) fn numbers<E: Element>(seed: u64, len: usize) -> Vec<E> {
    random::numbers(seed, len).into_iter().map(E::from_f64).collect()
}

/// A plain matrix product to compare with.
pub(super) struct Product<'a, B: Backend> {
    backend: &'a B,
    shape: MatMul,
    a: B::Buffer,
    b: B::Buffer,
    out: B::Buffer,
}

impl<'a, B: Backend> Product<'a, B> {
    /// Of `rows` by `columns` by `depth`.
    pub fn new(backend: &'a B, rows: usize, columns: usize, depth: usize) -> Result<Self> {
        let shape = MatMul { rows, columns, depth, layout: Layout::Transposed, start: Start::Value(0.0) };
        Ok(Self {
            backend,
            shape,
            a: backend.upload(&numbers(1, rows * depth))?,
            b: backend.upload(&numbers(2, columns * depth))?,
            out: backend.scratch(rows * columns)?,
        })
    }

    /// Floating-point operations of one product.
    pub fn flops(&self) -> f64 {
        2.0 * self.shape.rows as f64 * self.shape.columns as f64 * self.shape.depth as f64
    }

    /// Seconds of one product.
    pub fn seconds(&mut self) -> Result<f64> {
        let MatMul { rows, columns, depth, .. } = self.shape;
        seconds(&mut || {
            let out = SliceMut::new(&mut self.out, 0, rows * columns);
            let (a, b) = (Slice::new(&self.a, 0, rows * depth), Slice::new(&self.b, 0, columns * depth));
            self.backend.matmul(&self.shape, out, a, b, None)?;
            settle(self.backend, &self.out)
        })
    }
}
