//! The files of a validation: what the readouts are after each retraining.

use super::asked::Retraining;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::run::store::{Lock, Store, VALIDATION};
use std::path::PathBuf;

/// What came of a retraining.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Retrained {
    /// `[n, R]`: the readouts.
    Readouts(Vec<f64>),
    /// It left the finite numbers.
    Diverged,
}

/// The folder of a run directory in which retrainings are kept, a file each.
pub(super) struct Folder<'a> {
    store: &'a Store,
    /// n times R.
    values: usize,
}

impl<'a> Folder<'a> {
    /// That of a run with so many values of all queries.
    pub fn new(store: &'a Store, values: usize) -> Self {
        Self { store, values }
    }

    /// Makes it, where it is missing.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn create(&self) -> Result<(), Error> {
        let path = self.store.path(VALIDATION);
        std::fs::create_dir_all(&path).map_err(|source| Error::file(&path, source))
    }

    fn file(&self, retraining: &Retraining, end: &str) -> PathBuf {
        self.store.path(VALIDATION).join(format!("{}.{end}", retraining.name))
    }

    /// Whether a retraining is done.
    pub fn has(&self, retraining: &Retraining) -> bool {
        self.file(retraining, "state").is_file()
    }

    /// The lock of whoever makes a retraining; `None` where somebody else does.
    ///
    /// # Errors
    ///
    /// A directory that cannot be written.
    pub fn claim(&self, retraining: &Retraining) -> Result<Option<Lock>, Error> {
        Lock::if_free(&self.file(retraining, "lock"))
    }

    /// Waits until nobody makes a retraining: it is done then, or was given up.
    ///
    /// # Errors
    ///
    /// What `waiting` ends it with.
    pub fn wait(&self, retraining: &Retraining, waiting: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error> {
        Lock::wait(&self.file(retraining, "lock"), waiting).map(Lock::remove)
    }

    /// Keeps what came of a retraining.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn keep(&self, retraining: &Retraining, retrained: &Retrained) -> Result<(), Error> {
        let mut writer = StateWriter::create(&self.file(retraining, "state"))?;
        writer.put("dropped", &retraining.dropped)?;
        writer.put("readouts", if let Retrained::Readouts(values) = retrained { values } else { &[] })?;
        Ok(writer.finish()?)
    }

    /// What came of a retraining that is done.
    ///
    /// # Errors
    ///
    /// A file that is missing or damaged, or that is of another retraining.
    pub fn read(&self, retraining: &Retraining) -> Result<Retrained, Error> {
        let path = self.file(retraining, "state");
        let missing = || Error::Damaged(format!("{}: was removed; the same command makes it again", path.display()));
        let mut reader = StateReader::open(&path)?.ok_or_else(missing)?;
        if reader.take::<u32>("dropped")? != retraining.dropped {
            return Err(reader.refused("drops other examples").into());
        }
        let values = reader.take_any("readouts", self.values)?;
        Ok(values.map_or(Retrained::Diverged, Retrained::Readouts))
    }
}
