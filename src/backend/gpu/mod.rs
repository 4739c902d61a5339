/*!
The wgpu backend: `f32`, one WGSL file an operation.

Operations are queued and submitted together, many dispatches to a compute pass. At most eight storage arrays a shader.
Second-level totals are `f32`.
*/

mod adapter;
mod context;
mod operations;
mod shaders;

pub use adapter::{Choice, adapters, is_software};
pub use shaders::shader_sources;

use super::{BackendError, Result};
use context::Context;
use wgpu::{Buffer, BufferDescriptor, BufferUsages, MapMode};

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
}

impl GpuBackend {
    /// Opens an adapter.
    ///
    /// # Errors
    ///
    /// No adapter fits, or it gives no device.
    pub fn open(choice: &Choice) -> Result<Self> {
        let context = Context::open(choice)?;
        let nothing = context.buffer(4)?;
        Ok(Self { context, nothing })
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
        self.context.flush()?;
        staging.slice(..).map_async(MapMode::Read, |_| {});
        Ok(Ticket { staging, len })
    }

    fn finish_read(&self, ticket: &Ticket) -> Result<Vec<f32>> {
        self.context.wait()?;
        let mapped = ticket
            .staging
            .slice(..)
            .get_mapped_range()
            .map_err(|error| BackendError::Lost(format!("{}: a download failed: {error}", self.context.name)))?;
        let values = bytemuck::pod_collect_to_vec(&mapped[..ticket.len * 4]);
        Ok(values)
    }
}
