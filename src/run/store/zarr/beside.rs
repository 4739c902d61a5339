//! Files that get their name when they are whole, also where several processes write the same ones.

use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::Error as IoError;
use std::path::{Path, PathBuf};

/// A file under a name that no other process uses, not even one of another machine. Dropped before it got its own name, it
/// is removed.
pub(super) struct Beside {
    path: PathBuf,
    kept: bool,
}

impl Beside {
    /// Makes one in a folder.
    pub fn create(folder: &Path) -> Result<(Self, File), Error> {
        // The state of a hash map is random and differs from the last one's.
        let path = folder.join(format!("{:016x}.tmp", RandomState::new().hash_one(std::process::id())));
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| failed(&path, error))?;
        Ok((Self { path, kept: false }, file))
    }

    /// Waits until the file is on the disk and gives it its name, in a folder that is made if need be.
    pub fn commit(mut self, file: File, path: &Path) -> Result<(), Error> {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder.and_then(|()| file.sync_data()).map_err(|error| failed(path, error))?;
        // A file that is open cannot be renamed everywhere.
        drop(file);
        std::fs::rename(&self.path, path).map_err(|error| failed(path, error))?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if !self.kept {
            // Where it cannot be removed, it is as one of a process that was killed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Removes what killed processes left in a folder that nobody writes.
pub(super) fn sweep(folder: &Path) -> Result<(), Error> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::file(folder, error))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let left = paths.filter(|path| path.extension().is_some_and(|end| end == "tmp"));
    left.into_iter().try_for_each(|path| std::fs::remove_file(&path).map_err(|error| Error::file(&path, error)))
}

/// A file that cannot be written.
pub(super) fn failed(path: &Path, error: IoError) -> Error {
    Error::file(path, IoError::new(error.kind(), format!("cannot be written: {error}")))
}
