//! `pathkernel report`.

use super::run::say;
use crate::run::store::Store;
use crate::run::verdict::recorded;
use std::path::Path;

/// Writes the report of a run directory; overrides say how examples are shown.
pub fn report(directory: &Path, overrides: &[String], quiet: bool) -> anyhow::Result<()> {
    let path = crate::report::write(directory, overrides)?;
    if !quiet {
        println!("report            {}", path.display());
        let store = Store::new(directory);
        say(&recorded(&store, store.finished_run_file(&[])?.kernel.accept)?, quiet);
    }
    Ok(())
}
