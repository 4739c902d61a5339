/*!
What a finished run says: its report, `report.html`, one file that needs no network, to ask questions on; and answers to single questions ([`top()`],
[`self_influence()`]).

Both are made from the run directory alone, and from the data that its run file names: where the data is gone, examples
are shown by their numbers.
*/

mod contents;
mod data;
mod exactness;
mod format;
mod page;
mod self_influence;
mod top;
mod validation;
mod windows;
mod words;

pub use self_influence::{ListedBy, SelfInfluence, self_influence};
pub use top::{Asked, Moved, Top, top};

use crate::error::Error;
use crate::run::store::Store;
use contents::Contents;
use std::path::{Path, PathBuf};

/// Writes the report of the finished run in `directory` and returns its path. Reads the large arrays
/// a row at a time, and no more of them than there is room for in a page. `overrides` are `report.key=value`: how examples are shown, in place of what the run file said.
///
/// # Errors
///
/// A directory that holds no finished run, a file in it that cannot be read, an override that does not fit, or the report that
/// cannot be written.
pub fn write(directory: &Path, overrides: &[String]) -> Result<PathBuf, Error> {
    let contents = Contents::read(directory, overrides)?;
    let store = Store::new(directory);
    store.write("report.html", &page::page(&contents)?.into_string())?;
    Ok(store.path("report.html"))
}
