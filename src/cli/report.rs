//! `pathkernel report`.

use std::path::Path;

/// Writes the report of a run directory.
pub fn report(directory: &Path, quiet: bool) -> anyhow::Result<()> {
    let path = pathkernel::report::write(directory)?;
    if !quiet {
        println!("report            {}", path.display());
    }
    Ok(())
}
