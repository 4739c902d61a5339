/*!
The wgpu backend: `f32`, one WGSL file an operation.

Operations are queued and submitted together, many dispatches to a compute pass, a tenth of a second's work to a
submission. A shader has at most eight storage arrays; what is larger than a binding is cut into blocks. Buffers are
used again. Products come in tiles of three sizes, chosen by measurement; results do not depend on them.
Second-level totals are `f32`.
*/

mod adapter;
mod backend;
mod blocks;
mod clock;
mod context;
mod faults;
mod hush;
mod mapped;
mod numbers;
mod pipelines;
mod pool;
mod queue;
mod shaders;
mod tiles;
mod tune;

pub use adapter::{About, Card, Choice, adapters, describe, is_software};
pub use numbers::{Member, Words};
pub use pool::Buffer;
pub use shaders::{Constants, Shader, shader_sources};
pub use tiles::{TileSize, Tune};

pub(in crate::compute) use blocks::{Along, BlockArray, read, write};
pub(in crate::compute) use context::Bound;
pub(in crate::compute) use mapped::{MapSizes, Mapped, start_numbers};
pub(in crate::compute) use numbers::{WindowNumbers, numbers};
pub(in crate::compute) use pipelines::Key;
pub(in crate::compute) use queue::Dispatch;
pub(in crate::compute) use shaders::*;
pub(in crate::compute) use tune::Size;

use super::{BackendError, Indices, Phase, Result};
use crate::cache::Cache;
use context::Context;
use std::cell::RefCell;
use std::time::Duration;
use tune::Tuner;
use wgpu::SubmissionIndex;

/// A GPU.
pub struct GpuBackend {
    pub(in crate::compute) context: Context,
    /// One element, for arrays that an operation goes without.
    nothing: Buffer,
    /// One element, for an array that a shader might write.
    nowhere: Buffer,
    tuner: RefCell<Tuner>,
    pub(in crate::compute) f16_storage: bool,
}

/// A copy to the host under way.
#[derive(Debug)]
pub struct Ticket {
    staging: wgpu::Buffer,
    len: usize,
    submission: Option<SubmissionIndex>,
}

/// An array of `u32`, on the device and on the host.
#[derive(Debug)]
pub struct Index {
    buffer: Buffer,
    values: Vec<u32>,
}

impl Indices for Index {
    fn values(&self) -> &[u32] {
        &self.values
    }
}

/// How to open a GPU.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which adapter.
    pub choice: Choice,
    /// Bytes of the largest binding, where it shall be smaller than the adapter's: how a smaller device behaves.
    pub binding: Option<u64>,
    /// Workgroups of the longest dimension of a dispatch, where there shall be fewer than the adapter's.
    pub workgroups: Option<u32>,
    /// Floating-point operations of a submission at the most, where they shall be fewer than a tenth of a second's.
    pub work: Option<f64>,
    /// Whether shaders check every index and bound every loop. Slower; every index is checked on the host anyway.
    pub checked: bool,
    /// How the sizes of tiles are chosen.
    pub tune: Tune,
    /// What becomes of measured sizes of tiles.
    pub cache: Cache,
    /// Whether the factors of fused products are stored in 16 bits, each array with a scale of its own; sums stay in f32.
    pub f16_storage: bool,
    /// How long the host waits for the device before it counts as lost; without it a minute, ten for a software adapter.
    pub patience: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            choice: Choice::Hardware,
            binding: None,
            workgroups: None,
            work: None,
            checked: cfg!(debug_assertions),
            tune: Tune::Measure,
            cache: Cache::Written,
            f16_storage: false,
            patience: None,
        }
    }
}

impl GpuBackend {
    /// Opens an adapter.
    ///
    /// # Errors
    ///
    /// No adapter fits, or it gives no device.
    pub fn open(choice: &Choice) -> Result<Self> {
        Self::open_with(&Options { choice: choice.clone(), ..Options::default() })
    }

    /// Opens an adapter with options.
    ///
    /// # Errors
    ///
    /// No adapter fits, or it gives no device.
    pub fn open_with(options: &Options) -> Result<Self> {
        let context = Context::open(options)?;
        let (nothing, nowhere) = (context.array(1, true)?, context.array(1, true)?);
        let tuner = RefCell::new(Tuner::new(options.tune, options.cache, &context.identity));
        Ok(Self { context, nothing, nowhere, tuner, f16_storage: options.f16_storage })
    }

    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.context.software
    }

    /// Seconds that the device has worked so far, where it can tell; waits for what it is doing.
    ///
    /// # Errors
    ///
    /// The device is lost.
    pub fn device_seconds(&self) -> Result<Option<f64>> {
        Ok(self.seconds_by_phase()?.map(|seconds| seconds.iter().sum()))
    }

    fn seconds_by_phase(&self) -> Result<Option<[f64; Phase::COUNT]>> {
        self.context.flush()?;
        match self.context.clock.borrow_mut().as_mut() {
            None => Ok(None),
            Some(clock) => clock.seconds(&|submission| self.context.wait(Some(submission))).map(Some),
        }
    }

    /// The device below, to be watched from outside, or destroyed.
    pub fn device(&self) -> &wgpu::Device {
        &self.context.device
    }

    /// How many buffers have been created: a loop that repeats itself creates none after its first rounds.
    pub fn buffers_created(&self) -> u64 {
        self.context.pool.lock().created
    }

    /// In place of an array that an operation goes without.
    pub(in crate::compute) fn nothing(&self) -> Bound<'_> {
        Bound::whole(&self.nothing)
    }

    /// In place of an array that an operation does not write.
    pub(in crate::compute) fn nowhere(&self) -> Bound<'_> {
        Bound { written: true, ..Bound::whole(&self.nowhere) }
    }
}
