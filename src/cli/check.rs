//! `pathkernel check`.

use super::run::say;
use crate::run::verdict;
use std::path::Path;

/// Says the verdict of a run directory, made again from its arrays; returns its exit code.
pub fn check(directory: &Path, quiet: bool) -> anyhow::Result<u8> {
    let judgement = verdict::check(directory)?;
    say(&judgement, quiet);
    Ok(judgement.exit_code())
}
