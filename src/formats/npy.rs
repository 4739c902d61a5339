//! NumPy's `.npy`, versions 1 to 3.

use super::source::{elements, fill, room};
use super::tensors::{Kind, c_order, places};
use super::{Array, NpyElement, Values, count};
use half::{bf16, f16};
use std::cmp::Ordering;
use std::io::Read;

/// What a header says.
pub(super) struct Header {
    kind: char,
    size: usize,
    big: bool,
    fortran: bool,
    pub shape: Vec<usize>,
    /// Bytes before the data.
    pub start: usize,
}

impl Header {
    /// NumPy's name of the elements; only for little-endian ones in C order, of a type that runs write.
    pub fn plain(&self) -> Result<&'static str, String> {
        match (self.kind, self.size) {
            ('f', 4) if !self.big && !self.fortran => Ok(f32::DESCR),
            ('f', 8) if !self.big && !self.fortran => Ok(f64::DESCR),
            ('i', 8) if !self.big && !self.fortran => Ok(i64::DESCR),
            _ => Err("not an array of little-endian floats or 64-bit integers in C order".into()),
        }
    }

    /// The elements, as those of tensors.
    pub fn kind(&self) -> Result<Kind, String> {
        if self.big && self.size > 1 {
            return Err("is big-endian; save it little-endian, as x.astype(x.dtype.newbyteorder('<')) is".into());
        }
        Ok(match (self.kind, self.size) {
            ('f', 2) => Kind::F16,
            ('f', 4) => Kind::F32,
            ('f', _) => Kind::F64,
            ('V', _) => Kind::BF16,
            ('i', 1) => Kind::I8,
            ('i', 2) => Kind::I16,
            ('i', 4) => Kind::I32,
            ('i', _) => Kind::I64,
            ('u', 1) => Kind::U8,
            ('u', 2) => Kind::U16,
            ('u', 4) => Kind::U32,
            ('b', _) => Kind::Bool,
            (kind, size) => return Err(format!("elements of type {kind}{size} are not supported; save floats")),
        })
    }

    /// The strides of its elements, whose number can be counted.
    pub fn strides(&self) -> Vec<usize> {
        if self.fortran { columns_first(&self.shape) } else { c_order(&self.shape) }
    }

    /// Fails where a file is not as long as its header says.
    pub fn check_len(&self, len: u64) -> Result<(), String> {
        let (expected, shape) = (self.file_len()?, &self.shape);
        match len.cmp(&expected) {
            Ordering::Equal => Ok(()),
            Ordering::Less => {
                Err(format!("it has {len} bytes, but its header ({shape:?}) needs {expected}; it may be truncated"))
            }
            Ordering::Greater => Err(format!(
                "it goes on after the {expected} bytes that its header ({shape:?}) needs; save the array alone"
            )),
        }
    }

    /// Bytes of the whole file.
    pub fn file_len(&self) -> Result<u64, String> {
        let bytes = count(&self.shape)?.checked_mul(self.size).and_then(|len| len.checked_add(self.start));
        bytes.map(|len| len as u64).ok_or_else(|| format!("the shape {:?} is larger than any file", self.shape))
    }
}

/// The bytes up to the end of the header, from a file's first twelve.
fn header_len(bytes: &[u8]) -> Result<usize, String> {
    let (Some(b"\x93NUMPY"), Some(&version)) = (bytes.get(..6), bytes.get(6)) else {
        return Err("not an .npy file: it does not begin with \\x93NUMPY".into());
    };
    match (version, bytes.get(8..10), bytes.get(8..12)) {
        (1, Some(&[a, b]), _) => Ok(10 + usize::from(u16::from_le_bytes([a, b]))),
        (2 | 3, _, Some(&[a, b, c, d])) => Ok(12 + u32::from_le_bytes([a, b, c, d]) as usize),
        (1..=3, ..) => Err("truncated in its header".into()),
        _ => Err(format!(".npy version {version} is not known; save it again with a current NumPy")),
    }
}

pub(super) fn header(bytes: &[u8]) -> Result<Header, String> {
    let start = header_len(bytes)?;
    let from = if bytes.get(6) == Some(&1) { 10 } else { 12 };
    let text = bytes.get(from..start).ok_or("truncated in its header")?;
    let text = std::str::from_utf8(text).map_err(|_| "its header is not text")?;
    let descr = field(text, "descr")?.trim();
    let descr = descr
        .strip_prefix('\'')
        .and_then(|rest| rest.split('\'').next())
        .ok_or("structured arrays are not supported; save plain numbers")?;
    let fortran = match field(text, "fortran_order")? {
        rest if rest.starts_with("True") => true,
        rest if rest.starts_with("False") => false,
        _ => return Err("its header has no readable fortran_order".into()),
    };
    let shape = field(text, "shape")?
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .ok_or("its header has no readable shape")?
        .0;
    let shape = shape
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty())
        .map(|side| side.parse::<usize>().map_err(|_| format!("its header has the side {side:?} in its shape")))
        .collect::<Result<Vec<_>, _>>()?;
    let (big, kind, size) = dtype(descr)?;
    Ok(Header { kind, size, big, fortran, shape, start })
}

/// The text after `'key':`.
fn field<'a>(text: &'a str, key: &str) -> Result<&'a str, String> {
    text.split_once(&format!("'{key}':"))
        .map(|(_, rest)| rest.trim_start())
        .ok_or_else(|| format!("its header has no {key}"))
}

fn dtype(descr: &str) -> Result<(bool, char, usize), String> {
    let unsupported = || format!("elements of type {descr:?} are not supported; save floats, integers or bool");
    let mut rest = descr.chars();
    let order = rest.next().ok_or_else(unsupported)?;
    let kind = rest.next().ok_or_else(unsupported)?;
    let size: usize = rest.as_str().parse().map_err(|_| unsupported())?;
    match (order, kind, size) {
        // ml_dtypes writes its bfloat16 as two bytes of no kind.
        ('<' | '>' | '|' | '=', 'f', 2 | 4 | 8)
        | ('<' | '>' | '|' | '=', 'V', 2)
        | ('<' | '>' | '|' | '=', 'i' | 'u', 1 | 2 | 4 | 8)
        | (_, 'b', 1) => Ok((order == '>', kind, size)),
        _ => Err(unsupported()),
    }
}

/// Bytes of a header at the most: NumPy itself refuses 10,000.
const LONGEST_HEADER: usize = 1 << 16;

/// Reads a header, and no byte beyond it.
pub(super) fn read_header(source: &mut impl Read) -> Result<Header, String> {
    let mut bytes = Vec::new();
    fill(source, &mut bytes, 12)?;
    let len = header_len(&bytes)?;
    if len > LONGEST_HEADER {
        return Err(format!("its header says that it has {len} bytes; at most {LONGEST_HEADER}"));
    }
    fill(source, &mut bytes, len)?;
    header(&bytes)
}

/// Reads an array of `len` bytes, its header with it.
pub(super) fn parse(mut source: impl Read, len: u64) -> Result<Array, String> {
    let header = read_header(&mut source)?;
    header.check_len(len)?;
    let values = elements(&mut source, count(&header.shape)?, header.size, |data| decode(&header, data))?;
    let array = Array { shape: header.shape, values };
    if header.fortran { to_c_order(array) } else { Ok(array) }
}

fn decode(header: &Header, data: &[u8]) -> Result<Values, String> {
    let words = data.chunks_exact(header.size).map(|word| {
        word.iter().enumerate().fold(0u64, |value, (i, &byte)| {
            let place = if header.big { header.size - 1 - i } else { i };
            value | u64::from(byte) << (8 * place)
        })
    });
    Ok(match (header.kind, header.size) {
        ('V', _) => Values::Real32(words.map(|word| bf16::from_bits(word as u16).to_f32()).collect()),
        ('f', 2) => Values::Real32(words.map(|word| f16::from_bits(word as u16).to_f32()).collect()),
        ('f', 4) => Values::Real32(words.map(|word| f32::from_bits(word as u32)).collect()),
        ('f', _) => Values::Real64(words.map(f64::from_bits).collect()),
        ('i', size) => {
            let shift = 64 - 8 * size;
            Values::Integer(words.map(|word| ((word << shift) as i64) >> shift).collect())
        }
        ('b', _) => Values::Integer(words.map(|word| i64::from(word != 0)).collect()),
        _ => Values::Integer(
            words
                .map(|word| i64::try_from(word).map_err(|_| format!("the integer {word} is too large")))
                .collect::<Result<_, _>>()?,
        ),
    })
}

/// The strides of an array whose first axis is the innermost.
fn columns_first(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[..axis].iter().product()).collect()
}

fn to_c_order(array: Array) -> Result<Array, String> {
    let Array { shape, values } = array;
    room((values.len() as u64).saturating_mul(values.size() as u64))?;
    let strides = columns_first(&shape);
    let order = places(&shape, &strides);
    let values = match values {
        Values::Real32(values) => Values::Real32(order.map(|place| values[place]).collect()),
        Values::Real64(values) => Values::Real64(order.map(|place| values[place]).collect()),
        Values::Integer(values) => Values::Integer(order.map(|place| values[place]).collect()),
    };
    Ok(Array { shape, values })
}
