//! `pathkernel init`.

use crate::error::Error;
use crate::run::draft;
use anyhow::Context;
use std::io::Write;
use std::path::Path;

/// The file that is written.
const RUN_FILE: &str = "run.toml";

/// Writes a run file to start from, in the current directory.
pub fn init(from: Option<&Path>, quiet: bool) -> anyhow::Result<()> {
    let text = draft(from)?;
    let created = std::fs::OpenOptions::new().write(true).create_new(true).open(RUN_FILE);
    match created {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::Input(format!("{RUN_FILE} is there already, and is left as it is; rename it first")).into())
        }
        created => {
            created
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .context(format!("{RUN_FILE}: cannot be written"))?;
            if !quiet {
                println!("wrote {RUN_FILE}; look through it, then: pathkernel plan {RUN_FILE}");
            }
            Ok(())
        }
    }
}
