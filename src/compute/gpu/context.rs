//! The device and its buffers.

use super::adapter::{choose, identity, is_software};
use super::clock::Clock;
use super::faults::Faults;
use super::hush::hushed;
use super::pipelines::{Key, Pipeline, Pipelines, uniform_layout};
use super::pool::{self, Pool, Use, size_class};
use super::queue::{Command, NumbersBuffer, Pending};
use super::{Options, Ticket};
use crate::compute::{BackendError, Phase, Result};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use wgpu::*;

/// A storage array and where the operation's part of it starts.
#[derive(Clone, Copy)]
pub(in crate::compute) struct Bound<'a> {
    pub buffer: &'a Buffer,
    pub offset: usize,
    pub len: usize,
    pub written: bool,
}

impl<'a> Bound<'a> {
    /// `len` elements from an element of this one.
    pub fn part(self, first: usize, len: usize) -> Bound<'a> {
        Bound { offset: self.offset + first, len, ..self }
    }

    /// The whole of an array, to be read.
    pub fn whole(array: &'a pool::Buffer) -> Self {
        Bound { buffer: array.raw(), offset: 0, len: array.len(), written: false }
    }
}

/// A device and what is queued on it.
pub(in crate::compute) struct Context {
    pub device: Device,
    pub queue: Queue,
    pub name: String,
    /// The adapter and its driver, as a name for what was measured on them.
    pub identity: String,
    pub software: bool,
    /// Elements of the largest array that a shader sees.
    pub binding: usize,
    /// Floating-point operations that a submission holds at the most: about a tenth of a second's work.
    pub most_work: f64,
    pub limits: Limits,
    pub(super) numbers: NumbersBuffer,
    pub(super) pipelines: Pipelines,
    pub(super) pending: RefCell<Pending>,
    /// What the dispatches that follow belong to.
    pub phase: Cell<Phase>,
    pub(super) clock: RefCell<Option<Clock>>,
    pub(super) pool: Pool,
    faults: Faults,
    patience: Duration,
}

impl Context {
    pub fn open(options: &Options) -> Result<Self> {
        let adapter = choose(&options.choice)?;
        let halves = adapter.get_downlevel_capabilities().flags.contains(DownlevelFlags::SHADER_F16_IN_F32);
        if options.f16_storage && !halves {
            return Err(BackendError::NoAdapter(format!(
                "{} cannot store 16-bit numbers; set run.precision to \"f32\"",
                adapter.get_info().name
            )));
        }
        let info = adapter.get_info();
        let mut limits = adapter.limits();
        if let Some(binding) = options.binding {
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(binding);
        }
        if let Some(workgroups) = options.workgroups {
            limits.max_compute_workgroups_per_dimension = limits.max_compute_workgroups_per_dimension.min(workgroups);
        }
        // A part that begins within its buffer is bound from the last aligned element before it.
        let alignment = limits.min_storage_buffer_offset_alignment as usize / 4;
        let largest = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
        // Shaders count elements in 32 bits.
        let binding = (largest as usize).min(u32::MAX as usize).saturating_sub(alignment);
        let required_features = adapter.features() & Features::TIMESTAMP_QUERY;
        let descriptor = DeviceDescriptor { required_features, required_limits: limits.clone(), ..Default::default() };
        let (device, queue) = hushed(|| pollster::block_on(adapter.request_device(&descriptor)))
            .map_err(|error| BackendError::NoAdapter(format!("{} gives no device: {error}", info.name)))?;
        let faults = Faults::of(&device);
        let software = is_software(&adapter);
        let layout = uniform_layout(&device);
        Ok(Self {
            name: format!("{} ({})", info.name, info.backend),
            identity: identity(&info),
            software,
            patience: options.patience.unwrap_or(Duration::from_secs(if software { 600 } else { 60 })),
            binding,
            most_work: options.work.unwrap_or(match info.device_type {
                DeviceType::DiscreteGpu => 1e12,
                DeviceType::IntegratedGpu | DeviceType::VirtualGpu => 1e11,
                DeviceType::Other | DeviceType::Cpu => 5e10,
            }),
            limits,
            numbers: NumbersBuffer::new(&device, &layout),
            pipelines: Pipelines::new(layout, options.checked),
            pending: RefCell::default(),
            phase: Cell::new(Phase::Rest),
            clock: RefCell::new(Clock::new(&device, &queue)),
            pool: Pool::default(),
            device,
            queue,
            faults,
        })
    }

    /// Fails if the device has reported a fault.
    pub fn check(&self) -> Result<()> {
        match self.faults.check() {
            // One that was destroyed refuses calls before it says, in a poll, what became of it.
            Err(BackendError::Invalid(_)) => {
                let _ = self.poll(None);
                self.faults.check()
            }
            checked => checked,
        }
    }

    /// The pipeline of a shader that sees these arrays.
    pub(super) fn pipeline(&self, key: &Key, arrays: &[Bound<'_>]) -> Result<Pipeline> {
        if let Some(pipeline) = self.pipelines.built(key) {
            return Ok(pipeline);
        }
        let pipeline = self.pipelines.build(&self.device, key, arrays)?;
        // One that the driver refused must not be met again.
        self.check()?;
        self.pipelines.keep(key.clone(), pipeline.clone());
        Ok(pipeline)
    }

    /// A storage array of so many elements, zero or with whatever it held before.
    pub fn array(&self, len: usize, zero: bool) -> Result<pool::Buffer> {
        let size = self.size(len)?;
        let used = self.pool.lock().arrays.take(size, Use::Queued);
        let Some(raw) = used else {
            // A new buffer is zero.
            return Ok(self.pool.array(self.create(size)?, len));
        };
        if zero {
            self.pending.borrow_mut().commands.push(Command::Clear { buffer: raw.clone() });
        }
        Ok(self.pool.array(raw, len))
    }

    /// A storage array with these bytes.
    pub fn upload(&self, bytes: &[u8]) -> Result<pool::Buffer> {
        let len = bytes.len() / 4;
        let size = self.size(len)?;
        // A write comes before everything that is not submitted yet.
        let when = if self.pending.borrow().commands.is_empty() { Use::Queued } else { Use::Now };
        let used = self.pool.lock().arrays.take(size, when);
        let raw = match used {
            Some(raw) => raw,
            None => self.create(size)?,
        };
        self.queue.write_buffer(&raw, 0, bytes);
        Ok(self.pool.array(raw, len))
    }

    /// Bytes of the buffer of an array, on a device without faults.
    fn size(&self, len: usize) -> Result<u64> {
        self.check()?;
        let bytes = (len.max(1) as u64).saturating_mul(4);
        if bytes > self.limits.max_buffer_size {
            return Err(BackendError::OutOfMemory(format!("{} has no buffers of {bytes} bytes", self.name)));
        }
        Ok(size_class(bytes).min(self.limits.max_buffer_size / 4 * 4))
    }

    fn create(&self, size: u64) -> Result<Buffer> {
        self.pool.lock().arrays.make_room(size);
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.create_with(size, usage)
    }

    /// A new buffer; where there is no room, the free ones make some. Fails without harm to the device.
    fn create_with(&self, size: u64, usage: BufferUsages) -> Result<Buffer> {
        let create = || {
            let scope = self.device.push_error_scope(ErrorFilter::OutOfMemory);
            let descriptor = BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
            let buffer = self.device.create_buffer(&descriptor);
            if pollster::block_on(scope.pop()).is_some() {
                return Err(BackendError::OutOfMemory(format!("{} has no room for {size} bytes more", self.name)));
            }
            self.check().map(|()| buffer)
        };
        self.pool.lock().created += 1;
        match create() {
            Err(BackendError::OutOfMemory(_)) => {
                self.pool.lock().arrays.clear();
                let submission = self.flush()?;
                self.wait(submission)?;
                create()
            }
            made => made,
        }
    }

    /// Starts to copy an array to the host.
    pub fn read_later(&self, source: Bound<'_>) -> Result<Ticket> {
        let bytes = source.len.max(1) as u64 * 4;
        let size = size_class(bytes);
        let used = self.pool.lock().staging.take(size, Use::Queued);
        let staging = match used {
            Some(staging) => staging,
            None => self.create_with(size, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?,
        };
        if source.len > 0 {
            let copy = Command::Copy {
                from: source.buffer.clone(),
                start: source.offset as u64 * 4,
                to: staging.clone(),
                bytes,
            };
            self.pending.borrow_mut().commands.push(copy);
        }
        let submission = self.flush()?;
        staging.slice(..).map_async(MapMode::Read, |_| {});
        Ok(Ticket { staging, len: source.len, submission })
    }

    /// Waits for a copy and reads it.
    pub fn finish_read(&self, ticket: Ticket) -> Result<Vec<f32>> {
        self.wait(ticket.submission)?;
        let values = {
            let mapped = ticket
                .staging
                .slice(..)
                .get_mapped_range()
                .map_err(|error| self.lost(&format!("a download failed: {error}")))?;
            bytemuck::pod_collect_to_vec(&mapped[..ticket.len * 4])
        };
        ticket.staging.unmap();
        self.pool.lock().staging.put(ticket.staging);
        Ok(values)
    }

    /// Waits for a submission; without one, for all.
    pub fn wait(&self, submission_index: Option<SubmissionIndex>) -> Result<()> {
        self.check()?;
        match self.poll(submission_index) {
            Ok(()) => self.check(),
            Err(problem) => Err(self.lost(&problem)),
        }
    }

    /// Waits for a submission, whatever was reported before.
    fn poll(&self, submission_index: Option<SubmissionIndex>) -> std::result::Result<(), String> {
        let poll = PollType::Wait { submission_index, timeout: Some(self.patience) };
        // Where the driver fails during the wait, wgpu 30 panics: after it has called back, and with nothing locked.
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(poll))) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(PollError::Timeout)) => {
                // Dropped, the queue would wait for the device without end.
                std::mem::forget(self.queue.clone());
                Err(format!("no answer in {:?}", self.patience))
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the driver failed".into()),
        }
    }

    /// The fault that the device has reported; without one, it counts as lost from now on.
    fn lost(&self, problem: &str) -> BackendError {
        let loss = BackendError::Lost(format!("{}: {problem}", self.name));
        self.faults.keep(loss.clone());
        self.check().err().unwrap_or(loss)
    }
}
