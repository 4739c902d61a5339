//! Arrays that may be larger than memory: files that are written through a memory map.

use super::DataError;
use super::write::{NpyElement, Temporary, header};
use fs4::FileExt;
use memmap2::MmapMut;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::marker::PhantomData;
use std::path::Path;

/// A `.npy` in the making, mapped into memory: the system writes its pages to the disk when it needs the memory.
#[derive(Debug)]
pub struct NpyMap<T> {
    // Dropped before the file is removed or renamed, which a mapped file does not allow everywhere.
    map: MmapMut,
    start: usize,
    temporary: Temporary,
    element: PhantomData<T>,
}

impl<T: NpyElement> NpyMap<T> {
    /// Makes the file of zeros beside its final name and reserves all of its blocks: a disk that is full shows here,
    /// and not as a signal that ends the process when a page is written.
    ///
    /// # Errors
    ///
    /// A file that cannot be made, or a disk without room for it.
    pub fn create(path: &Path, shape: &[usize]) -> Result<Self, DataError> {
        let temporary = Temporary::new(path);
        let header = header(T::DESCR, shape);
        let len = super::count(shape)
            .ok()
            .and_then(|count| count.checked_mul(size_of::<T>()))
            .and_then(|bytes| bytes.checked_add(header.len()))
            .ok_or_else(|| temporary.failed(format!("the shape {shape:?} is larger than any file")))?;
        let fail = |error: std::io::Error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => temporary.failed(format!(
                "{} bytes cannot be reserved ({error}); free some of the disk, or name another run.directory",
                len
            )),
            _ => temporary.failed(error),
        };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(true).open(temporary.beside()).map_err(fail)?;
        reserve(&mut file, len as u64).map_err(fail)?;
        // SAFETY: this process has just made the file under a temporary name in its own run directory, and it alone
        // writes there; nothing cuts the file short while it is mapped.
        let mut map = unsafe { MmapMut::map_mut(&file) }.map_err(fail)?;
        match map.get_mut(..header.len()) {
            Some(place) if file.metadata().map_err(fail)?.len() == len as u64 => place.copy_from_slice(&header),
            _ => return Err(temporary.failed("the disk did not reserve all of it")),
        }
        Ok(Self { map, start: header.len(), temporary, element: PhantomData })
    }

    /// The elements.
    pub fn values(&self) -> &[T] {
        // A map begins at a page and a header is a multiple of 64 bytes long, so the elements are aligned.
        bytemuck::cast_slice(&self.map[self.start..])
    }

    /// The elements, to be changed.
    pub fn values_mut(&mut self) -> &mut [T] {
        bytemuck::cast_slice_mut(&mut self.map[self.start..])
    }

    /// Gives the memory of what was written back to the system, which keeps it for the file.
    pub fn release(&mut self) {
        // SAFETY: the map shares its pages with the file: those that are given back are the system's, and come again as they are.
        // A system that keeps them does no harm.
        #[cfg(unix)]
        let _ = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn sync(&self) -> Result<(), DataError> {
        self.map.flush().map_err(|error| self.temporary.failed(error))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn commit(self) -> Result<(), DataError> {
        let Self { map, temporary, .. } = self;
        drop(map);
        temporary.commit()
    }
}

/// Gives a new file its length and its blocks.
fn reserve(file: &mut File, len: u64) -> std::io::Result<()> {
    match FileExt::allocate(file, len) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => {
            // A file system that cannot reserve blocks: zeros take them.
            let zeros = vec![0; 1 << 20];
            let mut rest = len;
            while rest > 0 {
                let part = rest.min(zeros.len() as u64) as usize;
                file.write_all(&zeros[..part])?;
                rest -= part as u64;
            }
            Ok(())
        }
        reserved => reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::MappedArray;

    #[test]
    fn a_map_is_an_array_once_it_has_its_name() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.npy");
        let mut map = NpyMap::<f32>::create(&path, &[2, 3])?;
        assert_eq!(map.values(), [0.0; 6]);
        map.values_mut()[4] = 2.5;
        assert!(!path.exists());
        map.sync()?;
        map.commit()?;
        let array = MappedArray::open(&path)?.ok_or("no file")?;
        assert_eq!((array.shape.as_slice(), array.all()), (&[2, 3][..], vec![0.0, 0.0, 0.0, 0.0, 2.5, 0.0]));
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_map_that_is_dropped_leaves_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        drop(NpyMap::<f64>::create(&folder.path().join("x.npy"), &[1000])?);
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }

    #[test]
    fn a_file_beyond_the_disk_is_an_error() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        for shape in [[1 << 28, 1 << 28], [usize::MAX, 2]] {
            let error = NpyMap::<f64>::create(&folder.path().join("x.npy"), &shape).err().ok_or("it has room")?;
            assert!(error.to_string().contains("x.npy: cannot be written"), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }
}
