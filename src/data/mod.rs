/*!
Reading inputs and targets, and writing arrays that NumPy opens.

Readers take nothing on trust: a size is compared with what the file really holds before memory is reserved.
*/

mod archive;
mod csv;
mod idx;
mod map;
mod mapped;
mod npy;
mod npz;
mod pt;
mod safetensors;
mod tensors;
mod write;

pub use map::NpyMap;
pub use mapped::MappedArray;
pub use pt::read_pt;
pub use safetensors::{read_safetensors, write_safetensors};
pub use tensors::TensorFile;
pub use write::{NpyElement, NpyWriter, write_npy};

use std::path::Path;

/// An input that cannot be read, or an array that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct DataError {
    /// The file.
    pub path: String,
    /// What is wrong and what to do.
    pub problem: String,
    /// Whether it is the machine that failed to write, not the user's file that is wrong.
    pub writing: bool,
}

impl DataError {
    fn new(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self { path: path.display().to_string(), problem: problem.to_string(), writing: false }
    }

    fn writing(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self { writing: true, ..Self::new(path, problem) }
    }
}

/// An array in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Values,
}

/// The elements of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Half and single precision.
    Real32(Vec<f32>),
    /// Double precision.
    Real64(Vec<f64>),
    /// Every integer type, and bool.
    Integer(Vec<i64>),
}

impl Array {
    /// How many elements.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Real32(values) => values.len(),
            Values::Real64(values) => values.len(),
            Values::Integer(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, widened.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.values {
            Values::Real32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::Real64(values) => values.clone(),
            Values::Integer(values) => values.iter().map(|&value| value as f64).collect(),
        }
    }

    /// Whether the elements are integers.
    pub fn is_integer(&self) -> bool {
        matches!(self.values, Values::Integer(_))
    }

    /// The first NaN or infinity.
    pub fn first_not_finite(&self) -> Option<usize> {
        match &self.values {
            Values::Real32(values) => values.iter().position(|value| !value.is_finite()),
            Values::Real64(values) => values.iter().position(|value| !value.is_finite()),
            Values::Integer(_) => None,
        }
    }
}

/// Reads `.npy`, `.npz:key`, `.csv`, `.idx`, `.idx.gz` (and MNIST's names ending in `-ubyte`, `-ubyte.gz`).
///
/// # Errors
///
/// The path, what is wrong, and what to do.
pub fn read(path: &str) -> Result<Array, DataError> {
    if let Some((archive, key)) = path.rsplit_once(".npz:") {
        return npz::read(Path::new(&format!("{archive}.npz")), key);
    }
    let file = Path::new(path);
    let name = path.to_ascii_lowercase();
    if name.ends_with(".npz") {
        return npz::needs_key(file);
    }
    let bytes = || std::fs::read(file).map_err(|error| DataError::new(file, unreadable(&error)));
    if name.ends_with(".npy") {
        npy::parse(&bytes()?).map_err(|problem| DataError::new(file, problem))
    } else if name.ends_with(".csv") {
        csv::parse(&bytes()?).map_err(|problem| DataError::new(file, problem))
    } else if name.ends_with(".idx") || name.ends_with("ubyte") {
        idx::parse(&bytes()?).map_err(|problem| DataError::new(file, problem))
    } else if name.ends_with(".idx.gz") || name.ends_with("ubyte.gz") {
        idx::parse_gz(&bytes()?).map_err(|problem| DataError::new(file, problem))
    } else {
        Err(DataError::new(file, "unknown kind of file; give .npy, .npz:key, .csv, .idx or .idx.gz"))
    }
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file; a path in a run file is relative to that file".into(),
        _ => format!("cannot be read: {error}"),
    }
}

/// The number of elements of a shape, where it is a number.
fn count(shape: &[usize]) -> Result<usize, String> {
    shape
        .iter()
        .try_fold(1usize, |product, &side| product.checked_mul(side))
        .ok_or_else(|| format!("the shape {shape:?} has more elements than can be counted"))
}

#[cfg(test)]
mod tests;
