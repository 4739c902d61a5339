//! Buffers that are used again: a step loop asks for the same sizes over and over, and fresh memory costs a page fault
//! for every four kilobytes. Large ones lie in huge pages where the system has them: fewer faults, and the rows of a tile,
//! which lie far apart, do not each ask for the address of a page.

use super::{BackendError, Element, Result};
use bytemuck::{Pod, Zeroable};
use memmap2::MmapMut;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// A cache line: no vector of a processor is wider, so that none that begins with a buffer straddles two.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Bytes from which on memory is taken in pages of its own, at least two huge ones.
const LARGE: usize = 4 << 20;

/// The memory of a buffer, zero at first.
#[derive(Debug)]
enum Memory {
    Lines(Box<[Line]>),
    Pages(MmapMut),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Lines(Box::default())
    }
}

impl Memory {
    /// So many bytes, rounded up to lines; `None`: there is no room.
    fn new(bytes: usize) -> Option<Self> {
        if bytes < LARGE {
            return bytemuck::allocation::try_zeroed_slice_box(bytes.div_ceil(size_of::<Line>())).ok().map(Self::Lines);
        }
        let pages = MmapMut::map_anon(bytes).ok()?;
        // A system that has no huge pages gives usual ones.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Some(Self::Pages(pages))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Lines(lines) => bytemuck::cast_slice(lines),
            Self::Pages(pages) => pages,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Lines(lines) => bytemuck::cast_slice_mut(lines),
            Self::Pages(pages) => pages,
        }
    }
}

/// Idle buffers by size.
#[derive(Debug)]
pub(in crate::compute) struct Pool<E> {
    idle: Mutex<Idle>,
    /// Bytes that idle buffers may hold.
    most: usize,
    of: PhantomData<E>,
}

#[derive(Debug, Default)]
struct Idle {
    by_size: HashMap<usize, Vec<Memory>>,
    bytes: usize,
}

/// An array of the CPU backend. Its memory goes back to the backend when it is dropped.
#[derive(Debug)]
pub struct Buffer<E: Element> {
    /// At least `len` elements, all initialised.
    memory: Memory,
    len: usize,
    pool: Arc<Pool<E>>,
}

/// The elements that are kept for a length: the next of four steps an octave, so that similar lengths share buffers.
fn size(len: usize) -> usize {
    let step = (len.max(256).next_power_of_two() / 8).max(1);
    len.max(1).next_multiple_of(step)
}

impl<E: Element> Pool<E> {
    /// A pool whose idle buffers hold at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most, of: PhantomData }
    }

    /// A buffer of unspecified contents.
    pub fn take(self: &Arc<Self>, len: usize) -> Result<Buffer<E>> {
        let bytes = size(len).checked_mul(size_of::<E>()).ok_or_else(|| no_room(len))?;
        let found = self.idle.lock().ok().and_then(|mut idle| {
            let memory = idle.by_size.get_mut(&bytes)?.pop()?;
            idle.bytes -= bytes;
            Some(memory)
        });
        let memory = match found {
            Some(memory) => memory,
            None => Memory::new(bytes).ok_or_else(|| no_room(len))?,
        };
        Ok(Buffer { memory, len, pool: Arc::clone(self) })
    }

    fn give(&self, bytes: usize, memory: Memory) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.bytes + bytes <= self.most
        {
            idle.bytes += bytes;
            idle.by_size.entry(bytes).or_default().push(memory);
        }
    }
}

/// An array of zeros.
pub(in crate::compute) fn fresh<E: Element>(len: usize) -> Result<Vec<E>> {
    bytemuck::allocation::try_zeroed_slice_box(len).map(Vec::from).map_err(|()| no_room(len))
}

/// An array of the same values.
pub(in crate::compute) fn owned<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(values.len()).map_err(|_| no_room(values.len()))?;
    copy.extend_from_slice(values);
    Ok(copy)
}

fn no_room(len: usize) -> BackendError {
    BackendError::OutOfMemory(format!("no room for an array of {len} elements"))
}

impl<E: Element> Drop for Buffer<E> {
    fn drop(&mut self) {
        self.pool.give(size(self.len) * size_of::<E>(), std::mem::take(&mut self.memory));
    }
}

impl<E: Element> Deref for Buffer<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &bytemuck::cast_slice(self.memory.bytes())[..self.len]
    }
}

impl<E: Element> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut bytemuck::cast_slice_mut(self.memory.bytes_mut())[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Backend;
    use crate::compute::cpu::CpuBackend;

    #[test]
    fn no_room_is_an_error() {
        let backend = CpuBackend::<f32>::new();
        for len in [usize::MAX, usize::MAX / 16, 1 << 56] {
            assert!(matches!(backend.totals(len), Err(BackendError::OutOfMemory(_))));
            assert!(matches!(fresh::<f32>(len), Err(BackendError::OutOfMemory(_))));
        }
        assert!(matches!(backend.scratch(1 << 56), Err(BackendError::OutOfMemory(_))));
    }

    #[test]
    fn buffers_begin_with_a_line_and_hold_what_is_written() -> Result<()> {
        let pool = Arc::new(Pool::<f32>::new(0));
        for len in [0, 1, 15, 1000, LARGE / 4 - 1, LARGE / 4, LARGE / 4 + 1, LARGE] {
            let mut buffer = pool.take(len)?;
            assert_eq!(buffer.as_ptr().align_offset(64), 0, "{len}");
            assert_eq!(buffer.len(), len);
            assert!(buffer.iter().all(|&value| value == 0.0));
            buffer.fill(1.0);
            assert!(buffer.iter().all(|&value| value == 1.0));
        }
        Ok(())
    }

    #[test]
    fn as_much_lies_idle_as_is_allowed() -> Result<()> {
        for (most, kept) in [(0, 0), (4096, 4096), (1 << 20, 8192)] {
            let pool = Arc::new(Pool::<f64>::new(most));
            let both = [pool.take(512)?, pool.take(512)?];
            drop(both);
            assert_eq!(pool.idle.lock().map(|idle| idle.bytes).ok(), Some(kept));
        }
        Ok(())
    }
}
