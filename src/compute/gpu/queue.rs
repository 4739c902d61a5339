//! The queue of dispatches: many to a submission, and a submission bounded in work.

use super::clock::PASSES;
use super::context::{Bound, Context};
use super::pipelines::Key;
use crate::compute::{BackendError, Phase, Result};
use wgpu::*;

/// Dispatches that one submission holds at the most.
const SLOTS: usize = 512;
/// Bytes of one dispatch's numbers.
const SLOT: usize = 256;

/// What waits to be submitted.
pub(super) enum Command {
    Dispatch { pipeline: ComputePipeline, group: BindGroup, slot: u32, groups: (u32, u32), phase: Phase },
    Copy { from: Buffer, start: u64, to: Buffer, bytes: u64 },
    Clear { buffer: Buffer },
}

impl Command {
    /// The phase of a dispatch; a pass has one.
    fn phase(&self) -> Option<Phase> {
        match self {
            Command::Dispatch { phase, .. } => Some(*phase),
            Command::Copy { .. } | Command::Clear { .. } => None,
        }
    }
}

#[derive(Default)]
pub(super) struct Pending {
    pub commands: Vec<Command>,
    /// Passes begun, at the most.
    passes: usize,
    numbers: Vec<u8>,
    work: f64,
}

/// Where the numbers of a submission's dispatches lie.
pub(super) struct NumbersBuffer {
    buffer: Buffer,
    group: BindGroup,
}

impl NumbersBuffer {
    pub fn new(device: &Device, layout: &BindGroupLayout) -> Self {
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("numbers"),
            size: (SLOTS * SLOT) as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let binding = BufferBinding { buffer: &buffer, offset: 0, size: BufferSize::new(SLOT as u64) };
        let group = device.create_bind_group(&BindGroupDescriptor {
            label: None,
            layout,
            entries: &[BindGroupEntry { binding: 0, resource: BindingResource::Buffer(binding) }],
        });
        Self { buffer, group }
    }
}

/// One dispatch of an operation.
pub(in crate::compute) struct Dispatch<'a> {
    pub shader: Key,
    pub arrays: &'a [Bound<'a>],
    /// Its numbers, after the offsets of its arrays.
    pub numbers: &'a [u32],
    /// Workgroups.
    pub groups: usize,
    /// Floating-point operations, about.
    pub work: f64,
}

impl Context {
    /// Queues a dispatch.
    pub fn dispatch(&self, dispatch: &Dispatch<'_>) -> Result<()> {
        let (name, groups) = (dispatch.shader.name, dispatch.groups);
        if groups == 0 {
            return Ok(());
        }
        self.check()?;
        let pipeline = self.pipeline(&dispatch.shader, dispatch.arrays)?;
        let alignment = self.limits.min_storage_buffer_offset_alignment as usize / 4;
        let mut numbers: Vec<u32> = Vec::with_capacity(dispatch.arrays.len() + dispatch.numbers.len());
        let mut entries = Vec::with_capacity(dispatch.arrays.len());
        for (binding, array) in dispatch.arrays.iter().enumerate() {
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
        numbers.extend(dispatch.numbers);
        let group = self.device.create_bind_group(&BindGroupDescriptor {
            label: Some(name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        let most = self.limits.max_compute_workgroups_per_dimension as usize;
        let across = groups.min(most);
        let down = groups.div_ceil(across);
        if down > most || numbers.len() * 4 > SLOT {
            return Err(BackendError::Invalid(format!("{name}: {groups} workgroups are too many")));
        }
        let full = {
            let mut pending = self.pending.borrow_mut();
            let slot = pending.numbers.len();
            pending.numbers.extend_from_slice(bytemuck::cast_slice(&numbers));
            pending.numbers.resize(slot + SLOT, 0);
            let (number, phase) = (slot as u32, self.phase.get());
            if pending.commands.last().and_then(Command::phase) != Some(phase) {
                pending.passes += 1;
            }
            pending.commands.push(Command::Dispatch {
                pipeline: pipeline.pipeline,
                group,
                slot: number,
                groups: (across as u32, down as u32),
                phase,
            });
            pending.work += dispatch.work;
            pending.numbers.len() >= SLOTS * SLOT || pending.passes >= PASSES || pending.work > self.most_work
        };
        if full { self.flush().map(drop) } else { Ok(()) }
    }

    /// Submits what is queued, if anything is.
    pub fn flush(&self) -> Result<Option<SubmissionIndex>> {
        let pending = self.pending.take();
        if pending.commands.is_empty() {
            return self.check().map(|()| None);
        }
        self.queue.write_buffer(&self.numbers.buffer, 0, &pending.numbers);
        let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor::default());
        let passes = pending.commands.chunk_by(|a, b| a.phase().is_some() && a.phase() == b.phase());
        let phases: Vec<Phase> = passes.clone().filter_map(|commands| commands[0].phase()).collect();
        let mut clock = self.clock.borrow_mut();
        let slot = match clock.as_mut() {
            Some(clock) if !phases.is_empty() => Some(clock.slot(&|submission| self.wait(Some(submission)))?),
            _ => None,
        };
        let mut number = 0;
        for commands in passes {
            match &commands[0] {
                Command::Copy { from, start, to, bytes } => encoder.copy_buffer_to_buffer(from, *start, to, 0, *bytes),
                Command::Clear { buffer } => encoder.clear_buffer(buffer, 0, None),
                Command::Dispatch { .. } => {
                    let timestamp_writes = clock.as_ref().zip(slot).map(|(clock, slot)| clock.writes(slot, number));
                    number += 1;
                    let descriptor = ComputePassDescriptor { label: None, timestamp_writes };
                    self.encode(commands, encoder.begin_compute_pass(&descriptor));
                }
            }
        }
        if let (Some(clock), Some(slot)) = (clock.as_ref(), slot) {
            clock.resolve(slot, phases.len(), &mut encoder);
        }
        let submission = self.queue.submit([encoder.finish()]);
        self.pool.lock().submitted();
        if let (Some(clock), Some(slot)) = (clock.as_mut(), slot) {
            clock.submitted(slot, submission.clone(), phases);
        }
        self.check()?;
        Ok(Some(submission))
    }

    fn encode(&self, commands: &[Command], mut pass: ComputePass<'_>) {
        for command in commands {
            if let Command::Dispatch { pipeline, group, slot, groups, .. } = command {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.set_bind_group(1, &self.numbers.group, &[*slot]);
                pass.dispatch_workgroups(groups.0, groups.1, 1);
            }
        }
    }
}
