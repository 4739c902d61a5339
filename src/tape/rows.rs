//! A recorded array of flat vectors.

use crate::compute::Element;
use crate::error::Error;
use crate::formats::{MappedArray, NpyElement};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The CRC-32C of a row.
pub(super) fn checksum<T: NpyElement>(values: &[T]) -> u32 {
    crc32c::crc32c(bytemuck::cast_slice(values))
}

/// A memory-mapped file of floats `[rows, len]`, which must not change any more.
#[derive(Debug)]
pub struct Rows {
    array: MappedArray,
    path: PathBuf,
    len: usize,
    /// The checksum of each row.
    checksums: Vec<u32>,
}

impl Rows {
    /// Maps a file of vectors of `len`, whose rows have these checksums.
    ///
    /// # Errors
    ///
    /// A file that is missing, damaged or of another shape.
    pub(super) fn open(path: &Path, len: usize, checksums: Vec<u32>) -> Result<Self, Error> {
        let damaged = |problem: &dyn std::fmt::Display| {
            Error::Trajectory(format!("{problem}; the recorded path is damaged: remove the run directory"))
        };
        let array = MappedArray::open(path).map_err(|problem| damaged(&problem))?;
        // The file may have room for a row that no step needs.
        let fits = |shape: &[usize]| shape.len() == 2 && shape[1] == len && shape[0] >= checksums.len();
        let array = array.filter(|array| fits(&array.shape));
        let array = array.ok_or_else(|| damaged(&format!("{}: is missing or of another shape", path.display())))?;
        Ok(Self { array, path: path.to_owned(), len, checksums })
    }

    /// The first row whose checksum is another in the other array.
    pub(super) fn first_difference(&self, other: &Self) -> Option<usize> {
        let (own, other) = (&self.checksums, &other.checksums);
        let differ = own.iter().zip(other).position(|(own, other)| own != other);
        differ.or_else(|| (own.len() != other.len()).then(|| own.len().min(other.len())))
    }

    /// The number of rows.
    pub fn count(&self) -> usize {
        self.checksums.len()
    }

    /// A row, in any precision. It is a copy: what was read of the file does not stay in memory, which a path would fill.
    ///
    /// # Errors
    ///
    /// There is no such row, or it was changed after it was written.
    pub fn row<E: Element>(&self, number: usize) -> Result<Cow<'_, [E]>, Error> {
        if number >= self.count() {
            return Err(Error::Trajectory(format!("{}: has no row {number}", self.path.display())));
        }
        let found = crc32c::crc32c(self.array.bytes(number * self.len, self.len));
        if found != self.checksums[number] {
            return Err(Error::Trajectory(format!(
                "{}: the checksum of row {number} does not match: the file was changed or damaged after it was written; \
                 remove the run directory",
                self.path.display()
            )));
        }
        let row = match self.array.slice::<E>(number * self.len, self.len) {
            Some(own) => own.to_vec(),
            None => self.array.row(number).into_iter().map(E::from_f64).collect(),
        };
        self.array.release(number * self.len, self.len);
        Ok(Cow::Owned(row))
    }
}
