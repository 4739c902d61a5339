//! What `torch.save` wrote before PyTorch 1.6: a magic number, a version, the machine's properties, what was saved, and the keys
//! of its storages, each a pickle; then the storages in that order, each behind its number of elements.

use super::pickle::{Object, Pickle};
use super::{LONGEST_PICKLE, SAVE_STATE_DICT, Storages, kind};
use crate::formats::tensors::{Storage, Within};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// The magic number as it is pickled, without the protocol.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// What is taken from what was saved, with its storages.
pub(super) fn read<T>(
    file: &mut File,
    file_len: u64,
    take: impl FnOnce(&Pickle, &mut Storages<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let mut bytes = Vec::new();
    file.take(LONGEST_PICKLE).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.get(2..).is_none_or(|rest| !rest.starts_with(MAGIC)) {
        return Err(format!("a pickle, but not one of torch.save; {SAVE_STATE_DICT}"));
    }
    let mut at = 2 + MAGIC.len();
    let mut next = |what: &str| {
        let (pickle, len) = Pickle::parse_first(&bytes[at..]).map_err(|problem| format!("{what}: {problem}"))?;
        at += len;
        Ok::<_, String>(pickle)
    };
    let (_version, machine, saved) = (next("its version")?, next("its machine")?, next("what it holds")?);
    check_byte_order(&machine)?;
    let keys = next("the keys of its storages")?;
    let storages = storages(file, file_len, at as u64, &saved, &keys)?;
    take(&saved, &mut |_, view| {
        let found = storages.get(view.key).ok_or_else(|| format!("there is no storage {:.100}", view.key));
        found.copied()
    })
}

fn check_byte_order(machine: &Pickle) -> Result<(), String> {
    let Object::Dict(properties) = machine.top() else { return Ok(()) };
    match machine.get(properties, "little_endian") {
        Some(Object::Bool(false)) => Err("its byte order is big; save it again on a little-endian machine".into()),
        _ => Ok(()),
    }
}

/// Where the storages lie, by their keys.
fn storages(
    file: &mut File,
    file_len: u64,
    mut at: u64,
    saved: &Pickle,
    keys: &Pickle,
) -> Result<HashMap<String, Storage>, String> {
    let mut classes = HashMap::new();
    for object in &saved.objects {
        if let Object::Storage { class, key, .. } = object {
            classes.insert(saved.text(*key)?, *class);
        }
    }
    let Object::List(keys_in_order) = keys.top() else {
        return Err(keys.top().instead_of("the list of its storages"));
    };
    let mut found = HashMap::new();
    for &key in keys_in_order {
        let key = keys.text(key)?;
        let wrong = |problem: &str| format!("storage {key:.100} {problem}");
        let class = classes.get(key).ok_or_else(|| wrong("has no type that is known"))?;
        let kind = kind(class).map_err(|problem| wrong(&problem))?;
        let mut count = [0; 8];
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut count));
        read.map_err(|error| wrong(&format!("cannot be read ({error}); the file may be truncated")))?;
        let len = u64::from_le_bytes(count);
        let start = at + 8;
        let end = len.checked_mul(kind.size() as u64).and_then(|bytes| bytes.checked_add(start));
        at = end.filter(|&end| end <= file_len).ok_or_else(|| wrong("lies beyond the end of the file"))?;
        let len = usize::try_from(len).map_err(|_| wrong("is larger than memory can be"))?;
        found.insert(key.to_owned(), Storage { kind, within: Within::File, start, len });
    }
    Ok(found)
}
