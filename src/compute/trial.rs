//! An operation run once on numbers of its own: to compare devices, and to time them.

use super::{Backend, Element, Result, RowMap, Slice, SliceMut};
use crate::random::numbers;

/// What is done with the call that a trial is about.
pub type Call<'a> = dyn FnMut(&mut dyn FnMut() -> Result<()>) -> Result<()> + 'a;

/// A device, a size, and what an operation wrote there. Its numbers are the same on every device.
pub struct Trial<'a, B: Backend> {
    /// The device.
    pub backend: &'a B,
    /// About how many elements the operation shall write.
    pub size: usize,
    call: &'a mut Call<'a>,
    seed: u64,
    written: Vec<f64>,
}

impl<'a, B: Backend> Trial<'a, B> {
    /// A trial of a size; `call` is given the operation's call, to run it as often as it likes.
    pub fn new(backend: &'a B, size: usize, call: &'a mut Call<'a>) -> Self {
        Self { backend, size, call, seed: 0, written: Vec::new() }
    }

    /// How many rows of `width` elements make up the size: at least one.
    pub fn rows(&self, width: usize) -> usize {
        self.size.div_ceil(width.max(1)).max(1)
    }

    /// An array of numbers in [-1, 1] that f32 holds exactly; each call gives other ones.
    ///
    /// # Errors
    ///
    /// The device has no memory.
    pub fn numbers(&mut self, len: usize) -> Result<B::Buffer> {
        self.seed += 1;
        let numbers: Vec<_> = numbers(self.seed, len).into_iter().map(B::Element::from_f64).collect();
        self.backend.upload(&numbers)
    }

    /// An array of whole numbers below `count`.
    ///
    /// # Errors
    ///
    /// The device has no memory.
    pub fn tokens(&self, len: usize, count: usize) -> Result<B::Buffer> {
        let token = |place: usize| B::Element::from_f64(((place * 7 + place / 3) % count) as f64);
        self.backend.upload(&(0..len).map(token).collect::<Vec<_>>())
    }

    /// A map of outputs that have one to three rows each, of one base row for every four outputs.
    ///
    /// # Errors
    ///
    /// The device has no memory.
    pub fn map(&self, outputs: usize) -> Result<RowMap<B::Buffer, B::Index>> {
        let rows = |output: usize| 1 + output * 7 % 3;
        let base = outputs.div_ceil(4);
        let offsets: Vec<u32> = (0..=outputs)
            .scan(0, |next, output| {
                let offset = *next;
                *next += rows(output) as u32;
                Some(offset)
            })
            .collect();
        let count = offsets.last().map_or(0, |&last| last as usize);
        let inputs: Vec<u32> = (0..count).map(|row| (row * 5 % base) as u32).collect();
        let weights: Vec<f64> = (0..count).map(|row| 0.25 * (row % 4) as f64 - 0.5).collect();
        RowMap::new(self.backend, &offsets, &inputs, &weights)
    }

    /// Hands over the call.
    ///
    /// # Errors
    ///
    /// The call's.
    pub fn run(&mut self, mut call: impl FnMut() -> Result<()>) -> Result<()> {
        (self.call)(&mut call)
    }

    /// Takes down what the operation wrote.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn wrote(&mut self, buffer: &B::Buffer, len: usize) -> Result<()> {
        let values = self.backend.download(Slice::new(buffer, 0, len))?;
        self.written.extend(values.into_iter().map(Element::to_f64));
        Ok(())
    }

    /// All that was written.
    pub fn into_values(self) -> Vec<f64> {
        self.written
    }
}

/// The first `len` elements of a buffer.
pub(super) fn front<T>(buffer: &T, len: usize) -> Slice<'_, T> {
    Slice::new(buffer, 0, len)
}

/// The first `len` elements of a buffer, to be written.
pub(super) fn front_mut<T>(buffer: &mut T, len: usize) -> SliceMut<'_, T> {
    SliceMut::new(buffer, 0, len)
}
