//! Device buffers that are used again: a step loop asks for the same sizes over and over, and creating a buffer costs
//! more than many a dispatch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// From this size on, buffers that nobody has asked for in a while make room when a new one is needed.
const LARGE: u64 = 1 << 20;
/// Submissions after which a large buffer that was not used again makes room for another.
const IDLE: u64 = 8;
/// Submissions after which any buffer that was not used again is let go.
const FORGOTTEN: u64 = 256;

/// An array on the device. Dropping it hands its memory to the next that needs as much.
#[derive(Debug)]
pub struct Buffer {
    raw: wgpu::Buffer,
    /// In elements of four bytes.
    len: usize,
    pool: Pool,
}

impl Buffer {
    pub(in crate::compute) fn raw(&self) -> &wgpu::Buffer {
        &self.raw
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.lock().arrays.put(self.raw.clone());
    }
}

/// When a buffer must be free of earlier uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// In the queue's order: by a dispatch.
    Queued,
    /// At once: by a write, which overtakes what is not submitted yet.
    Now,
}

/// Buffers of one kind that are free, by size, each with the submission before which it was given back.
#[derive(Debug, Default)]
pub(super) struct Free {
    by_size: BTreeMap<u64, Vec<(u64, wgpu::Buffer)>>,
    /// Counts submissions.
    epoch: u64,
}

impl Free {
    /// A buffer of a size class.
    pub fn take(&mut self, size: u64, when: Use) -> Option<wgpu::Buffer> {
        let epoch = self.epoch;
        let buffers = self.by_size.get_mut(&size)?;
        let place = buffers.iter().rposition(|&(returned, _)| when == Use::Queued || returned < epoch)?;
        Some(buffers.remove(place).1)
    }

    /// Gives a buffer back.
    pub fn put(&mut self, buffer: wgpu::Buffer) {
        self.by_size.entry(buffer.size()).or_default().push((self.epoch, buffer));
    }

    /// What is queued has been submitted.
    pub fn submitted(&mut self) {
        self.epoch += 1;
        if self.epoch.is_multiple_of(FORGOTTEN) {
            self.forget(0, FORGOTTEN);
        }
    }

    /// Lets large buffers go that are idle, before another is created.
    pub fn make_room(&mut self, size: u64) {
        if size >= LARGE {
            self.forget(LARGE, IDLE);
        }
    }

    /// Lets everything go.
    pub fn clear(&mut self) {
        self.by_size.clear();
    }

    fn forget(&mut self, size: u64, age: u64) {
        let epoch = self.epoch;
        for (_, buffers) in self.by_size.range_mut(size..) {
            buffers.retain(|&(returned, _)| returned + age >= epoch);
        }
        self.by_size.retain(|_, buffers| !buffers.is_empty());
    }
}

/// What a pool holds.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Storage arrays.
    pub arrays: Free,
    /// Buffers that the host reads.
    pub staging: Free,
    /// Buffers created so far.
    pub created: u64,
}

/// The free buffers of a device.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Store>>);

impl Store {
    /// What is queued has been submitted.
    pub fn submitted(&mut self) {
        self.arrays.submitted();
        self.staging.submitted();
    }
}

impl Pool {
    pub fn lock(&self) -> MutexGuard<'_, Store> {
        // The store is whole between any two statements, so a panic elsewhere has not harmed it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An array that goes back here when it is dropped.
    pub fn array(&self, raw: wgpu::Buffer, len: usize) -> Buffer {
        Buffer { raw, len, pool: self.clone() }
    }
}

/// The size of the buffer for so many bytes: at most an eighth more, so that sizes that differ a little share.
pub(super) fn size_class(bytes: u64) -> u64 {
    let bytes = bytes.max(256);
    let step = (bytes.next_power_of_two() / 16).max(256);
    bytes.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn classes_waste_little() {
        for bytes in [1u64, 256, 257, 4095, 4097, 65_537, 1_000_001, (1 << 30) + 1, 3 << 30] {
            let size = size_class(bytes);
            assert!(size >= bytes && size.is_multiple_of(4));
            assert!(bytes < 4096 || size <= bytes + bytes / 8, "{bytes} take {size}");
            assert_eq!(size_class(size), size);
        }
    }
}
