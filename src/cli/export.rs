//! `pathkernel export`.

use super::stop;
use crate::error::Error;
use crate::run::keys::RunFile;
use crate::run::store::{AnyTiled, Store, file_names};
use anyhow::Context;
use std::path::Path;

/// Writes each array in tiles of a run directory as one `.npy`, there or in the folder `to`.
pub fn export(directory: &Path, to: Option<&Path>, quiet: bool) -> anyhow::Result<()> {
    let store = Store::new(directory);
    store.check_finished()?;
    let run_file = RunFile::load(&directory.join("run.toml"), &[])?;
    let arrays: Vec<_> = file_names(&run_file).into_iter().filter(|name| name.ends_with(".zarr")).collect();
    if arrays.is_empty() && !quiet {
        println!("{}: its arrays are .npy already; nothing to export", directory.display());
    }
    let folder = to.unwrap_or(directory);
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    for array in arrays {
        let (array, path) = (directory.join(&array), folder.join(array).with_extension("npy"));
        let stopped = || if stop::requested() { Err(Error::Stopped) } else { Ok(()) };
        AnyTiled::open(&array)?.export(&path, &mut || stopped())?;
        if !quiet {
            println!("exported          {}", path.display());
        }
    }
    Ok(())
}
