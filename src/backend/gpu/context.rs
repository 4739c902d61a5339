//! The device, its pipelines, and the queue of dispatches.

use super::Options;
use super::adapter::{choose, is_software};
use super::shaders::shader_sources;
use crate::backend::{BackendError, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wgpu::*;

/// Dispatches that one submission holds at the most.
const SLOTS: usize = 512;
/// Bytes of one dispatch's numbers.
const SLOT: usize = 256;
/// Work of one submission: about a tenth of a second on a slow GPU.
const WORK: f64 = 5e10;

/// A storage array and where the operation's part of it starts.
#[derive(Clone, Copy)]
pub(super) struct Bound<'a> {
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
}

/// What waits to be submitted.
enum Command {
    Dispatch { pipeline: ComputePipeline, group: BindGroup, slot: u32, groups: (u32, u32) },
    Copy { from: Buffer, start: u64, to: Buffer, bytes: u64 },
}

#[derive(Clone)]
struct Kernel {
    pipeline: ComputePipeline,
    layout: BindGroupLayout,
}

#[derive(Default)]
struct Pending {
    commands: Vec<Command>,
    numbers: Vec<u8>,
    work: f64,
}

/// A device and what is queued on it.
pub(super) struct Context {
    pub device: Device,
    pub queue: Queue,
    pub name: String,
    pub software: bool,
    /// Elements of the largest array that a shader sees.
    pub binding: usize,
    limits: Limits,
    checks: ShaderRuntimeChecks,
    uniforms: Buffer,
    uniform_layout: BindGroupLayout,
    uniform_group: BindGroup,
    sources: HashMap<&'static str, String>,
    kernels: RefCell<HashMap<&'static str, Kernel>>,
    pending: RefCell<Pending>,
    fault: Arc<Mutex<Option<BackendError>>>,
    patience: Duration,
}

impl Context {
    pub fn open(options: &Options) -> Result<Self> {
        let adapter = choose(&options.choice)?;
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
        let descriptor = DeviceDescriptor { required_limits: limits.clone(), ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| BackendError::NoAdapter(format!("{} gives no device: {error}", info.name)))?;
        let fault = Arc::new(Mutex::new(None));
        watch(&device, &fault);
        let uniforms = device.create_buffer(&BufferDescriptor {
            label: Some("numbers"),
            size: (SLOTS * SLOT) as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let uniform_layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
            label: None,
            entries: &[entry(0, BufferBindingType::Uniform, true)],
        });
        let numbers = BufferBinding { buffer: &uniforms, offset: 0, size: BufferSize::new(SLOT as u64) };
        let uniform_group = device.create_bind_group(&BindGroupDescriptor {
            label: None,
            layout: &uniform_layout,
            entries: &[BindGroupEntry { binding: 0, resource: BindingResource::Buffer(numbers) }],
        });
        Ok(Self {
            name: format!("{} ({})", info.name, info.backend),
            software: is_software(&adapter),
            patience: Duration::from_secs(if is_software(&adapter) { 600 } else { 60 }),
            device,
            queue,
            binding,
            limits,
            checks: if options.checked { ShaderRuntimeChecks::checked() } else { ShaderRuntimeChecks::unchecked() },
            uniforms,
            uniform_layout,
            uniform_group,
            sources: shader_sources().into_iter().collect(),
            kernels: RefCell::default(),
            pending: RefCell::default(),
            fault,
        })
    }

    /// Fails if the device has reported a fault.
    pub fn check(&self) -> Result<()> {
        match self.fault.lock().map(|mut fault| fault.take()) {
            Ok(None) => Ok(()),
            Ok(Some(fault)) => Err(fault),
            Err(_) => Err(BackendError::Lost("a fault could not be reported".into())),
        }
    }

    /// A new storage buffer, zero.
    pub fn buffer(&self, bytes: usize) -> Result<Buffer> {
        let size = (bytes.max(4)).next_multiple_of(4) as u64;
        if size > self.limits.max_buffer_size {
            return Err(BackendError::OutOfMemory(format!("{} has no buffers of {size} bytes", self.name)));
        }
        let buffer = self.device.create_buffer(&BufferDescriptor {
            label: None,
            size,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.check()?;
        Ok(buffer)
    }

    /// A new storage buffer with these bytes.
    pub fn upload(&self, bytes: &[u8]) -> Result<Buffer> {
        let buffer = self.buffer(bytes.len())?;
        self.queue.write_buffer(&buffer, 0, bytes);
        Ok(buffer)
    }

    /// Queues one dispatch of `tiles` workgroups; `words` are the operation's numbers after the offsets of its arrays.
    pub fn dispatch(
        &self,
        name: &'static str,
        arrays: &[Bound<'_>],
        words: &[u32],
        tiles: usize,
        work: f64,
    ) -> Result<()> {
        if tiles == 0 {
            return Ok(());
        }
        let kernel = self.kernel(name, arrays)?;
        let alignment = self.limits.min_storage_buffer_offset_alignment as usize / 4;
        let mut numbers: Vec<u32> = Vec::with_capacity(arrays.len() + words.len());
        let mut entries = Vec::with_capacity(arrays.len());
        for (binding, array) in arrays.iter().enumerate() {
            // An empty array may begin at its buffer's end, where nothing can be bound.
            let offset = if array.len == 0 { 0 } else { array.offset };
            let start = offset / alignment * alignment;
            let bytes = (offset - start + array.len.max(1)) as u64 * 4;
            if bytes > self.limits.max_storage_buffer_binding_size {
                return Err(BackendError::OutOfMemory(format!(
                    "{name} needs an array of {bytes} bytes at once, and {} has {} at the most",
                    self.name, self.limits.max_storage_buffer_binding_size
                )));
            }
            numbers.push((offset - start) as u32);
            let resource =
                BufferBinding { buffer: array.buffer, offset: start as u64 * 4, size: BufferSize::new(bytes) };
            entries.push(BindGroupEntry { binding: binding as u32, resource: BindingResource::Buffer(resource) });
        }
        numbers.extend(words);
        let group = self.device.create_bind_group(&BindGroupDescriptor {
            label: Some(name),
            layout: &kernel.layout,
            entries: &entries,
        });
        let most = self.limits.max_compute_workgroups_per_dimension as usize;
        let across = tiles.min(most);
        let down = tiles.div_ceil(across);
        if down > most {
            return Err(BackendError::Invalid(format!("{name}: {tiles} workgroups are too many")));
        }
        let full = {
            let mut pending = self.pending.borrow_mut();
            let slot = pending.numbers.len();
            pending.numbers.extend_from_slice(bytemuck::cast_slice(&numbers));
            pending.numbers.resize(slot + SLOT, 0);
            let groups = (across as u32, down as u32);
            pending.commands.push(Command::Dispatch { pipeline: kernel.pipeline, group, slot: slot as u32, groups });
            pending.work += work;
            pending.numbers.len() >= SLOTS * SLOT || pending.work > WORK
        };
        if full { self.flush().map(drop) } else { Ok(()) }
    }

    /// Queues a copy between buffers.
    pub fn copy(&self, from: &Buffer, start: usize, to: &Buffer, bytes: usize) {
        let command = Command::Copy { from: from.clone(), start: start as u64, to: to.clone(), bytes: bytes as u64 };
        self.pending.borrow_mut().commands.push(command);
    }

    /// Submits what is queued, if anything is.
    pub fn flush(&self) -> Result<Option<SubmissionIndex>> {
        let pending = self.pending.take();
        if pending.commands.is_empty() {
            return self.check().map(|()| None);
        }
        self.queue.write_buffer(&self.uniforms, 0, &pending.numbers);
        let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor::default());
        let mut commands = pending.commands.iter().peekable();
        while let Some(next) = commands.peek() {
            if let Command::Copy { from, start, to, bytes } = next {
                encoder.copy_buffer_to_buffer(from, *start, to, 0, *bytes);
                commands.next();
                continue;
            }
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
            while let Some(Command::Dispatch { pipeline, group, slot, groups }) =
                commands.next_if(|command| matches!(command, Command::Dispatch { .. }))
            {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.set_bind_group(1, &self.uniform_group, &[*slot]);
                pass.dispatch_workgroups(groups.0, groups.1, 1);
            }
        }
        let submission = self.queue.submit([encoder.finish()]);
        self.check()?;
        Ok(Some(submission))
    }

    /// Waits for a submission; without one, for all.
    pub fn wait(&self, submission_index: Option<SubmissionIndex>) -> Result<()> {
        self.device
            .poll(PollType::Wait { submission_index, timeout: Some(self.patience) })
            .map_err(|error| BackendError::Lost(format!("{}: {error}", self.name)))?;
        self.check()
    }

    fn kernel(&self, name: &'static str, arrays: &[Bound<'_>]) -> Result<Kernel> {
        if let Some(kernel) = self.kernels.borrow().get(name) {
            return Ok(kernel.clone());
        }
        let kernel = self.build(name, arrays)?;
        self.kernels.borrow_mut().insert(name, kernel.clone());
        Ok(kernel)
    }

    fn build(&self, name: &'static str, arrays: &[Bound<'_>]) -> Result<Kernel> {
        let source = self.sources.get(name).ok_or_else(|| BackendError::Invalid(format!("no shader {name}")))?;
        let descriptor =
            ShaderModuleDescriptor { label: Some(name), source: ShaderSource::Wgsl(source.as_str().into()) };
        // SAFETY: the shaders are our own; their loops end, and every index is bounded by the shapes that the operations
        // check before a dispatch.
        let module = unsafe { self.device.create_shader_module_trusted(descriptor, self.checks) };
        let entries: Vec<BindGroupLayoutEntry> = arrays
            .iter()
            .enumerate()
            .map(|(binding, array)| {
                entry(binding as u32, BufferBindingType::Storage { read_only: !array.written }, false)
            })
            .collect();
        let layout =
            self.device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout), Some(&self.uniform_layout)],
            immediate_size: 0,
        });
        let options = PipelineCompilationOptions { zero_initialize_workgroup_memory: false, ..Default::default() };
        let pipeline = self.device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: options,
            cache: None,
        });
        self.check()?;
        Ok(Kernel { pipeline, layout })
    }
}

fn entry(binding: u32, kind: BufferBindingType, dynamic: bool) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer { ty: kind, has_dynamic_offset: dynamic, min_binding_size: None },
        count: None,
    }
}

/// Keeps the first fault that the device reports.
fn watch(device: &Device, fault: &Arc<Mutex<Option<BackendError>>>) {
    let keep = |slot: &Mutex<Option<BackendError>>, error: BackendError| {
        if let Ok(mut slot) = slot.lock() {
            slot.get_or_insert(error);
        }
    };
    let slot = Arc::clone(fault);
    device.on_uncaptured_error(Arc::new(move |error: Error| {
        let fault = match &error {
            Error::OutOfMemory { .. } => BackendError::OutOfMemory(error.to_string()),
            _ => BackendError::Invalid(error.to_string()),
        };
        keep(&slot, fault);
    }));
    let slot = Arc::clone(fault);
    device.set_device_lost_callback(move |reason, message| {
        if reason != DeviceLostReason::Destroyed {
            keep(&slot, BackendError::Lost(message));
        }
    });
}
