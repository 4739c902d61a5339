//! Named tensors.

use super::write::Temporary;
use super::{Array, DataError, NpyElement, Values, unreadable};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// Reads every tensor; F64, F32, F16 and BF16 are known.
///
/// # Errors
///
/// A file that is missing, malformed, or holds another type: the message names the tensor.
pub fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Array>, DataError> {
    let bytes = std::fs::read(path).map_err(|error| DataError::new(path, unreadable(&error)))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| DataError::new(path, format!("not a readable safetensors file: {error}")))?;
    let mut arrays = BTreeMap::new();
    for (name, view) in tensors.tensors() {
        let array = decode(&view).ok_or_else(|| {
            let problem = format!("tensor {name} has type {:?}; save it as F64, F32, F16 or BF16", view.dtype());
            DataError::new(path, problem)
        })?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

fn decode(view: &TensorView<'_>) -> Option<Array> {
    let (twos, _) = view.data().as_chunks::<2>();
    let (fours, _) = view.data().as_chunks::<4>();
    let (eights, _) = view.data().as_chunks::<8>();
    let values = match view.dtype() {
        Dtype::F64 => Values::Real64(eights.iter().map(|&word| f64::from_le_bytes(word)).collect()),
        Dtype::F32 => Values::Real32(fours.iter().map(|&word| f32::from_le_bytes(word)).collect()),
        Dtype::F16 => Values::Real32(twos.iter().map(|&word| f16::from_le_bytes(word).to_f32()).collect()),
        Dtype::BF16 => Values::Real32(twos.iter().map(|&word| bf16::from_le_bytes(word).to_f32()).collect()),
        _ => return None,
    };
    Some(Array { shape: view.shape().to_vec(), values })
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
    let temporary = Temporary::new(path);
    let written = std::fs::File::create(temporary.beside()).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_data()
    });
    written.map_err(|error| temporary.failed(error))?;
    temporary.commit()
}
