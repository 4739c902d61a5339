//! What `torch.save` has written since PyTorch 1.6: a zip archive.

use super::pickle::{Pickle, View};
use super::{LONGEST_PICKLE, SAVE_STATE_DICT, Storages};
use crate::formats::archive::{self, stored};
use crate::formats::tensors::{Kind, Storage};
use std::fs::File;
use std::io::Read;
use zip::ZipArchive;

/// What is taken from the pickle, with its storages.
pub(super) fn read<T>(
    file: &mut File,
    file_len: u64,
    take: impl FnOnce(&Pickle, &mut Storages<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let mut archive = archive::open(file)?;
    let folder = folder(&archive)?;
    check_byte_order(&mut archive, &folder)?;
    let pickle = read_entry(&mut archive, &format!("{folder}data.pkl"), file_len)?;
    let pickle = Pickle::parse(&pickle).map_err(|problem| format!("data.pkl: {problem}"))?;
    take(&pickle, &mut |kind, view| storage(&mut archive, &folder, file_len, kind, view))
}

/// The one folder of the archive, with its slash.
fn folder(archive: &ZipArchive<&mut File>) -> Result<String, String> {
    let names: Vec<&[u8]> = archive.file_names_raw().collect();
    if names.iter().any(|name| name.ends_with(b"/constants.pkl")) {
        return Err(format!("a TorchScript archive; {SAVE_STATE_DICT}"));
    }
    let mut folders =
        names.iter().filter_map(|name| name.strip_suffix(b"data.pkl")).filter(|name| name.ends_with(b"/"));
    let (Some(folder), None) = (folders.next(), folders.next()) else {
        return Err("the archive does not hold one data.pkl; it is no file of torch.save".into());
    };
    String::from_utf8(folder.to_vec()).map_err(|_| "the name of the archive's folder is not text".into())
}

fn check_byte_order(archive: &mut ZipArchive<&mut File>, folder: &str) -> Result<(), String> {
    let Some(index) = archive.index_for_name(&format!("{folder}byteorder")) else {
        return Ok(());
    };
    let mut order = Vec::new();
    let entry = archive.by_index(index).map_err(|error| format!("byteorder: {error}"))?;
    entry.take(16).read_to_end(&mut order).map_err(|error| format!("byteorder: {error}"))?;
    match order.as_slice() {
        b"little" => Ok(()),
        _ => Err(format!(
            "its byte order is {:?}, not little; save it again on a little-endian machine",
            String::from_utf8_lossy(&order)
        )),
    }
}

fn read_entry(archive: &mut ZipArchive<&mut File>, name: &str, file_len: u64) -> Result<Vec<u8>, String> {
    let mut entry = archive.by_name(name).map_err(|error| format!("{name}: {error}"))?;
    let (_, size) = stored(&entry, file_len).map_err(|problem| format!("{name} {problem}"))?;
    if size > LONGEST_PICKLE {
        return Err(format!("{name} has {size} bytes, more than a state_dict needs; {SAVE_STATE_DICT}"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| format!("{name} is damaged: {error}"))?;
    Ok(bytes)
}

fn storage(
    archive: &mut ZipArchive<&mut File>,
    folder: &str,
    file_len: u64,
    kind: Kind,
    view: &View<'_>,
) -> Result<Storage, String> {
    let name = format!("{folder}data/{}", view.key);
    let entry = archive.by_name(&name).map_err(|error| format!("{name}: {error}"))?;
    let (start, size) = stored(&entry, file_len).map_err(|problem| format!("{name} {problem}"))?;
    archive::storage(kind, start, size)
}
