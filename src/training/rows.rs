//! A recorded array of flat vectors.

use crate::backend::Element;
use crate::data::MappedArray;
use crate::error::Error;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// `[rows, len]` of floats in a file that is not changed any more.
#[derive(Debug)]
pub struct Rows {
    array: MappedArray,
    path: PathBuf,
    len: usize,
}

impl Rows {
    /// Maps a file of vectors of `len`.
    ///
    /// # Errors
    ///
    /// A file that is missing, damaged or of another shape.
    pub(super) fn open(path: &Path, len: usize) -> Result<Self, Error> {
        let array = MappedArray::open(path)?.filter(|array| array.shape.len() == 2 && array.shape[1] == len);
        let array =
            array.ok_or_else(|| Error::Trajectory(format!("{}: is missing or of another shape", path.display())))?;
        Ok(Self { array, path: path.to_owned(), len })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.array.shape[0]
    }

    /// A vector, in any precision: of the recording's own, a part of the map.
    ///
    /// # Errors
    ///
    /// There is no such row.
    pub fn row<E: Element>(&self, number: usize) -> Result<Cow<'_, [E]>, Error> {
        if number >= self.count() {
            return Err(Error::Trajectory(format!("{}: has no row {number}", self.path.display())));
        }
        Ok(match self.array.slice(number * self.len, self.len) {
            Some(own) => Cow::Borrowed(own),
            None => self.array.row(number).into_iter().map(E::from_f64).collect(),
        })
    }
}
