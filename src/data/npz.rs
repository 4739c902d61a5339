//! NumPy's `.npz`: a zip archive of `.npy` files.

use super::archive::{self, stored};
use super::tensors::{Contents, Float, Place};
use super::{Array, DataError, npy, unreadable};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use zip::ZipArchive;
use zip::read::ZipFile;

fn open(path: &Path) -> Result<ZipArchive<File>, DataError> {
    let file = File::open(path).map_err(|error| DataError::new(path, unreadable(&error)))?;
    ZipArchive::new(file).map_err(|error| DataError::new(path, format!("not a readable .npz archive: {error}")))
}

fn keys(archive: &ZipArchive<File>) -> String {
    let names = archive.file_names().filter_map(|name| Some(name.ok()?.trim_end_matches(".npy").to_owned()));
    names.collect::<Vec<_>>().join(", ")
}

/// The error for a path without a key.
pub(super) fn needs_key(path: &Path) -> Result<Array, DataError> {
    let archive = open(path)?;
    Err(DataError::new(path, format!("name an array in it, as in file.npz:key; it has {}", keys(&archive))))
}

pub(super) fn read(path: &Path, key: &str) -> Result<Array, DataError> {
    let mut archive = open(path)?;
    let have = keys(&archive);
    let name = [format!("{key}.npy"), key.to_owned()].into_iter().find(|name| archive.index_for_name(name).is_some());
    let name = name.ok_or_else(|| DataError::new(path, format!("has no array {key:?}; it has {have}")))?;
    let fail = |problem: String| DataError::new(path, format!("array {key}: {problem}"));
    let mut entry = archive.by_name(&name).map_err(|error| fail(error.to_string()))?;
    // The header says how many bytes to expect; not one more is unpacked.
    let mut bytes = Vec::new();
    fill(&mut entry, &mut bytes, 12).map_err(fail)?;
    let header_len = npy::header_len(&bytes).map_err(fail)?;
    fill(&mut entry, &mut bytes, header_len).map_err(fail)?;
    let expected = npy::header(&bytes).and_then(|header| header.file_len()).map_err(fail)?;
    fill(&mut entry, &mut bytes, expected.saturating_add(1)).map_err(fail)?;
    npy::parse(&bytes).map_err(fail)
}

/// Where the arrays of an archive lie, which numpy.savez wrote.
pub(super) fn contents(file: &mut File, file_len: u64) -> Result<Contents, String> {
    let mut archive = archive::open(file)?;
    let mut tensors = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = String::from_utf8_lossy(entry.name_raw()).trim_end_matches(".npy").to_owned();
        let wrong = |problem: String| format!("array {name}: {problem}");
        let place = place(&mut entry, file_len).map_err(wrong)?;
        if tensors.insert(name.clone(), place).is_some() {
            return Err(wrong("is there twice".into()));
        }
    }
    Ok(Contents { tensors, zipped: true })
}

fn place(entry: &mut ZipFile<'_, &mut File>, file_len: u64) -> Result<Place, String> {
    let (start, size) = stored(entry, file_len)?;
    let mut bytes = Vec::new();
    fill(entry, &mut bytes, 12)?;
    let header_len = npy::header_len(&bytes)?;
    fill(entry, &mut bytes, header_len)?;
    let header = npy::header(&bytes)?;
    header.check_len(usize::try_from(size).map_err(|_| "is larger than memory can be")?)?;
    let (before, double) = header.plain_floats()?;
    let kind = if double { Float::F64 } else { Float::F32 };
    Place::dense(archive::storage(kind, start + before as u64, size - before as u64)?, header.shape)
}

/// Reads on until `bytes` has `len`, or the entry ends.
fn fill(entry: &mut impl Read, bytes: &mut Vec<u8>, len: usize) -> Result<(), String> {
    let missing = len.saturating_sub(bytes.len()) as u64;
    entry.take(missing).read_to_end(bytes).map(drop).map_err(|error| format!("cannot be unpacked: {error}"))
}
