//! The arrays of a file: their types, their bytes, and those that lie in files of their own.

use super::Refused;
use super::constant::{Constant, Number, Numbers, elements};
use super::proto::{Tensor, noted, simplest};
use crate::formats::{Kind, Values};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

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
        kind(self.kind)
            .ok_or_else(|| format!("{}: has elements of the type {}, which is not read", self.name, self.kind).into())
    }

    /// Its shape.
    pub fn shape(&self) -> Result<Vec<usize>, Refused> {
        let side = |&side: &i64| usize::try_from(side).ok();
        let shape: Option<Vec<usize>> = self.sides.iter().map(side).collect();
        shape.ok_or_else(|| format!("{}: has the shape {:?}", self.name, self.sides).into())
    }

    /// How many bytes its elements take.
    fn size(&self) -> Result<usize, Refused> {
        let (kind, shape) = (self.kind()?, self.shape()?);
        // Sides beside a 0 are counted too.
        let bound = shape.iter().try_fold(kind.size(), |product, &side| product.checked_mul(side.max(1)));
        bound.ok_or_else(|| format!("{}: its shape {shape:?} cannot be counted", self.name))?;
        Ok(shape.iter().product::<usize>() * kind.size())
    }

    /// Fails where the file does not hold its elements, and no more.
    pub fn check(&self, folder: &Path) -> Result<(), Refused> {
        if self.is_external {
            return self.external(folder).map(drop);
        }
        let (size, kind) = (self.size()?, self.kind()?);
        let held = match (self.raw, kind) {
            (Some(raw), _) => raw.len(),
            (None, Kind::F64 | Kind::F32) => self.reals.len() * kind.size(),
            _ => self.wholes.len() * kind.size(),
        };
        if held == size {
            return Ok(());
        }
        Err(format!("{}: its shape {:?} is of {size} bytes, and the file holds {held}", self.name, self.sides).into())
    }

    /// Its elements as bytes, little-endian; those of a file of their own are in a folder.
    pub fn bytes(&self, folder: &Path) -> Result<Cow<'a, [u8]>, Refused> {
        self.check(folder)?;
        if self.is_external {
            let (path, offset) = self.external(folder)?;
            return Ok(part(&path, offset, self.size()?)
                .map_err(|problem| format!("{}: {problem}", self.name))?
                .into());
        }
        Ok(match self.raw {
            Some(raw) => Cow::Borrowed(raw),
            None => self.numbers_as_bytes(self.kind()?).into(),
        })
    }

    /// Elements that are written as numbers: halves as their bits.
    fn numbers_as_bytes(&self, kind: Kind) -> Vec<u8> {
        match kind {
            Kind::F64 => self.reals.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Kind::F32 => self.reals.iter().flat_map(|&number| (number as f32).to_le_bytes()).collect(),
            _ => self.wholes.iter().flat_map(|number| number.to_le_bytes().into_iter().take(kind.size())).collect(),
        }
    }

    /// The file beside that its elements lie in, and from where on: a file of the folder, that is long enough.
    fn external(&self, folder: &Path) -> Result<(PathBuf, u64), Refused> {
        let wrong = |problem: String| Refused::from(format!("{}: {problem}", self.name));
        let (name, size) = (noted(&self.external, "location").unwrap_or_default(), self.size()? as u64);
        let number = |key, absent| match noted(&self.external, key) {
            None => Ok(absent),
            Some(text) => {
                text.parse::<u64>().map_err(|_| wrong(format!("its {key} {text:?} in {name:?} is no number")))
            }
        };
        let (offset, length) = (number("offset", 0)?, number("length", size)?);
        if length != size {
            return Err(wrong(format!(
                "{length} bytes are said to be in {name:?}, and its shape and type take {size}"
            )));
        }
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let unreadable =
            |error: std::io::Error| wrong(format!("{name:?}, which its elements lie in, cannot be read: {error}"));
        let folder = folder.canonicalize().map_err(unreadable)?;
        let path = if inside { folder.join(name).canonicalize().map_err(unreadable)? } else { PathBuf::new() };
        if name.is_empty() || !path.starts_with(folder) {
            return Err(wrong(format!(
                "its elements are said to lie in {name:?}, outside the file's folder; move them beside it"
            )));
        }
        let about = path.metadata().map_err(unreadable)?;
        if !about.is_file() || offset.checked_add(length).is_none_or(|end| end > about.len()) {
            return Err(wrong(format!(
                "{name:?} is shorter than the {length} bytes from {offset} on that it is to hold"
            )));
        }
        Ok((path, offset))
    }
}

/// Some bytes of a file.
fn part(path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, String> {
    crate::formats::room(length as u64)?;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset))?;
        file.take(length as u64).read_to_end(&mut bytes)
    });
    match read {
        Ok(read) if read == length => Ok(bytes),
        Ok(read) => Err(format!("{} ends after {read} of its {length} bytes", path.display())),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// The array of a tensor that lies in the graph itself.
pub(super) fn constant(tensor: &Tensor<'_>) -> Result<Constant, Refused> {
    if tensor.is_external {
        return Err("has elements in a file of their own, which only initializers may".into());
    }
    constant_in(tensor, Path::new(""))
}

/// The array of a tensor, small enough to be worked with. A single number in single precision is the
/// simplest that rounds to it.
pub(super) fn constant_in(tensor: &Tensor<'_>, folder: &Path) -> Result<Constant, Refused> {
    let (kind, shape) = (tensor.kind()?, tensor.shape()?);
    let count = elements(&shape)?;
    let bytes = tensor.bytes(folder)?;
    let (kind, numbers): (Numbers, Vec<f64>) = match kind.decode(&bytes) {
        Values::Real32(values) if count == 1 => (Numbers::Real, values.into_iter().map(simplest).collect()),
        Values::Real32(values) => (Numbers::Real, values.into_iter().map(f64::from).collect()),
        Values::Real64(values) => (Numbers::Real, values),
        Values::Integer(values) => {
            let kind = if matches!(kind, Kind::Bool) { Numbers::Truth } else { Numbers::Whole };
            (kind, values.into_iter().map(|value| value as f64).collect())
        }
    };
    Ok(Constant::new(&shape, kind, numbers.into_iter().map(Number::from).collect()))
}
