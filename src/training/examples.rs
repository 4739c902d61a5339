//! The examples' inputs on the device.

use crate::compute::{Backend, Result, Slice, SliceMut};

/// Rows of inputs on the device, in as many buffers as its limit on a buffer's size asks for.
#[derive(Debug)]
pub struct Examples<B: Backend> {
    parts: Vec<B::Buffer>,
    /// Rows of each buffer but the last.
    rows: usize,
    width: usize,
    count: usize,
}

impl<B: Backend> Examples<B> {
    /// Uploads `[examples, width]` inputs.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(backend: &B, inputs: &[B::Element], width: usize) -> Result<Self> {
        let width = width.max(1);
        let rows = (backend.largest_buffer() / width).max(1);
        let parts = inputs.chunks(rows * width).map(|part| backend.upload(part)).collect::<Result<_>>()?;
        Ok(Self { parts, rows, width, count: inputs.len() / width })
    }

    /// m: the number of examples.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The inputs of some examples as a new buffer.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn gather(&self, backend: &B, examples: &[u32]) -> Result<B::Buffer> {
        if examples.is_sorted() {
            return self.gather_sorted(backend, examples);
        }
        let mut order: Vec<u32> = (0..examples.len() as u32).collect();
        order.sort_by_key(|&place| examples[place as usize]);
        let sorted: Vec<u32> = order.iter().map(|&place| examples[place as usize]).collect();
        let mut places = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&place, from)| places[place as usize] = from);
        let (len, from) = (examples.len() * self.width, self.gather_sorted(backend, &sorted)?);
        let mut out = backend.scratch(len)?;
        let from = Slice::new(&from, 0, len);
        backend.gather(SliceMut::new(&mut out, 0, len), from, &backend.index(&places)?, self.width)?;
        Ok(out)
    }

    /// The same of examples that ascend.
    fn gather_sorted(&self, backend: &B, examples: &[u32]) -> Result<B::Buffer> {
        let mut out = backend.scratch(examples.len() * self.width)?;
        let mut done = 0;
        for (number, part) in self.parts.iter().enumerate() {
            let first = number * self.rows;
            let rows = self.rows.min(self.count - first);
            let end = examples.partition_point(|&example| (example as usize) < first + rows);
            let local: Vec<u32> = examples[done..end].iter().map(|&example| example - first as u32).collect();
            if !local.is_empty() {
                let out = SliceMut::new(&mut out, done * self.width, local.len() * self.width);
                backend.gather(out, Slice::new(part, 0, rows * self.width), &backend.index(&local)?, self.width)?;
            }
            done = end;
        }
        Ok(out)
    }
}
