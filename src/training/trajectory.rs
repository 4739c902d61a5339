//! The recorded path on disk: `trajectory/weights.npy`, `[steps + 1, parameters]`, memory-mapped for reading.

use super::Step;
use crate::backend::Element;
use crate::data::NpyWriter;
use crate::error::Error;
use memmap2::Mmap;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Writes weights as training goes.
pub struct Recorder<E: Element> {
    writer: NpyWriter<E>,
    path: PathBuf,
    len: usize,
}

impl<E: Element> Recorder<E> {
    /// Starts a file for `steps + 1` weight vectors of `len`.
    pub fn create(directory: &Path, steps: usize, len: usize) -> Result<Self, Error> {
        let folder = directory.join("trajectory");
        std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        let path = folder.join("weights.npy");
        Ok(Self { writer: NpyWriter::create(&path, &[steps + 1, len])?, path, len })
    }

    /// Writes the weights before step `number` (or after the last).
    pub fn record(&mut self, number: usize, weights: &[E]) -> Result<(), Error> {
        Ok(self.writer.write_at(number * self.len, weights)?)
    }

    /// Names the file, and maps it.
    pub fn finish(self, steps: Vec<Step>, examples: usize) -> Result<Trajectory, Error> {
        self.writer.finish()?;
        Trajectory::open::<E>(&self.path, steps, examples, self.len)
    }
}

/// A recorded path.
#[derive(Debug)]
pub struct Trajectory {
    map: Mmap,
    path: PathBuf,
    start: usize,
    wide: bool,
    len: usize,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// m.
    pub examples: usize,
}

impl Trajectory {
    fn open<E: Element>(path: &Path, steps: Vec<Step>, examples: usize, len: usize) -> Result<Self, Error> {
        let file = std::fs::File::open(path).map_err(|source| Error::file(path, source))?;
        // SAFETY: the file lies in the run's own directory and is not written again once it has its final name.
        let map = unsafe { Mmap::map(&file) }.map_err(|source| Error::file(path, source))?;
        let size = (steps.len() + 1) * len * size_of::<E>();
        let start = map
            .len()
            .checked_sub(size)
            .ok_or_else(|| Error::Trajectory(format!("{}: shorter than its {} steps", path.display(), steps.len())))?;
        Ok(Self { map, path: path.to_owned(), start, wide: size_of::<E>() == 8, len, steps, examples })
    }

    /// The weights before step `number` (or after the last), in any precision: of the recording's own, a part of the map.
    ///
    /// # Errors
    ///
    /// The recording is shorter than its steps.
    pub fn weights<E: Element>(&self, number: usize) -> Result<Cow<'_, [E]>, Error> {
        let bytes = if self.wide { 8 } else { 4 };
        let from = self.start + number * self.len * bytes;
        let raw = self
            .map
            .get(from..from + self.len * bytes)
            .ok_or_else(|| Error::Trajectory(format!("{}: has no weights {number}", self.path.display())))?;
        if size_of::<E>() == bytes
            && cfg!(target_endian = "little")
            && let Ok(own) = bytemuck::try_cast_slice(raw)
        {
            return Ok(Cow::Borrowed(own));
        }
        let (eights, _) = raw.as_chunks::<8>();
        let (fours, _) = raw.as_chunks::<4>();
        Ok(if self.wide {
            eights.iter().map(|&bytes| E::from_f64(f64::from_le_bytes(bytes))).collect()
        } else {
            fours.iter().map(|&bytes| E::from_f64(f64::from(f32::from_le_bytes(bytes)))).collect()
        })
    }

    /// Steps of one block of the two-level sums: about √steps.
    pub fn block(&self) -> usize {
        ((self.steps.len() as f64).sqrt().ceil() as usize).max(1)
    }
}
