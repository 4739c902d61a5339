//! Arrays of a finished run, whichever way they are stored.

use super::zarr::AnyTiled;
use crate::error::Error;
use crate::formats::MappedArray;
use std::path::Path;

/// An array of a run directory.
#[derive(Debug)]
pub(super) enum StoredArray {
    /// One `.npy`.
    Whole(MappedArray),
    /// A folder of tiles.
    Tiled(AnyTiled),
}

impl StoredArray {
    /// Opens `name.npy`, or else `name.zarr`, of a run directory; `None` where there is neither. `check` says what is wrong with tiles of
    /// another kind of array.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that is not such an array.
    pub fn open(
        directory: &Path,
        name: &str,
        check: fn(&AnyTiled) -> Result<(), &'static str>,
    ) -> Result<Option<Self>, Error> {
        if let Some(array) = MappedArray::open(&directory.join(format!("{name}.npy")))? {
            return Ok(Some(Self::Whole(array)));
        }
        let folder = directory.join(format!("{name}.zarr"));
        if !folder.exists() {
            return Ok(None);
        }
        let array = AnyTiled::open(&folder)?;
        check(&array).map_err(|problem| Error::Input(format!("{}: {problem}", folder.display())))?;
        Ok(Some(Self::Tiled(array)))
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Whole(array) => &array.shape,
            Self::Tiled(array) => array.shape(),
        }
    }
}
