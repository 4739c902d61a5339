//! Buffers that are used again: a step loop asks for the same sizes over and over, and fresh memory costs a page fault
//! for every four kilobytes.

use super::{BackendError, Element, Result};
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Bytes that idle buffers may hold.
const IDLE: usize = 1 << 30;

/// Idle buffers by size.
#[derive(Debug)]
pub(super) struct Pool<E> {
    idle: Mutex<Idle<E>>,
}

#[derive(Debug)]
struct Idle<E> {
    by_size: HashMap<usize, Vec<Vec<E>>>,
    bytes: usize,
}

impl<E> Default for Pool<E> {
    fn default() -> Self {
        Self { idle: Mutex::new(Idle { by_size: HashMap::new(), bytes: 0 }) }
    }
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
            && idle.bytes + bytes <= IDLE
        {
            idle.bytes += bytes;
            idle.by_size.entry(values.len()).or_default().push(values);
        }
    }
}

fn fresh<E: Element>(size: usize) -> Result<Vec<E>> {
    let room = || BackendError::OutOfMemory(format!("no room for an array of {size} elements"));
    bytemuck::allocation::try_zeroed_slice_box(size).map(Vec::from).map_err(|()| room())
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
