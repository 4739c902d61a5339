//! Readers of the two array formats, independent of the crate's own: what the tests expect
//! and what a run wrote are both read with these.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// An array as the tests compare it: its shape, and its values in C order as f64.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Array {
    /// The largest absolute value, NaN left out; 0 for an array of NaN alone.
    pub fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |top, v| v.abs().max(top))
    }
}

/// Reads an `.npy` file of version 1, `<f4`, `<f8` or `<i8`, in C order.
pub fn read_npy(path: &Path) -> Result<Array, String> {
    let bytes = read(path)?;
    if bytes.get(..8) != Some(b"\x93NUMPY\x01\x00") {
        return Err(format!("{}: not an npy file of version 1", path.display()));
    }
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..10 + length]).into_owned();
    if !header.contains("'fortran_order': False") {
        return Err(format!("{}: not in C order: {header}", path.display()));
    }
    let shape: Vec<usize> = header
        .split_once("'shape': (")
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(inside, _)| inside.split(',').filter_map(|d| d.trim().parse().ok()).collect())
        .ok_or_else(|| format!("{}: no shape in {header}", path.display()))?;
    let data = &bytes[10 + length..];
    let values = if header.contains("'<f8'") {
        floats64(data)
    } else if header.contains("'<f4'") {
        floats32(data)
    } else if header.contains("'<i8'") {
        integers64(data)
    } else {
        return Err(format!("{}: none of <f4, <f8 and <i8: {header}", path.display()));
    };
    checked(path, shape, values)
}

/// Reads a safetensors file of F32 and F64 tensors.
pub fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Array>, String> {
    let bytes = read(path)?;
    let start: [u8; 8] =
        bytes.get(..8).and_then(|b| b.try_into().ok()).ok_or_else(|| format!("{}: too short", path.display()))?;
    let length = usize::try_from(u64::from_le_bytes(start)).map_err(|e| e.to_string())?;
    let header: serde_json::Value =
        serde_json::from_slice(&bytes[8..8 + length]).map_err(|e| format!("{}: {e}", path.display()))?;
    let data = &bytes[8 + length..];
    let mut tensors = BTreeMap::new();
    for (name, entry) in header.as_object().into_iter().flatten() {
        if name == "__metadata__" {
            continue;
        }
        let shape = numbers(&entry["shape"]);
        let span = numbers(&entry["data_offsets"]);
        let part = &data[span[0]..span[1]];
        let values = match entry["dtype"].as_str() {
            Some("F64") => floats64(part),
            Some("F32") => floats32(part),
            other => return Err(format!("{}: {name} is {other:?}", path.display())),
        };
        tensors.insert(name.clone(), checked(path, shape, values)?);
    }
    Ok(tensors)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn numbers(value: &serde_json::Value) -> Vec<usize> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_u64().and_then(|n| usize::try_from(n).ok())).collect()
}

fn floats64(data: &[u8]) -> Vec<f64> {
    let (chunks, _) = data.as_chunks::<8>();
    chunks.iter().map(|b| f64::from_le_bytes(*b)).collect()
}

fn integers64(data: &[u8]) -> Vec<f64> {
    let (chunks, _) = data.as_chunks::<8>();
    chunks.iter().map(|b| i64::from_le_bytes(*b) as f64).collect()
}

fn floats32(data: &[u8]) -> Vec<f64> {
    let (chunks, _) = data.as_chunks::<4>();
    chunks.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
}

fn checked(path: &Path, shape: Vec<usize>, values: Vec<f64>) -> Result<Array, String> {
    if shape.iter().product::<usize>() == values.len() {
        Ok(Array { shape, values })
    } else {
        Err(format!("{}: shape {shape:?} does not fit {} values", path.display(), values.len()))
    }
}
