//! Zip archives.

use super::source::fill;
use super::tensors::{Kind, Storage, Within};
use super::{DataError, source};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use zip::read::{ArchiveOffset, Config, ZipFile};
use zip::{CompressionMethod, ZipArchive};

/// Where an entry lies in the file: its first byte, and its bytes. Compressed entries are refused: nothing can be read
/// in the middle of them, and their size is only what they say.
pub(super) fn stored<R: Read>(entry: &ZipFile<'_, R>, file_len: u64) -> Result<(u64, u64), String> {
    if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
        return Err("is compressed or encrypted; save it without, as torch.save and numpy.savez do".into());
    }
    let (start, size) = (entry.data_start().unwrap_or(u64::MAX), entry.size());
    match start.checked_add(size) {
        Some(end) if end <= file_len && entry.compressed_size() == size => Ok((start, size)),
        _ => Err("lies beyond the end of the file; it may be truncated".into()),
    }
}

/// Opens an archive that begins with the file and whose entries share no byte, so that together they are no larger than the file.
pub(super) fn open<R: Read + Seek>(file: R) -> Result<ZipArchive<R>, String> {
    let unreadable = |error| format!("not a readable archive ({error}); it may be truncated");
    // The archive's start is given because the zip crate would guess it wrong: where a directory entry is as long as what
    // PyTorch writes between the directory and the end (76 bytes, a name of 21 letters), it takes the second entry for the first.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, file).map_err(unreadable)?;
    if archive.has_overlapping_files().map_err(unreadable)? {
        return Err("the entries of the archive overlap".into());
    }
    Ok(archive)
}

/// Elements of some bytes of a file.
pub(super) fn storage(kind: Kind, start: u64, bytes: u64) -> Result<Storage, String> {
    let len = usize::try_from(bytes).map_err(|_| "is larger than memory can be")? / kind.size();
    Ok(Storage { kind, within: Within::File, start, len })
}

/// Bytes of an entry that is packed, from one on. The entry is read to its end, so that its check sum is compared.
pub(super) fn unpacked(file: &mut File, entry: usize, start: u64, len: usize) -> std::io::Result<Vec<u8>> {
    let mut archive = open(file).map_err(std::io::Error::other)?;
    let mut entry = archive.by_index(entry)?;
    std::io::copy(&mut (&mut entry).take(start), &mut std::io::sink())?;
    let mut bytes = Vec::new();
    fill(&mut entry, &mut bytes, len).map_err(std::io::Error::other)?;
    std::io::copy(&mut entry, &mut std::io::sink())?;
    if bytes.len() < len {
        return Err(std::io::Error::other("it ends too early"));
    }
    Ok(bytes)
}

/// Reads every entry that is not packed once, so that its check sum is compared.
pub(super) fn verify(path: &Path) -> Result<(), DataError> {
    let wrong = |problem: String| DataError::new(path, problem);
    let (file, file_len) = source::open(path)?;
    let mut archive = open(file).map_err(wrong)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| wrong(error.to_string()))?;
        if stored(&entry, file_len).is_ok() {
            let copied = std::io::copy(&mut entry, &mut std::io::sink());
            copied
                .map_err(|error| wrong(format!("{} is damaged: {error}", String::from_utf8_lossy(entry.name_raw()))))?;
        }
    }
    Ok(())
}
