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
mod shards;
mod source;
mod state;
mod tensors;
mod write;

pub use csv::{SEPARATORS, TextLayout};
pub use map::NpyMap;
pub use mapped::MappedArray;
pub use pt::read_pt;
pub(crate) use pt::{SavedOptimizer, SavedParameter};
pub(crate) use safetensors::{RawTensor, write_raw_safetensors};
pub use safetensors::{read_safetensors, write_safetensors};
pub(crate) use source::{each_piece, room};
pub use state::{StateElement, StateReader, StateWriter};
pub use tensors::TensorFile;
pub(crate) use tensors::{Kind, files_of_tensors};
pub(crate) use write::write_whole;
pub use write::{NpyElement, NpyWriter, write_npy};

use crate::error::shortened;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// An input that cannot be read, or an array that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", shortened(.path), shortened(.problem))]
pub struct DataError {
    /// The file.
    pub path: String,
    /// What is wrong and what to do.
    pub problem: String,
    /// Whether it is a file of the run directory that cannot be written or was damaged, not the user's that is wrong.
    pub own: bool,
}

impl DataError {
    fn new(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self { path: path.display().to_string(), problem: problem.to_string(), own: false }
    }

    fn writing(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self { own: true, ..Self::new(path, problem) }
    }

    /// Of a file that the program wrote and cannot read again.
    pub(crate) fn damaged(path: &Path, problem: impl std::fmt::Display) -> Self {
        Self::writing(path, problem)
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

impl Values {
    fn len(&self) -> usize {
        match self {
            Values::Real32(values) => values.len(),
            Values::Real64(values) => values.len(),
            Values::Integer(values) => values.len(),
        }
    }

    /// Bytes of an element in memory.
    fn size(&self) -> usize {
        if matches!(self, Values::Real32(_)) { 4 } else { 8 }
    }

    /// Makes room for so many more elements, and no more than that.
    fn reserve(&mut self, count: usize) -> Result<(), String> {
        let reserved = match self {
            Values::Real32(values) => values.try_reserve_exact(count),
            Values::Real64(values) => values.try_reserve_exact(count),
            Values::Integer(values) => values.try_reserve_exact(count),
        };
        reserved.map_err(|_| format!("there is no memory for its {count} elements"))
    }

    /// Adds elements of the same kind.
    fn append(&mut self, more: Values) {
        match (self, more) {
            (Values::Real32(values), Values::Real32(more)) => values.extend(more),
            (Values::Real64(values), Values::Real64(more)) => values.extend(more),
            (Values::Integer(values), Values::Integer(more)) => values.extend(more),
            (values, more) => *values = more,
        }
    }
}

impl Array {
    /// How many elements.
    pub fn len(&self) -> usize {
        self.values.len()
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
        self.first_of(|value| !value.is_finite())
    }

    /// The first NaN or +∞.
    pub fn first_not_below_infinity(&self) -> Option<usize> {
        self.first_of(|value| value.is_nan() || value == f64::INFINITY)
    }

    /// The first real number of some kind.
    fn first_of(&self, is_one: impl Fn(f64) -> bool) -> Option<usize> {
        match &self.values {
            Values::Real32(values) => values.iter().position(|&value| is_one(f64::from(value))),
            Values::Real64(values) => values.iter().position(|&value| is_one(value)),
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
    read_with(path, &TextLayout::default())
}

/// As [`read`], with what is said of files of text.
///
/// # Errors
///
/// As [`read`].
pub fn read_with(path: &str, layout: &TextLayout) -> Result<Array, DataError> {
    if let Some((archive, key)) = path.rsplit_once(".npz:") {
        return npz::read(Path::new(&format!("{archive}.npz")), key);
    }
    let file = Path::new(path);
    let name = path.to_ascii_lowercase();
    if name.ends_with(".npz") {
        return npz::needs_key(file);
    }
    let parse: &dyn Fn(BufReader<File>, u64) -> Result<Array, String> = if name.ends_with(".npy") {
        &npy::parse
    } else if name.ends_with(".csv") {
        &|source, len| csv::parse(source, len, layout)
    } else if name.ends_with(".idx") || name.ends_with("ubyte") {
        &idx::parse
    } else if name.ends_with(".idx.gz") || name.ends_with("ubyte.gz") {
        &idx::parse_gz
    } else {
        return Err(DataError::new(file, "unknown kind of file; give .npy, .npz:key, .csv, .idx or .idx.gz"));
    };
    let (source, len) = source::open(file)?;
    parse(BufReader::new(source), len).map_err(|problem| DataError::new(file, problem))
}

/// The text of a file.
///
/// # Errors
///
/// A file that cannot be read, or the line that is no UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    let (mut file, _) = source::open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| DataError::new(path, unreadable(&error)))?;
    String::from_utf8(bytes).map_err(|problem| {
        let before = &problem.as_bytes()[..problem.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        DataError::new(path, format!("line {line} is no UTF-8; save the file as UTF-8"))
    })
}

/// The bytes of a file.
///
/// # Errors
///
/// A file that cannot be read, or is larger than the memory that is free.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let (mut file, len) = source::open(path)?;
    source::room(len).map_err(|problem| DataError::new(path, problem))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| DataError::new(path, unreadable(&error)))?;
    Ok(bytes)
}

/// How many rows a `.npy` has, as its header says; `None` of other files.
pub(crate) fn rows_of_npy(path: &str) -> Option<usize> {
    let (mut file, _) = source::open(Path::new(path)).ok().filter(|_| path.to_ascii_lowercase().ends_with(".npy"))?;
    npy::read_header(&mut file).ok()?.shape.first().copied()
}

/// What is wrong with the lines without numbers between the rows of a file of text; `None` where there are none, or it cannot
/// be read.
pub(crate) fn holes(path: &str, layout: &TextLayout) -> Option<DataError> {
    let file = Path::new(path);
    let is_text = path.to_ascii_lowercase().ends_with(".csv");
    let (source, _) = source::open(file).ok().filter(|_| is_text)?;
    let problem = csv::holes(BufReader::new(source), layout).ok().flatten()?;
    Some(DataError::new(file, problem))
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file; a path in a run file is relative to that file".into(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Axes of an array at the most, as in NumPy and PyTorch.
const MOST_AXES: usize = 64;

/// Elements at the most, so that their bytes can be counted, whatever their type.
const MOST_ELEMENTS: usize = usize::MAX >> 4;

/// The number of elements of a shape, where it is a number.
fn count(shape: &[usize]) -> Result<usize, String> {
    if shape.len() > MOST_AXES {
        return Err(format!("it has {} axes; at most {MOST_AXES}", shape.len()));
    }
    // Sides beside a 0 are counted too, since strides and rows are products of some of the sides.
    let bound = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side.max(1)));
    if bound.is_none_or(|bound| bound > MOST_ELEMENTS) {
        return Err(format!("the shape {shape:?} has more elements than can be counted"));
    }
    Ok(shape.iter().product())
}

#[cfg(test)]
mod tests;
