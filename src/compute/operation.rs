//! What an operation is.

use super::cpu::{self, CpuBackend};
#[cfg(feature = "gpu")]
use super::gpu::{self, GpuBackend, Shader};
use super::trial::Trial;
use super::{Backend, BackendError, Element, Result};

/// An index array whose values the host can read.
pub trait Indices: 'static {
    /// The values.
    fn values(&self) -> &[u32];
}

impl Indices for Vec<u32> {
    fn values(&self) -> &[u32] {
        self
    }
}

/// An operation: a value with its numbers. It says which arrays it takes, whether they fit together, and how each kind of
/// device does it.
pub trait Operation {
    /// The name of its file and of its shader.
    const NAME: &'static str;

    /// What it reads and writes: parts of buffers `T` and index arrays `I` of one device.
    type Arrays<'a, T: 'a, I: 'a>;

    /// Fails unless the arrays fit together. [`Backend::run`] asks this before either device computes.
    ///
    /// # Errors
    ///
    /// [`BackendError::Invalid`].
    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()>;

    /// Computes on the CPU, with arrays that were checked.
    ///
    /// # Errors
    ///
    /// A slice that leaves its buffer; no memory.
    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()>;

    /// Queues the dispatches, with arrays that were checked.
    ///
    /// # Errors
    ///
    /// A device that fails or has no memory.
    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()>;

    /// The shaders that only this operation dispatches.
    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader>;

    /// By how many roundings of 1 a device may be off, at the most, in what [`trial`](Operation::trial) writes.
    const ROUNDINGS: f64;

    /// Makes arrays of about the trial's size, runs the operation, and hands in what it wrote.
    ///
    /// # Errors
    ///
    /// A device that fails.
    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()>;
}

/// Fails unless every pair of a length and what it should be is equal.
pub(super) fn fit(operation: &str, pairs: &[(usize, usize)]) -> Result<()> {
    match pairs.iter().find(|(have, want)| have != want) {
        None => Ok(()),
        Some((have, want)) => {
            Err(BackendError::Invalid(format!("{operation}: an array has {have} elements instead of {want}")))
        }
    }
}

/// Fails with what is wrong unless `holds`.
pub(super) fn require(operation: &str, holds: bool, problem: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(BackendError::Invalid(format!("{operation}: {problem}"))) }
}
