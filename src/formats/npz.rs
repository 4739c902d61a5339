//! NumPy's `.npz`: a zip archive of `.npy` files.

use super::archive::{self, stored};
use super::source::{self, unpacks};
use super::tensors::{Contents, Place, Storage, Within};
use super::{Array, DataError, npy};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

fn open(path: &Path) -> Result<(ZipArchive<File>, u64), DataError> {
    let (file, len) = source::open(path)?;
    let archive = ZipArchive::new(file);
    let unreadable = |error| DataError::new(path, format!("not a readable .npz archive: {error}"));
    Ok((archive.map_err(unreadable)?, len))
}

fn keys(archive: &ZipArchive<File>) -> String {
    let names = archive.file_names().filter_map(|name| Some(name.ok()?.trim_end_matches(".npy").to_owned()));
    names.collect::<Vec<_>>().join(", ")
}

/// The error for a path without a key.
pub(super) fn needs_key(path: &Path) -> Result<Array, DataError> {
    let (archive, _) = open(path)?;
    Err(DataError::new(path, format!("name an array in it, as in file.npz:key; it has {}", keys(&archive))))
}

pub(super) fn read(path: &Path, key: &str) -> Result<Array, DataError> {
    let (mut archive, file_len) = open(path)?;
    let have = keys(&archive);
    let name = [format!("{key}.npy"), key.to_owned()].into_iter().find(|name| archive.index_for_name(name).is_some());
    let name = name.ok_or_else(|| DataError::new(path, format!("has no array {key:?}; it has {have}")))?;
    let fail = |problem: String| DataError::new(path, format!("array {key}: {problem}"));
    let entry = archive.by_name(&name).map_err(|error| fail(error.to_string()))?;
    let (packed, size) = (entry.compressed_size(), entry.size());
    // An entry's size is bounded by the file, and the entry's own header must agree with the archive's directory.
    let plain = entry.compression() == CompressionMethod::Stored;
    let claimed = if plain { stored(&entry, file_len).map(drop) } else { unpacks(packed.min(file_len), size) };
    claimed.and_then(|()| npy::parse(BufReader::new(entry), size)).map_err(fail)
}

/// Where the arrays of an archive lie, which numpy.savez or numpy.savez_compressed wrote.
pub(super) fn contents(file: &mut File, file_len: u64) -> Result<Contents, String> {
    let mut archive = archive::open(file)?;
    let mut contents = Contents { zipped: true, ..Contents::default() };
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = String::from_utf8_lossy(entry.name_raw()).trim_end_matches(".npy").to_owned();
        contents.add(&name, place(&mut entry, index, file_len))?;
    }
    Ok(contents)
}

fn place(entry: &mut ZipFile<'_, &mut File>, index: usize, file_len: u64) -> Result<Place, String> {
    let is_packed = entry.compression() != CompressionMethod::Stored && !entry.encrypted();
    let (start, size) = if is_packed { (0, entry.size()) } else { stored(entry, file_len)? };
    if is_packed {
        unpacks(entry.compressed_size().min(file_len), size)?;
    }
    let header = npy::read_header(entry)?;
    header.check_len(size)?;
    let (kind, before) = (header.kind()?, header.start as u64);
    let storage = archive::storage(kind, start + before, size - before)?;
    let strides = header.strides();
    Place::new(
        Storage { within: if is_packed { Within::Packed(index) } else { Within::File }, ..storage },
        0,
        header.shape,
        strides,
    )
}
