//! Time on the device, from the timestamps around its passes.

use super::{BackendError, Phase, Result};
use std::collections::VecDeque;
use wgpu::*;

/// Submissions that are measured at once; a further one waits for the oldest.
const SLOTS: u32 = 16;
/// Passes of a submission.
pub(super) const PASSES: usize = 64;
/// Timestamps of a slot.
const STAMPS: u32 = 2 * PASSES as u32;
/// Bytes of a slot, a multiple of what resolving asks for.
const BYTES: u64 = 8 * STAMPS as u64;
const _: () = assert!(BYTES.is_multiple_of(QUERY_RESOLVE_BUFFER_ALIGNMENT));

/// Two timestamps a pass, and what has come of them.
pub(super) struct Clock {
    queries: QuerySet,
    resolved: Buffer,
    staging: Vec<Buffer>,
    /// Slots under way, oldest first, each with its submission and the phases of its passes.
    running: VecDeque<(u32, SubmissionIndex, Vec<Phase>)>,
    free: Vec<u32>,
    /// Seconds of a tick.
    tick: f64,
    /// The end of the last pass: one that overlaps it counts from there.
    last: u64,
    ticks: [u64; Phase::COUNT],
}

impl Clock {
    /// A clock, where the device has timestamps.
    pub fn new(device: &Device, queue: &Queue) -> Option<Self> {
        if !device.features().contains(Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |size, usage| {
            device.create_buffer(&BufferDescriptor { label: Some("clock"), size, usage, mapped_at_creation: false })
        };
        Some(Self {
            queries: device.create_query_set(&QuerySetDescriptor {
                label: Some("clock"),
                ty: QueryType::Timestamp,
                count: STAMPS * SLOTS,
            }),
            resolved: buffer(u64::from(SLOTS) * BYTES, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC),
            staging: (0..SLOTS).map(|_| buffer(BYTES, BufferUsages::MAP_READ | BufferUsages::COPY_DST)).collect(),
            running: VecDeque::new(),
            free: (0..SLOTS).collect(),
            tick: f64::from(queue.get_timestamp_period()) * 1e-9,
            last: 0,
            ticks: [0; Phase::COUNT],
        })
    }

    /// A slot for the next submission; `wait` waits for one.
    pub fn slot(&mut self, wait: &dyn Fn(SubmissionIndex) -> Result<()>) -> Result<u32> {
        if self.free.is_empty() {
            self.read_oldest(wait)?;
        }
        self.free.pop().ok_or_else(|| BackendError::Invalid("a clock without slots".into()))
    }

    /// What a pass of a slot's submission writes.
    pub fn writes(&self, slot: u32, pass: usize) -> ComputePassTimestampWrites<'_> {
        let first = slot * STAMPS + 2 * pass as u32;
        ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Brings a slot's timestamps to where the host reads them.
    pub fn resolve(&self, slot: u32, passes: usize, encoder: &mut CommandEncoder) {
        let (first, offset, count) = (slot * STAMPS, u64::from(slot) * BYTES, 2 * passes as u32);
        encoder.resolve_query_set(&self.queries, first..first + count, &self.resolved, offset);
        encoder.copy_buffer_to_buffer(&self.resolved, offset, &self.staging[slot as usize], 0, 8 * u64::from(count));
    }

    /// A slot's commands have been submitted.
    pub fn submitted(&mut self, slot: u32, submission: SubmissionIndex, phases: Vec<Phase>) {
        self.staging[slot as usize].slice(..).map_async(MapMode::Read, |_| {});
        self.running.push_back((slot, submission, phases));
    }

    /// Seconds of each phase so far, once all that runs has ended.
    pub fn seconds(&mut self, wait: &dyn Fn(SubmissionIndex) -> Result<()>) -> Result<[f64; Phase::COUNT]> {
        while !self.running.is_empty() {
            self.read_oldest(wait)?;
        }
        Ok(self.ticks.map(|ticks| ticks as f64 * self.tick))
    }

    fn read_oldest(&mut self, wait: &dyn Fn(SubmissionIndex) -> Result<()>) -> Result<()> {
        let Some((slot, submission, phases)) = self.running.pop_front() else { return Ok(()) };
        wait(submission)?;
        let staging = &self.staging[slot as usize];
        {
            let mapped = staging
                .slice(..)
                .get_mapped_range()
                .map_err(|error| BackendError::Lost(format!("timestamps could not be read: {error}")))?;
            let stamps: Vec<u64> = bytemuck::pod_collect_to_vec(&mapped[..16 * phases.len()]);
            for (phase, stamps) in phases.into_iter().zip(stamps.chunks_exact(2)) {
                self.ticks[phase as usize] += stamps[1].saturating_sub(stamps[0].max(self.last));
                self.last = self.last.max(stamps[1]);
            }
        }
        staging.unmap();
        self.free.push(slot);
        Ok(())
    }
}
