/*!
What was measured on this machine, kept for the next run: small JSON files in the user's cache folder.

On the CPU nothing depends on them but the time that a plan names, on a GPU speed and, by the contractions that are chosen, the
last bits. A file that is missing or damaged is measured anew, one that cannot be written is not kept.
*/

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// The folder: `PATHKERNEL_CACHE`, else `pathkernel` in the system's folder for caches.
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("PATHKERNEL_CACHE").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| dirs::cache_dir().map(|folder| folder.join("pathkernel")))
}

/// The file of a kind of measurement on a device.
fn file(kind: &str, device: &str) -> Option<PathBuf> {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let device: String = device.chars().map(safe).collect();
    Some(folder()?.join(format!("{kind}-{device}-{}.json", env!("CARGO_PKG_VERSION"))))
}

/// Whether measurements are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// It is kept for the next run.
    Written,
    /// It is forgotten; what was kept before is read.
    ReadOnly,
    /// It is kept in place of what was kept before, which is not read.
    Anew,
}

impl Cache {
    /// What was kept, if it can be read.
    pub fn read<T: DeserializeOwned>(self, kind: &str, device: &str) -> Option<T> {
        if self == Cache::Anew {
            return None;
        }
        let text = std::fs::read_to_string(file(kind, device)?).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps a measurement, where measurements are kept.
    pub fn write<T: Serialize>(self, kind: &str, device: &str, value: &T) {
        match self {
            Cache::Written | Cache::Anew => write(kind, device, value),
            Cache::ReadOnly => {}
        }
    }
}

/// Keeps a measurement: written beside, then renamed.
fn write<T: Serialize>(kind: &str, device: &str, value: &T) {
    let Some(path) = file(kind, device) else { return };
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(&beside, serde_json::to_string_pretty(value).unwrap_or_default()))
        .and_then(|()| std::fs::rename(&beside, &path));
    if let Err(error) = written {
        tracing::debug!("{}: not kept: {error}", path.display());
    }
}
