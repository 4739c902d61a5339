/*!
PyTorch's files, without Python, whatever their names end in: a zip archive that holds a pickle and every storage beside it, or,
from before PyTorch 1.6, pickles with the storages behind them.

Nothing of a pickle is executed: it is read by a small machine that knows what a state_dict is made of, and takes everything else
for something that it does not look into.
*/

mod archive;
mod find;
mod legacy;
mod machine;
mod optimizer;
mod pickle;

pub(crate) use optimizer::{SavedOptimizer, SavedParameter};

use super::tensors::{Contents, Kind, Place, Storage};
use super::{Array, DataError, TensorFile};
use pickle::{Pickle, Tensor, View};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of a pickle at the most: some ten thousand tensors. Its objects take up to 80 times as much memory.
const LONGEST_PICKLE: u64 = 4 << 20;

const SAVE_STATE_DICT: &str = "save the state_dict alone: torch.save(model.state_dict(), path)";

/// Reads every tensor of a state_dict that `torch.save` wrote, or of a checkpoint that holds one: under `state_dict`,
/// `model_state_dict`, `model` or `net`, or as its only dictionary of tensors. Reals of 16 to 64 bits, integers and bool are known.
///
/// # Errors
///
/// A file that is missing, malformed, or holds no state_dict, or in it what is no tensor: the message names it.
pub fn read_pt(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    TensorFile::open_as(path, contents)?.read()
}

pub(super) fn contents(file: &mut File, file_len: u64) -> Result<Contents, String> {
    read(file, file_len, |pickle, storages| tensors(pickle, find::state_dict(pickle)?, storages))
}

/// Finds the storage of a view: its class and its key are known.
type Storages<'a> = dyn FnMut(Kind, &View<'_>) -> Result<Storage, String> + 'a;

/// Tensors that are taken from a file, which knows whether it has check sums.
fn read(
    file: &mut File,
    file_len: u64,
    take: impl FnOnce(&Pickle, &mut Storages<'_>) -> Result<Contents, String>,
) -> Result<Contents, String> {
    let mut begin = Vec::new();
    let read = file.take(4).read_to_end(&mut begin).and_then(|_| file.seek(SeekFrom::Start(0)));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    match begin.as_slice() {
        b"PK\x03\x04" => Ok(Contents { zipped: true, ..archive::read(file, file_len, take)? }),
        [0x80, 2..=5, ..] => legacy::read(file, file_len, take),
        _ => Err(
            "unknown kind of file; give .safetensors, .npz, or what torch.save has written (.pt, .pth, .ckpt, .bin)"
                .into(),
        ),
    }
}

/// A name, and its tensor, or what stands in place of one.
type Named<'a> = (Cow<'a, str>, Result<&'a Tensor, String>);

/// Where the tensors of a pickle lie.
fn tensors(pickle: &Pickle, named: Vec<Named<'_>>, storages: &mut Storages<'_>) -> Result<Contents, String> {
    let mut contents = Contents::default();
    for (name, tensor) in named {
        let place = tensor.and_then(|tensor| pickle.view(tensor)).and_then(|view| {
            let storage = storages(kind(view.class)?, &view)?;
            if view.elements > storage.len {
                return Err(format!(
                    "storage {:.100} has {} elements; the tensor's should have {}",
                    view.key, storage.len, view.elements
                ));
            }
            Place::new(Storage { len: view.elements, ..storage }, view.offset, view.shape, view.strides)
        });
        contents.add(&name, place)?;
    }
    Ok(contents)
}

/// The elements of a class of storages.
fn kind(class: &str) -> Result<Kind, String> {
    Ok(match class {
        "DoubleStorage" => Kind::F64,
        "FloatStorage" => Kind::F32,
        "HalfStorage" => Kind::F16,
        "BFloat16Storage" => Kind::BF16,
        "LongStorage" => Kind::I64,
        "IntStorage" => Kind::I32,
        "ShortStorage" => Kind::I16,
        "CharStorage" => Kind::I8,
        "ByteStorage" => Kind::U8,
        "BoolStorage" => Kind::Bool,
        other => return Err(format!("is of torch.{other}; save it as double, float, half or bfloat16")),
    })
}

#[cfg(test)]
mod tests;
