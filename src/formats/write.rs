//! Writing `.npy`: beside the final name, then renamed.

use super::DataError;
use crate::error::advice;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// What can be written: `f32`, `f64` and `i64`.
pub trait NpyElement: bytemuck::Pod {
    /// NumPy's name of the type.
    const DESCR: &'static str;
}

impl NpyElement for f32 {
    const DESCR: &'static str = "<f4";
}

impl NpyElement for f64 {
    const DESCR: &'static str = "<f8";
}

impl NpyElement for i64 {
    const DESCR: &'static str = "<i8";
}

/// A file that is being written beside its final name. Dropped before it got that name, it is removed: nobody needs
/// half an array, and it may hold much of the disk.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    beside: PathBuf,
    kept: bool,
}

impl Temporary {
    pub fn new(path: &Path) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        Self { path: path.to_owned(), beside: PathBuf::from(name), kept: false }
    }

    /// The name that the file has while it is written.
    pub fn beside(&self) -> &Path {
        &self.beside
    }

    /// The error for a write that failed.
    pub fn failed(&self, error: impl std::fmt::Display) -> DataError {
        DataError::writing(&self.path, format!("cannot be written: {error}"))
    }

    /// Keeps the file when this is dropped, so that a later attempt can go on with it.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// The error for a failure of the system, with what to do about it.
    pub fn refused(&self, error: std::io::Error) -> DataError {
        self.failed(format!("{error}{}", advice(&error)))
    }

    /// Gives the finished file its name.
    pub fn commit(mut self) -> Result<(), DataError> {
        std::fs::rename(&self.beside, &self.path)
            .map_err(|error| DataError::writing(&self.path, format!("cannot be renamed into place: {error}")))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // If it cannot be removed now, the next start of the run removes it.
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

pub(super) fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    long_header(descr, shape, 0)
}

/// A header of at least `least` bytes, which must be a multiple of 64.
fn long_header(descr: &str, shape: &[usize], least: usize) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let sides = if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
    let padded = (10 + text.len() + 1).next_multiple_of(64).max(least) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{text:<width$}\n", width = padded - 1).bytes());
    bytes
}

/// Writes a whole array.
///
/// # Errors
///
/// A file that cannot be written.
pub fn write_npy<T: NpyElement>(path: &Path, shape: &[usize], values: &[T]) -> Result<(), DataError> {
    let mut writer = NpyWriter::create(path, shape)?;
    writer.write_at(0, values)?;
    writer.finish()
}

/// Writes a file of bytes.
///
/// # Errors
///
/// A file that cannot be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let temporary = Temporary::new(path);
    let written = File::create(temporary.beside()).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    written.map_err(|error| temporary.refused(error))?;
    temporary.commit()
}

/// Writes an array in parts, in any order.
#[derive(Debug)]
pub struct NpyWriter<T> {
    file: File,
    temporary: Temporary,
    start: usize,
    len: usize,
    /// Elements of a row, where the number of rows shows only in the end.
    row: Option<usize>,
    element: PhantomData<T>,
}

/// Opens or makes the file beside a name, keeping what it holds; it stays when it is dropped.
fn left_open(path: &Path) -> Result<(File, Temporary), DataError> {
    let mut temporary = Temporary::new(path);
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).open(temporary.beside());
    let file = opened.map_err(|error| temporary.refused(error))?;
    temporary.keep();
    Ok((file, temporary))
}

/// Bytes of the header of an array that grows: room for any number of rows.
const GROWING: usize = 128;

impl<T: NpyElement> NpyWriter<T> {
    /// Starts a file of rows of `row` elements, as many as are written, or goes on with one that was left beside the name.
    ///
    /// # Errors
    ///
    /// A file that cannot be made.
    pub fn growing(path: &Path, row: usize) -> Result<Self, DataError> {
        let (file, temporary) = left_open(path)?;
        Ok(Self { file, temporary, start: GROWING, len: 0, row: Some(row), element: PhantomData })
    }

    /// Reserves the file beside its final name, or goes on with one that was left there; it stays if this is dropped.
    ///
    /// # Errors
    ///
    /// A file that cannot be made, or a disk without room for it.
    pub fn resumable(path: &Path, shape: &[usize]) -> Result<Self, DataError> {
        let (file, temporary) = left_open(path)?;
        Self::reserved(file, temporary, shape)
    }

    /// Reserves the file beside its final name.
    ///
    /// # Errors
    ///
    /// A file that cannot be made, or a disk without room for it.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self, DataError> {
        let temporary = Temporary::new(path);
        let file = File::create(temporary.beside()).map_err(|error| temporary.refused(error))?;
        Self::reserved(file, temporary, shape)
    }

    /// Writes the header and reserves the length.
    fn reserved(mut file: File, temporary: Temporary, shape: &[usize]) -> Result<Self, DataError> {
        let header = header(T::DESCR, shape);
        let len: usize = shape.iter().product();
        let size = (header.len() + len * size_of::<T>()) as u64;
        file.write_all(&header).and_then(|()| file.set_len(size)).map_err(|error| temporary.refused(error))?;
        Ok(Self { file, temporary, start: header.len(), len, row: None, element: PhantomData })
    }

    /// Writes elements from `offset` on.
    ///
    /// # Errors
    ///
    /// Elements beyond the array, or a disk that refuses them.
    pub fn write_at(&mut self, offset: usize, values: &[T]) -> Result<(), DataError> {
        if self.row.is_some() {
            self.len = self.len.max(offset + values.len());
        } else if offset + values.len() > self.len {
            return Err(self.temporary.failed("the elements lie beyond its end"));
        }
        let place = SeekFrom::Start((self.start + offset * size_of::<T>()) as u64);
        self.file
            .seek(place)
            .and_then(|_| self.file.write_all(bytemuck::cast_slice(values)))
            .map_err(|error| self.temporary.refused(error))
    }

    /// Says that the first rows of a growing array were written by an earlier attempt.
    pub fn has_rows(&mut self, rows: usize) {
        self.len = self.len.max(rows * self.row.unwrap_or(0));
    }

    /// Waits until all is on the disk.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn sync(&self) -> Result<(), DataError> {
        self.file.sync_data().map_err(|error| self.temporary.refused(error))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn finish(self) -> Result<(), DataError> {
        let Self { mut file, temporary, row, len, .. } = self;
        if let Some(row) = row {
            let header = long_header(T::DESCR, &[len / row.max(1), row], GROWING);
            let written = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&header));
            written.map_err(|error| temporary.refused(error))?;
        }
        file.sync_data().map_err(|error| temporary.refused(error))?;
        // Some systems cannot rename an open file.
        drop(file);
        temporary.commit()
    }
}
