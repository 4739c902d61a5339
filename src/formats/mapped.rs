//! Arrays of a run directory, read a row at a time.

use super::{DataError, NpyElement, npy, source, unreadable};
use memmap2::Mmap;
use std::path::Path;

/// A memory-mapped `.npy` of floats or 64-bit integers in C order: what a run writes.
#[derive(Debug)]
pub struct MappedArray {
    map: Mmap,
    /// Bytes before the data.
    start: usize,
    /// NumPy's name of the elements.
    descr: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl MappedArray {
    /// Opens a file; nothing is read yet but its header. `None` where there is no such file.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that is not a whole array of floats or 64-bit integers in C order.
    pub fn open(path: &Path) -> Result<Option<Self>, DataError> {
        if std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let (file, _) = source::open(path)?;
        // SAFETY: the file belongs to a finished run, whose files are renamed into place whole and never changed.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| DataError::new(path, unreadable(&error)))?;
        let wrong = |problem: String| DataError::new(path, problem);
        let header = npy::read_header(&mut &map[..]).map_err(wrong)?;
        header.check_len(map.len() as u64).map_err(wrong)?;
        let descr = header.plain().map_err(wrong)?;
        Ok(Some(Self { map, start: header.start, descr, shape: header.shape }))
    }

    /// Elements of one row: everything after the first axis.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Bytes of an element.
    fn size(&self) -> usize {
        if self.descr == f32::DESCR { 4 } else { 8 }
    }

    /// The elements from `first` to `first + len` as they lie in the file, where it holds this type.
    pub fn slice<T: NpyElement>(&self, first: usize, len: usize) -> Option<&[T]> {
        if T::DESCR != self.descr || cfg!(target_endian = "big") {
            return None;
        }
        let size = size_of::<T>();
        let from = self.start + first * size;
        self.map.get(from..from + len * size).and_then(|bytes| bytemuck::try_cast_slice(bytes).ok())
    }

    /// The bytes of the elements from `first` to `first + len`; none where they lie beyond the end.
    pub fn bytes(&self, first: usize, len: usize) -> &[u8] {
        let size = self.size();
        self.map.get(self.start + first * size..).and_then(|rest| rest.get(..len * size)).unwrap_or_default()
    }

    /// The elements from `first` to `first + len`, widened; those beyond the end are left out.
    pub fn values(&self, first: usize, len: usize) -> Vec<f64> {
        let size = self.size();
        let end = self.map.len().min(self.start + (first + len) * size);
        let bytes = self.map.get(self.start + first * size..end).unwrap_or_default();
        bytes
            .chunks_exact(size)
            .map(|word| match *word {
                [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
                [a, b, c, d, e, f, g, h] if self.descr == i64::DESCR => {
                    i64::from_le_bytes([a, b, c, d, e, f, g, h]) as f64
                }
                [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                _ => 0.0,
            })
            .collect()
    }

    /// Gives the memory of the elements from `first` to `first + len` back to the system. Whoever reads them again finds them in
    /// the file.
    pub fn release(&self, first: usize, len: usize) {
        #[cfg(unix)]
        {
            // Linux takes what lies around a page with it, which may have been given back before.
            const AROUND: usize = 1 << 16;
            let size = self.size();
            let from = (self.start + first * size).saturating_sub(AROUND);
            let to = (self.start + (first + len) * size + AROUND).min(self.map.len());
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: the map only reads, and shares its pages with the file: those that are given back come again as they were.
            // A system that keeps them does no harm.
            let _ = unsafe { self.map.unchecked_advise_range(advice, from, to.saturating_sub(from)) };
        }
        #[cfg(not(unix))]
        let _ = (first, len);
    }

    /// One row.
    pub fn row(&self, row: usize) -> Vec<f64> {
        self.values(row * self.row_len(), self.row_len())
    }

    /// Everything.
    pub fn all(&self) -> Vec<f64> {
        self.values(0, self.shape.iter().product())
    }
}
