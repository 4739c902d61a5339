//! `pathkernel report`.

use pathkernel::error::Error;
use std::path::Path;

/// Writes the report of a run directory.
pub fn report(directory: &Path, quiet: bool) -> Result<(), Error> {
    let path = pathkernel::report::write(directory)?;
    if !quiet {
        println!("report            {}", path.display());
    }
    Ok(())
}
