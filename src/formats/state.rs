//! State files: named arrays and a checksum, from which interrupted work resumes.
//!
//! A magic line; of each array its name, the size of its elements, their number and themselves; and in the end the
//! CRC-32C of everything before. Numbers are little-endian.

use super::write::Temporary;
use super::{DataError, unreadable};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"pathkernel state 1\n";
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 4;
/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

/// What an array of a state file can be made of.
pub trait StateElement: bytemuck::Pod {}

impl StateElement for f32 {}
impl StateElement for f64 {}
impl StateElement for u32 {}
impl StateElement for u64 {}
impl StateElement for u8 {}

/// Writes a state file beside its name.
#[derive(Debug)]
pub struct StateWriter {
    file: BufWriter<File>,
    checksum: u32,
    temporary: Temporary,
}

impl StateWriter {
    /// Starts a file.
    ///
    /// # Errors
    ///
    /// A file that cannot be made.
    pub fn create(path: &Path) -> Result<Self, DataError> {
        let temporary = Temporary::new(path);
        let file = File::create(temporary.beside()).map_err(|error| temporary.refused(error))?;
        let mut writer = Self { file: BufWriter::new(file), checksum: 0, temporary };
        writer.write(MAGIC)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.file.write_all(bytes).map_err(|error| self.temporary.refused(error))
    }

    /// Adds an array. They are read back in the same order.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn put<T: StateElement>(&mut self, name: &str, values: &[T]) -> Result<(), DataError> {
        self.write(&[name.len() as u8, size_of::<T>() as u8])?;
        self.write(&(values.len() as u64).to_le_bytes())?;
        self.write(name.as_bytes())?;
        self.write(bytemuck::cast_slice(values))
    }

    /// Adds an array of counts.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn put_counts(&mut self, name: &str, counts: &[usize]) -> Result<(), DataError> {
        self.put(name, &counts.iter().map(|&count| count as u64).collect::<Vec<_>>())
    }

    /// Waits until all is on the disk, and gives the file its name.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn finish(mut self) -> Result<(), DataError> {
        let checksum = self.checksum.to_le_bytes();
        self.write(&checksum)?;
        let Self { file, temporary, .. } = self;
        let file = file.into_inner().map_err(|error| temporary.refused(error.into_error()))?;
        file.sync_data().map_err(|error| temporary.refused(error))?;
        drop(file);
        temporary.commit()
    }
}

/// Reads a state file whose checksum was found right.
#[derive(Debug)]
pub struct StateReader {
    file: BufReader<File>,
    path: PathBuf,
    /// Bytes not yet read, without the checksum.
    rest: u64,
}

impl StateReader {
    /// Opens a file; `None` where there is none.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that was changed after it was written.
    pub fn open(path: &Path) -> Result<Option<Self>, DataError> {
        let fail = |error: std::io::Error| DataError::damaged(path, unreadable(&error));
        let mut file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(fail)?,
        };
        let len = file.metadata().map_err(fail)?.len();
        let Some(rest) = len.checked_sub((MAGIC.len() + CHECKSUM) as u64) else {
            return Err(DataError::damaged(path, CHANGED));
        };
        let (mut checksum, mut piece, mut left) = (0, vec![0; PIECE], len - CHECKSUM as u64);
        while left > 0 {
            let part = &mut piece[..left.min(PIECE as u64) as usize];
            file.read_exact(part).map_err(fail)?;
            checksum = crc32c::crc32c_append(checksum, part);
            left -= part.len() as u64;
        }
        let mut written = [0; CHECKSUM];
        file.read_exact(&mut written).map_err(fail)?;
        file.rewind().map_err(fail)?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).map_err(fail)?;
        if u32::from_le_bytes(written) != checksum || magic != MAGIC {
            return Err(DataError::damaged(path, CHANGED));
        }
        Ok(Some(Self { file: BufReader::new(file), path: path.to_owned(), rest }))
    }

    /// The next array, which must have this name.
    ///
    /// # Errors
    ///
    /// The next array has another name, type or length.
    pub fn take<T: StateElement>(&mut self, name: &str) -> Result<Vec<T>, DataError> {
        let mut head = [0; 10];
        self.read(&mut head)?;
        let [name_len, size, count @ ..] = head;
        let mut found = vec![0; name_len as usize];
        self.read(&mut found)?;
        let bytes = u64::from_le_bytes(count).checked_mul(u64::from(size)).filter(|&bytes| bytes <= self.rest);
        let (Some(bytes), true, true) = (bytes, found == name.as_bytes(), size as usize == size_of::<T>()) else {
            let found = String::from_utf8_lossy(&found);
            return Err(DataError::damaged(&self.path, format!("has {found:?} where {name:?} should be")));
        };
        let mut values = vec![T::zeroed(); bytes as usize / size_of::<T>()];
        self.read(bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }

    /// The next array, which must have this name and length.
    ///
    /// # Errors
    ///
    /// The next array has another name, type or length.
    pub fn take_exactly<T: StateElement>(&mut self, name: &str, len: usize) -> Result<Vec<T>, DataError> {
        let values = self.take(name)?;
        if values.len() != len {
            let found = values.len();
            return Err(DataError::damaged(&self.path, format!("{name:?} has {found} elements instead of {len}")));
        }
        Ok(values)
    }

    /// The same, or `None` where it is empty.
    ///
    /// # Errors
    ///
    /// The next array has another name or type, or some elements, but not `len`.
    pub fn take_any<T: StateElement>(&mut self, name: &str, len: usize) -> Result<Option<Vec<T>>, DataError> {
        let values: Vec<T> = self.take(name)?;
        match values.len() {
            0 => Ok(None),
            found if found == len => Ok(Some(values)),
            found => {
                Err(DataError::damaged(&self.path, format!("{name:?} has {found} elements instead of {len} or none")))
            }
        }
    }

    /// The error of a file that holds what no program wrote.
    pub fn damaged(&self, what: String) -> DataError {
        DataError::damaged(&self.path, what)
    }

    /// The next array, which must be counts of this name and number.
    ///
    /// # Errors
    ///
    /// The next array has another name, type or length.
    pub fn take_counts(&mut self, name: &str, len: usize) -> Result<Vec<usize>, DataError> {
        Ok(self.take_exactly::<u64>(name, len)?.into_iter().map(|count| count as usize).collect())
    }

    /// The error for a state file whose contents do not fit what is read from it.
    pub fn refused(&self, problem: &str) -> DataError {
        DataError::damaged(
            &self.path,
            format!("{problem}; remove it, and the same command computes what it held again"),
        )
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), DataError> {
        let rest = self.rest.checked_sub(into.len() as u64);
        self.rest = rest.ok_or_else(|| DataError::damaged(&self.path, "ends too early"))?;
        self.file.read_exact(into).map_err(|error| DataError::damaged(&self.path, unreadable(&error)))
    }
}

const CHANGED: &str = "its checksum does not match: it was changed or damaged after it was written; remove it, and the \
                       same command computes what it held again";

#[cfg(test)]
mod tests {
    use super::*;

    fn written(path: &Path) -> Result<(), DataError> {
        let mut writer = StateWriter::create(path)?;
        writer.put("numbers", &[1.5f64, -2.0])?;
        writer.put("nothing", &[0u32; 0])?;
        writer.put("singles", &[0.25f32; 3])?;
        writer.finish()
    }

    #[test]
    fn what_is_put_is_taken() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.state");
        assert!(StateReader::open(&path)?.is_none());
        written(&path)?;
        let mut reader = StateReader::open(&path)?.ok_or("no file")?;
        assert_eq!(reader.take::<f64>("numbers")?, [1.5, -2.0]);
        assert!(reader.take::<u32>("nothing")?.is_empty());
        assert!(reader.take::<f64>("singles").is_err());
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn any_changed_byte_is_found() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.state");
        written(&path)?;
        let whole = std::fs::read(&path)?;
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x10;
            std::fs::write(&path, bytes)?;
            let error = StateReader::open(&path).err().ok_or(format!("byte {place} may be changed"))?;
            assert!(error.to_string().contains("checksum"), "{error}");
            std::fs::write(&path, &whole[..place])?;
            assert!(StateReader::open(&path).is_err(), "{place} bytes pass");
        }
        Ok(())
    }
}
