//! Named tensors.

use super::tensors::{Contents, Kind, Place, Storage, Within};
use super::write::{Temporary, write_whole};
use super::{Array, DataError, NpyElement, TensorFile};
use safetensors::tensor::{Dtype, Metadata, TensorInfo, TensorView};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Reads every tensor: reals of 16 to 64 bits, integers and bool.
///
/// # Errors
///
/// A file that is missing, malformed, or holds another type: the message names the tensor.
pub fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    TensorFile::open_as(path, contents)?.read()
}

/// Bytes of a header at the most, as the format has it.
const LONGEST_HEADER: u64 = 100_000_000;

pub(super) fn contents(file: &mut File, file_len: u64) -> Result<Contents, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("not a readable safetensors file: {error}");
    let mut len = [0; 8];
    file.read_exact(&mut len).map_err(|error| unreadable(&error))?;
    let len = u64::from_le_bytes(len);
    if len > LONGEST_HEADER.min(file_len.saturating_sub(8)) {
        return Err(unreadable(&"its header is longer than it"));
    }
    let mut header = vec![0; len as usize];
    file.read_exact(&mut header).map_err(|error| unreadable(&error))?;
    let metadata: Metadata = serde_json::from_slice(&header).map_err(|error| unreadable(&error))?;
    let start = 8 + len;
    let mut end = 0;
    let mut contents = Contents::default();
    for (name, info) in metadata.tensors() {
        end = end.max(info.data_offsets.1 as u64);
        contents.add(&name, place(info, start))?;
    }
    if start.checked_add(end) != Some(file_len) {
        return Err(unreadable(&format!("its tensors end at byte {end} of its data, not at the end of the file")));
    }
    Ok(contents)
}

fn dtype(kind: Kind) -> Dtype {
    match kind {
        Kind::F64 => Dtype::F64,
        Kind::F32 => Dtype::F32,
        Kind::F16 => Dtype::F16,
        Kind::BF16 => Dtype::BF16,
        Kind::I64 => Dtype::I64,
        Kind::I32 => Dtype::I32,
        Kind::I16 => Dtype::I16,
        Kind::I8 => Dtype::I8,
        Kind::U32 => Dtype::U32,
        Kind::U16 => Dtype::U16,
        Kind::U8 => Dtype::U8,
        Kind::Bool => Dtype::BOOL,
    }
}

fn kind(dtype: Dtype) -> Result<Kind, String> {
    Ok(match dtype {
        Dtype::F64 => Kind::F64,
        Dtype::F32 => Kind::F32,
        Dtype::F16 => Kind::F16,
        Dtype::BF16 => Kind::BF16,
        Dtype::I64 => Kind::I64,
        Dtype::I32 => Kind::I32,
        Dtype::I16 => Kind::I16,
        Dtype::I8 => Kind::I8,
        Dtype::U32 => Kind::U32,
        Dtype::U16 => Kind::U16,
        Dtype::U8 => Kind::U8,
        Dtype::BOOL => Kind::Bool,
        other => return Err(format!("has type {other:?}; save it as F64, F32, F16 or BF16")),
    })
}

fn place(info: &TensorInfo, start: u64) -> Result<Place, String> {
    let kind = kind(info.dtype)?;
    let (first, end) = info.data_offsets;
    let bytes = end.checked_sub(first).filter(|bytes| bytes % kind.size() == 0).ok_or("its offsets are wrong")?;
    let start = start.checked_add(first as u64).ok_or("its offsets are wrong")?;
    Place::dense(Storage { kind, within: Within::File, start, len: bytes / kind.size() }, info.shape.clone())
}

/// Writes named tensors, beside and then renamed.
///
/// # Errors
///
/// A file that cannot be written.
pub fn write_safetensors<T: NpyElement>(path: &Path, tensors: &[(String, Vec<usize>, &[T])]) -> Result<(), DataError> {
    let dtype = if size_of::<T>() == 8 { Dtype::F64 } else { Dtype::F32 };
    let views = tensors
        .iter()
        .map(|(name, shape, values)| {
            let view = TensorView::new(dtype, shape.clone(), bytemuck::cast_slice(values));
            view.map(|view| (name.clone(), view))
                .map_err(|error| DataError::new(path, format!("tensor {name}: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let bytes = safetensors::serialize(views, None).map_err(|error| DataError::new(path, error))?;
    write_whole(path, &bytes)
}

/// A tensor as the bytes of its elements, little-endian.
#[derive(Debug)]
pub(crate) struct RawTensor<'a> {
    /// Its name.
    pub name: String,
    /// Its elements' type.
    pub kind: Kind,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements.
    pub bytes: Cow<'a, [u8]>,
}

/// Writes named tensors as they are, without another copy of them in memory: beside, and then renamed.
///
/// # Errors
///
/// A file that cannot be written.
pub(crate) fn write_raw_safetensors(path: &Path, tensors: &[RawTensor<'_>]) -> Result<(), DataError> {
    let views = tensors
        .iter()
        .map(|RawTensor { name, kind, shape, bytes }| {
            let view = TensorView::new(dtype(*kind), shape.clone(), bytes);
            view.map(|view| (name.clone(), view))
                .map_err(|error| DataError::new(path, format!("tensor {name}: {error}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let temporary = Temporary::new(path);
    safetensors::serialize_to_file(views, None, temporary.beside()).map_err(|error| temporary.failed(error))?;
    temporary.commit()
}
