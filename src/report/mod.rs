/*!
What a finished run says: its report, `report.html`, one file that needs no network; and answers to single questions ([`top()`]).

Both are made from the run directory alone, and from the data that its run file names: where the data is gone, examples
are shown by their numbers.
*/

mod chart;
mod contents;
mod exactness;
mod example;
mod heat;
mod page;
mod picture;
mod queries;
mod query;
mod strip;
mod superposition;
mod top;
mod words;

pub use top::{Asked, Moved, Top, top};

use crate::error::Error;
use crate::run::store::Store;
use contents::Contents;
use std::path::{Path, PathBuf};

/// Writes the report of the finished run in `directory` and returns its path. Reads a few rows of the large arrays,
/// never the whole.
///
/// # Errors
///
/// A directory that holds no finished run, a file in it that cannot be read, or the report that cannot be written.
pub fn write(directory: &Path) -> Result<PathBuf, Error> {
    let contents = Contents::read(directory)?;
    let store = Store::new(directory);
    store.write("report.html", &page::page(&contents)?.into_string())?;
    Ok(store.path("report.html"))
}
