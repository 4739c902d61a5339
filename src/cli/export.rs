//! `pathkernel export`.

use super::stop;
use anyhow::Context;
use pathkernel::error::Error;
use pathkernel::store::{AnyTiled, Store};
use std::path::Path;

/// Writes each array in tiles of a run directory as one `.npy`, there or in the folder `to`.
pub fn export(directory: &Path, to: Option<&Path>, quiet: bool) -> anyhow::Result<()> {
    let store = Store::new(directory);
    store.check_finished()?;
    let arrays = store.tiled_arrays()?;
    if arrays.is_empty() && !quiet {
        println!("{}: its arrays are .npy already; nothing to export", directory.display());
    }
    let folder = to.unwrap_or(directory);
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for array in arrays {
        let path = folder.join(array.file_stem().unwrap_or_default()).with_extension("npy");
        let stopped = || if stop::requested() { Err(Error::Stopped) } else { Ok(()) };
        AnyTiled::open(&array)?.export(&path, &mut || stopped())?;
        if !quiet {
            println!("exported          {}", path.display());
        }
    }
    Ok(())
}
