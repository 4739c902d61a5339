//! Locks of the operating system on files of a run directory: gone with the process that holds them.

use crate::error::Error;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often a lock that another process holds is asked for.
const POLL: Duration = Duration::from_millis(100);

/// A lock that this process holds.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
    kind: Kind,
}

/// Whether others may hold it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exclusive,
    Shared,
}

impl Lock {
    /// Takes a lock that nobody else may hold.
    ///
    /// # Errors
    ///
    /// Somebody holds it ([`Error::InUse`]), or the file cannot be made.
    pub fn exclusive(path: &Path) -> Result<Self, Error> {
        Self::try_take(path, Kind::Exclusive)?.ok_or_else(|| in_use(path))
    }

    /// Takes a lock that others may share.
    ///
    /// # Errors
    ///
    /// Somebody holds it alone ([`Error::InUse`]), or the file cannot be made.
    pub fn shared(path: &Path) -> Result<Self, Error> {
        Self::try_take(path, Kind::Shared)?.ok_or_else(|| in_use(path))
    }

    /// Takes a lock that nobody else may hold, however long another process does; `waiting` is asked again and again.
    ///
    /// # Errors
    ///
    /// What `waiting` ends it with, or the file cannot be made.
    pub fn wait(path: &Path, waiting: &mut dyn FnMut() -> Result<(), Error>) -> Result<Self, Error> {
        loop {
            if let Some(lock) = Self::try_take(path, Kind::Exclusive)? {
                return Ok(lock);
            }
            waiting()?;
            std::thread::sleep(POLL);
        }
    }

    /// Takes a lock that nobody else may hold; `None` where somebody does.
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    pub fn if_free(path: &Path) -> Result<Option<Self>, Error> {
        Self::try_take(path, Kind::Exclusive)
    }

    fn try_take(path: &Path, kind: Kind) -> Result<Option<Self>, Error> {
        loop {
            let mut options = OpenOptions::new();
            let opened = options.read(true).write(true).create(true).truncate(false).open(path);
            let file = opened.map_err(|source| Error::file(path, source))?;
            let taken = if kind == Kind::Shared { file.try_lock_shared() } else { file.try_lock() };
            match taken {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                    tracing::warn!("{}: this file system has no locks: start one process only", path.display());
                }
                Err(TryLockError::Error(error)) => return Err(Error::file(path, error)),
            }
            // Its last holder may have removed the file since it was opened.
            if same(&file, path) {
                let mut lock = Self { file, path: path.to_owned(), kind };
                lock.sign();
                return Ok(Some(lock));
            }
        }
    }

    /// Writes who holds it. Nothing depends on it.
    fn sign(&mut self) {
        let (process, host) = (std::process::id(), sysinfo::System::host_name().unwrap_or_default());
        let since = humantime::format_rfc3339_seconds(SystemTime::now());
        let _ = self.file.set_len(0);
        let _ = self.file.rewind();
        let _ = write!(self.file, "process {process} on {host}, since {since}");
    }

    /// Lets go, and removes the file where nobody else can hold it.
    pub fn remove(self) {
        if self.kind == Kind::Exclusive {
            // Where it cannot be removed it does no harm.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn in_use(path: &Path) -> Error {
    let mut holder = String::new();
    let _ = File::open(path).map(|file| file.take(1000).read_to_string(&mut holder));
    let directory = path.parent().unwrap_or(path).display().to_string();
    Error::InUse { directory, holder: if holder.is_empty() { "another process".into() } else { holder } }
}

#[cfg(unix)]
fn same(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |data: std::fs::Metadata| (data.dev(), data.ino());
    let (held, named) = (file.metadata().map(inode), std::fs::metadata(path).map(inode));
    matches!((held, named), (Ok(held), Ok(named)) if held == named)
}

/// Where a file that is open cannot be removed, it is the same.
#[cfg(not(unix))]
fn same(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_shared_by_many() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("lock");
        let held = Lock::exclusive(&path)?;
        let refused = Lock::exclusive(&path).err().ok_or("held twice")?;
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(Lock::shared(&path).is_err());
        drop(held);
        let [first, second] = [Lock::shared(&path)?, Lock::shared(&path)?];
        first.remove();
        assert!(Lock::exclusive(&path).is_err());
        drop(second);
        Lock::exclusive(&path)?.remove();
        assert!(!path.exists());
        Ok(())
    }

    #[test]
    fn waiting_ends_with_the_holder() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("lock");
        let mut held = Some(Lock::exclusive(&path)?);
        let mut asked = 0;
        Lock::wait(&path, &mut || {
            asked += 1;
            if asked == 2 {
                held.take().into_iter().for_each(Lock::remove);
            }
            Ok(())
        })?;
        assert_eq!(asked, 2);
        let _held = Lock::exclusive(&path)?;
        assert!(matches!(Lock::wait(&path, &mut || Err(Error::Stopped)), Err(Error::Stopped)));
        Ok(())
    }
}
