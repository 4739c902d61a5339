//! The arrays of a file: their types, their bytes, and those that lie in files of their own.

use super::Refused;
use super::constant::{Constant, Number, Numbers, elements};
use super::proto::{Tensor, decimal, noted};
use crate::formats::{Kind, Values};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// The types of elements that are read, by ONNX's numbers.
fn kind(number: i64) -> Option<Kind> {
    Some(match number {
        1 => Kind::F32,
        2 => Kind::U8,
        3 => Kind::I8,
        4 => Kind::U16,
        5 => Kind::I16,
        6 => Kind::I32,
        7 => Kind::I64,
        9 => Kind::Bool,
        10 => Kind::F16,
        11 => Kind::F64,
        12 => Kind::U32,
        16 => Kind::BF16,
        _ => return None,
    })
}

/// Whether elements of a type are real numbers; `None` of a type that is not read.
pub(super) fn is_real(number: i64) -> Option<bool> {
    kind(number).map(|kind| matches!(kind, Kind::F64 | Kind::F32 | Kind::F16 | Kind::BF16))
}

impl<'a> Tensor<'a> {
    /// Its type.
    pub fn kind(&self) -> Result<Kind, Refused> {
        kind(self.kind).ok_or_else(|| format!("{}: has elements of the type {}, which is not read", self.name, self.kind).into())
    }

    /// Its shape.
    pub fn shape(&self) -> Result<Vec<usize>, Refused> {
        let side = |&side: &i64| usize::try_from(side).ok();
        let shape: Option<Vec<usize>> = self.sides.iter().map(side).collect();
        shape.ok_or_else(|| format!("{}: has the shape {:?}", self.name, self.sides).into())
    }

    /// Its elements as bytes, little-endian; those of a file of their own are in a folder.
    pub fn bytes(&self, folder: &Path) -> Result<Cow<'a, [u8]>, Refused> {
        let (kind, shape) = (self.kind()?, self.shape()?);
        let count = shape.iter().try_fold(kind.size(), |product, &side| product.checked_mul(side));
        let count = count.ok_or_else(|| format!("{}: its shape {shape:?} cannot be counted", self.name))?;
        let bytes = match self.raw {
            _ if self.is_external => self.external_bytes(folder, count).map_err(|problem| format!("{}: {problem}", self.name))?.into(),
            Some(raw) => Cow::Borrowed(raw),
            None => self.numbers_as_bytes(kind).into(),
        };
        if bytes.len() != count {
            let len = bytes.len();
            return Err(format!("{}: its shape {shape:?} is of {count} bytes, and the file holds {len}", self.name).into());
        }
        Ok(bytes)
    }

    /// Elements that are written as numbers: halves as their bits.
    fn numbers_as_bytes(&self, kind: Kind) -> Vec<u8> {
        match kind {
            Kind::F64 => self.reals.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Kind::F32 => self.reals.iter().flat_map(|&number| (number as f32).to_le_bytes()).collect(),
            _ => self.wholes.iter().flat_map(|number| number.to_le_bytes().into_iter().take(kind.size())).collect(),
        }
    }

    /// A part of a file beside, that must be as long as it says.
    fn external_bytes(&self, folder: &Path, count: usize) -> Result<Vec<u8>, String> {
        let name = noted(&self.external, "location").unwrap_or_default();
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let number = |key| match noted(&self.external, key) {
            None => Ok(None),
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("its {key} {text:?} in {name:?} is no number")),
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?.unwrap_or(count as u64));
        if length != count as u64 {
            return Err(format!("{length} bytes are said to be in {name:?}, and its shape and type take {count}"));
        }
        let unreadable = |error: std::io::Error| format!("{name:?}, which its elements lie in, cannot be read: {error}");
        let path = folder.join(name).canonicalize().map_err(unreadable)?;
        let folder = folder.canonicalize().map_err(unreadable)?;
        if name.is_empty() || !inside || !path.starts_with(folder) {
            return Err(format!("its elements are said to lie in {name:?}, outside the file's folder; move them beside it"));
        }
        let about = path.metadata().map_err(unreadable)?;
        if !about.is_file() || offset.checked_add(length).is_none_or(|end| end > about.len()) {
            return Err(format!("{name:?} is shorter than the {length} bytes from {offset} on that it is to hold"));
        }
        crate::formats::room(length)?;
        let mut bytes = Vec::new();
        let mut file = File::open(&path).map_err(unreadable)?;
        file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
        file.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }
}

/// The array of a tensor that lies in the graph itself.
pub(super) fn constant(tensor: &Tensor<'_>) -> Result<Constant, Refused> {
    if tensor.is_external {
        return Err("has elements in a file of their own, which only initializers may".into());
    }
    constant_in(tensor, Path::new(""))
}

/// The array of a tensor, small enough to be worked with. A single number in single precision is the decimal that it was written
/// as.
pub(super) fn constant_in(tensor: &Tensor<'_>, folder: &Path) -> Result<Constant, Refused> {
    let (kind, shape) = (tensor.kind()?, tensor.shape()?);
    let count = elements(&shape)?;
    let bytes = tensor.bytes(folder)?;
    let (kind, numbers): (Numbers, Vec<f64>) = match kind.decode(&bytes) {
        Values::Real32(values) if count == 1 => (Numbers::Real, values.into_iter().map(decimal).collect()),
        Values::Real32(values) => (Numbers::Real, values.into_iter().map(f64::from).collect()),
        Values::Real64(values) => (Numbers::Real, values),
        Values::Integer(values) => {
            let kind = if matches!(kind, Kind::Bool) { Numbers::Truth } else { Numbers::Whole };
            (kind, values.into_iter().map(|value| value as f64).collect())
        }
    };
    Ok(Constant::new(&shape, kind, numbers.into_iter().map(Number::from).collect()))
}
