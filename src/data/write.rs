//! Writing `.npy`: beside the final name, then renamed.

use super::DataError;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// What can be written: `f32` and `f64`.
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

/// The name that a file has while it is written.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Gives a finished file its name.
pub(super) fn commit(temporary: &Path, path: &Path) -> Result<(), DataError> {
    std::fs::rename(temporary, path)
        .map_err(|error| DataError::new(path, format!("cannot be renamed into place: {error}")))
}

fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let sides = if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
    let padded = (10 + text.len() + 1).next_multiple_of(64) - 10;
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

/// Writes an array in parts, in any order.
#[derive(Debug)]
pub struct NpyWriter<T> {
    file: File,
    path: PathBuf,
    start: usize,
    len: usize,
    element: PhantomData<T>,
}

impl<T: NpyElement> NpyWriter<T> {
    /// Reserves the file beside its final name.
    ///
    /// # Errors
    ///
    /// A file that cannot be made, or a disk without room for it.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self, DataError> {
        let fail = |error: std::io::Error| DataError::new(path, format!("cannot be written: {error}"));
        let header = header(T::DESCR, shape);
        let len: usize = shape.iter().product();
        let mut file = File::create(beside(path)).map_err(fail)?;
        file.write_all(&header).map_err(fail)?;
        file.set_len((header.len() + len * size_of::<T>()) as u64).map_err(fail)?;
        Ok(Self { file, path: path.to_owned(), start: header.len(), len, element: PhantomData })
    }

    /// Writes elements from `offset` on.
    ///
    /// # Errors
    ///
    /// Elements beyond the array, or a disk that refuses them.
    pub fn write_at(&mut self, offset: usize, values: &[T]) -> Result<(), DataError> {
        if offset + values.len() > self.len {
            return Err(DataError::new(&self.path, "written beyond its end"));
        }
        let place = SeekFrom::Start((self.start + offset * size_of::<T>()) as u64);
        self.file
            .seek(place)
            .and_then(|_| self.file.write_all(bytemuck::cast_slice(values)))
            .map_err(|error| DataError::new(&self.path, format!("cannot be written: {error}")))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn finish(self) -> Result<(), DataError> {
        self.file.sync_data().map_err(|error| DataError::new(&self.path, format!("cannot be written: {error}")))?;
        commit(&beside(&self.path), &self.path)
    }
}
