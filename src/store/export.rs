//! What a finished run can be turned into.

use super::Store;
use crate::error::Error;
use std::path::PathBuf;

impl Store {
    /// Fails where the directory holds no finished run.
    ///
    /// # Errors
    ///
    /// The directory, and what to do.
    pub fn check_finished(&self) -> Result<(), Error> {
        if self.is_finished() {
            return Ok(());
        }
        Err(Error::Input(format!(
            "{}: holds no finished run (there is no summary.json); name a run directory, such as runs/digits",
            self.directory.display()
        )))
    }

    /// The run's arrays in tiles, by name.
    ///
    /// # Errors
    ///
    /// A directory that cannot be read.
    pub fn tiled_arrays(&self) -> Result<Vec<PathBuf>, Error> {
        let failed = |source| Error::file(&self.directory, source);
        let entries = std::fs::read_dir(&self.directory).map_err(failed)?;
        let paths: Result<Vec<PathBuf>, Error> =
            entries.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect();
        let mut paths = paths?;
        paths.retain(|path| path.extension().is_some_and(|end| end == "zarr"));
        paths.sort();
        Ok(paths)
    }
}
