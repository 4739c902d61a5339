//! Contributions by when in training each example's loss was taken.

use crate::error::Error;
use crate::formats::MappedArray;
use crate::run::store::LayeredArray;
use std::path::Path;

/// The contributions of each window of training.
pub(super) struct Windows {
    /// `[W, n, m, R]`.
    pub array: LayeredArray,
    /// The first step of each window, and the number of steps.
    pub borders: Vec<usize>,
}

impl Windows {
    /// Opens them in a run directory whose arrays of pairs end in `kind`; `missing` says that a file is.
    ///
    /// # Errors
    ///
    /// A file that is missing or cannot be read.
    pub fn open(directory: &Path, kind: &str, missing: &dyn Fn(&str) -> Error) -> Result<Self, Error> {
        let array = LayeredArray::open(directory, "attribution_windows")?;
        let array = array.ok_or_else(|| missing(&format!("attribution_windows.{kind}")))?;
        let borders = MappedArray::open(&directory.join("windows.npy"))?.ok_or_else(|| missing("windows.npy"))?;
        Ok(Self { array, borders: borders.all().into_iter().map(|step| step as usize).collect() })
    }

    /// Whether they are those of so many queries, examples and values.
    pub fn are_of(&self, pairs: [usize; 3]) -> bool {
        matches!(self.array.shape(), [windows, rest @ ..] if rest == pairs && self.borders.len().checked_sub(1) == Some(*windows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::write_npy;

    #[test]
    fn borders_are_one_more_than_windows() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let missing = |name: &str| Error::Input(format!("{name} is missing"));
        let open = || Windows::open(folder.path(), "npy", &missing);
        assert!(open().is_err_and(|error| error.to_string() == "attribution_windows.npy is missing"));
        write_npy(&folder.path().join("attribution_windows.npy"), &[2, 3, 5, 1], &[0.5f32; 30])?;
        assert!(open().is_err_and(|error| error.to_string() == "windows.npy is missing"));
        for (borders, fits) in [(&[0i64, 4, 7][..], true), (&[0, 7][..], false), (&[][..], false)] {
            write_npy(&folder.path().join("windows.npy"), &[borders.len()], borders)?;
            assert_eq!(open()?.are_of([3, 5, 1]), fits);
        }
        let windows = open()?;
        assert!(!windows.are_of([3, 5, 2]) && windows.borders.is_empty());
        Ok(())
    }
}
