/*!
PyTorch's files, without Python: a zip archive that holds a pickle, and every storage beside it.

Nothing of the pickle is executed: it is read by a small machine that knows what a state_dict is made of.
*/

mod machine;
mod pickle;

use super::archive::{self, stored};
use super::tensors::{Contents, Float, Place, Storage};
use super::{Array, DataError, TensorFile};
use pickle::{Object, Pickle, Tensor, View};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use zip::ZipArchive;

/// Bytes of a pickle at the most: some ten thousand tensors. Its objects take up to 80 times as much memory.
const LONGEST_PICKLE: u64 = 4 << 20;

/// Where checkpoints keep their state_dict.
const NESTED: [&str; 3] = ["state_dict", "model", "model_state_dict"];

const SAVE_STATE_DICT: &str = "save the state_dict alone: torch.save(model.state_dict(), path)";

/// Reads every tensor of a state_dict that `torch.save` wrote (PyTorch 1.6 and later), or of a checkpoint that holds one
/// under `state_dict`, `model` or `model_state_dict`. Double, float, half and bfloat16 are known.
///
/// # Errors
///
/// A file that is missing, malformed, or holds anything else: the message names the tensor, the class or the opcode.
pub fn read_pt(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    TensorFile::open_as(path, contents)?.read()
}

pub(super) fn contents(file: &mut File, file_len: u64) -> Result<Contents, String> {
    let mut magic = [0; 4];
    let begins = file.read(&mut magic).and_then(|read| file.seek(SeekFrom::Start(0)).map(|_| read));
    if begins.map_err(|error| format!("cannot be read: {error}"))? < 4 || &magic != b"PK\x03\x04" {
        return Err(
            "not a zip archive, which torch.save has written since PyTorch 1.6; load it with torch.load and save \
                    it again"
                .into(),
        );
    }
    let mut archive = archive::open(file)?;
    let folder = folder(&archive)?;
    check_byte_order(&mut archive, &folder)?;
    let pickle = read_entry(&mut archive, &format!("{folder}data.pkl"), file_len)?;
    let pickle = Pickle::parse(&pickle).map_err(|problem| format!("data.pkl: {problem}"))?;
    let mut tensors = BTreeMap::new();
    for (name, tensor) in state_dict(&pickle)? {
        let wrong = |problem: String| format!("tensor {name:.200}: {problem}");
        let view = pickle.view(tensor).map_err(wrong)?;
        let place = place(&mut archive, &folder, file_len, view).map_err(wrong)?;
        if tensors.insert(name.to_owned(), place).is_some() {
            return Err(wrong("is there twice".into()));
        }
    }
    Ok(Contents { tensors, zipped: true })
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

/// The names and tensors of the state_dict.
fn state_dict(pickle: &Pickle) -> Result<Vec<(&str, &Tensor)>, String> {
    let Object::Dict(whole) = pickle.top() else {
        return Err(format!("holds {}, not a state_dict; {SAVE_STATE_DICT}", pickle.top().describe()));
    };
    let nested = whole.iter().find_map(|&(key, value)| match (pickle.object(key), pickle.object(value)) {
        (Object::Text(key), Object::Dict(inner)) if NESTED.contains(&key.as_str()) => Some(inner),
        _ => None,
    });
    let mut tensors = Vec::new();
    for &(key, value) in nested.unwrap_or(whole) {
        match (pickle.object(key), pickle.object(value)) {
            (Object::Text(name), Object::Tensor(tensor)) => tensors.push((name.as_str(), tensor)),
            (Object::Text(name), other) => {
                let other = other.describe();
                return Err(format!(
                    "{name:.200} is {other}, not a tensor, so that it is no state_dict; {SAVE_STATE_DICT}"
                ));
            }
            (other, _) => {
                return Err(format!(
                    "a key of the state_dict is {}, not a string; {SAVE_STATE_DICT}",
                    other.describe()
                ));
            }
        }
    }
    Ok(tensors)
}

fn place(archive: &mut ZipArchive<&mut File>, folder: &str, file_len: u64, view: View<'_>) -> Result<Place, String> {
    let kind = match view.class {
        "DoubleStorage" => Float::F64,
        "FloatStorage" => Float::F32,
        "HalfStorage" => Float::F16,
        "BFloat16Storage" => Float::BF16,
        other => return Err(format!("is of torch.{other}; save it as double, float, half or bfloat16")),
    };
    let name = format!("{folder}data/{}", view.key);
    let entry = archive.by_name(&name).map_err(|error| format!("{name}: {error}"))?;
    let (start, size) = stored(&entry, file_len).map_err(|problem| format!("{name} {problem}"))?;
    let Storage { len, .. } = archive::storage(kind, start, size)?;
    if view.elements > len {
        return Err(format!("{name} has {len} elements; the tensor's storage should have {}", view.elements));
    }
    let storage = Storage { kind, start, len: view.elements };
    Place::new(storage, view.offset, view.shape, view.strides)
}

#[cfg(test)]
mod tests;
