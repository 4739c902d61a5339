//! Buffers that are used again: a step loop asks for the same sizes over and over, and fresh memory costs a page fault
//! for every four kilobytes.

use super::{BackendError, Element, Result};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Idle buffers by size.
#[derive(Debug)]
pub(in crate::compute) struct Pool<E> {
    idle: Mutex<Idle<E>>,
    /// Bytes that idle buffers may hold.
    most: usize,
}

#[derive(Debug)]
struct Idle<E> {
    by_size: HashMap<usize, Vec<Vec<E>>>,
    bytes: usize,
}

/// An array of the CPU backend. Its memory goes back to the backend when it is dropped.
#[derive(Debug)]
pub struct Buffer<E: Element> {
    /// At least `len` elements, all initialised.
    values: Vec<E>,
    len: usize,
    pool: Arc<Pool<E>>,
}

/// The size that is kept for a length: the next of four steps an octave, so that similar lengths share buffers.
fn size(len: usize) -> usize {
    let step = (len.max(256).next_power_of_two() / 8).max(1);
    len.max(1).next_multiple_of(step)
}

impl<E: Element> Pool<E> {
    /// A pool whose idle buffers hold at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self { idle: Mutex::new(Idle { by_size: HashMap::new(), bytes: 0 }), most }
    }

    /// A buffer of unspecified contents.
    pub fn take(self: &Arc<Self>, len: usize) -> Result<Buffer<E>> {
        let size = size(len);
        let found = self.idle.lock().ok().and_then(|mut idle| {
            let values = idle.by_size.get_mut(&size)?.pop()?;
            idle.bytes -= size * size_of::<E>();
            Some(values)
        });
        let values = match found {
            Some(values) => values,
            None => fresh(size)?,
        };
        Ok(Buffer { values, len, pool: Arc::clone(self) })
    }

    fn give(&self, values: Vec<E>) {
        let bytes = values.len() * size_of::<E>();
        if let Ok(mut idle) = self.idle.lock()
            && idle.bytes + bytes <= self.most
        {
            idle.bytes += bytes;
            idle.by_size.entry(values.len()).or_default().push(values);
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
        self.pool.give(std::mem::take(&mut self.values));
    }
}

impl<E: Element> Deref for Buffer<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.values[..self.len]
    }
}

impl<E: Element> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.values[..self.len]
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
