/*!
The wgpu backend: `f32`, one WGSL file an operation.

Operations are queued and submitted together, many dispatches to a compute pass. A shader has at most eight storage
arrays; what is larger than a binding is cut into blocks of rows.
Second-level totals are `f32`.
*/

mod adapter;
mod blocks;
mod context;
mod contraction;
mod operations;
mod products;
mod shaders;

pub use adapter::{About, Choice, adapters, describe, is_software};
pub use shaders::shader_sources;

use super::{BackendError, Result};
use context::{Bound, Context};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, MapMode, SubmissionIndex};

/// A GPU.
pub struct GpuBackend {
    context: Context,
    /// One element, for arrays that an operation goes without.
    nothing: Buffer,
}

/// A copy to the host under way.
#[derive(Debug)]
pub struct Ticket {
    staging: Buffer,
    len: usize,
    submission: Option<SubmissionIndex>,
}

/// An array of `u32`, on the device and on the host.
#[derive(Debug)]
pub struct Index {
    buffer: Buffer,
    values: Vec<u32>,
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
    /// Whether shaders check every index and bound every loop. Slower; every index is checked on the host anyway.
    pub checked: bool,
}

impl GpuBackend {
    /// Opens an adapter.
    ///
    /// # Errors
    ///
    /// No adapter fits, or it gives no device.
    pub fn open(choice: &Choice) -> Result<Self> {
        Self::open_with(&Options {
            choice: choice.clone(),
            binding: None,
            workgroups: None,
            checked: cfg!(debug_assertions),
        })
    }

    /// Opens an adapter with options.
    ///
    /// # Errors
    ///
    /// No adapter fits, or it gives no device.
    pub fn open_with(options: &Options) -> Result<Self> {
        let context = Context::open(options)?;
        let nothing = context.buffer(4)?;
        Ok(Self { context, nothing })
    }

    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.context.software
    }

    /// In place of an array that an operation goes without.
    fn nothing(&self) -> Bound<'_> {
        Bound { buffer: &self.nothing, offset: 0, len: 1, written: false }
    }

    fn read_later(&self, buffer: &Buffer, offset: usize, len: usize) -> Result<Ticket> {
        let bytes = len.max(1) * 4;
        let staging = self.context.device.create_buffer(&BufferDescriptor {
            label: Some("staging"),
            size: bytes as u64,
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if len > 0 {
            self.context.copy(buffer, offset * 4, &staging, bytes);
        }
        let submission = self.context.flush()?;
        staging.slice(..).map_async(MapMode::Read, |_| {});
        Ok(Ticket { staging, len, submission })
    }

    fn finish_read(&self, ticket: &Ticket) -> Result<Vec<f32>> {
        self.context.wait(ticket.submission.clone())?;
        let mapped = ticket
            .staging
            .slice(..)
            .get_mapped_range()
            .map_err(|error| BackendError::Lost(format!("{}: a download failed: {error}", self.context.name)))?;
        let values = bytemuck::pod_collect_to_vec(&mapped[..ticket.len * 4]);
        Ok(values)
    }
}
