//! The IDX format of MNIST, plain or gzipped.

use super::source::{elements, fill, unpacks};
use super::{Array, Values, count};
use flate2::read::GzDecoder;
use std::io::Read;

struct Header {
    kind: u8,
    /// Bytes of an element.
    size: usize,
    shape: Vec<usize>,
    /// Bytes before the data.
    start: usize,
}

impl Header {
    fn read(source: &mut impl Read) -> Result<Self, String> {
        let mut bytes = Vec::new();
        fill(source, &mut bytes, 4)?;
        let &[0, 0, kind, axes] = bytes.get(..4).ok_or("truncated in its header")? else {
            return Err("not an IDX file: it does not begin with two zero bytes".into());
        };
        let size = match kind {
            0x08 | 0x09 => 1,
            0x0B => 2,
            0x0C | 0x0D => 4,
            0x0E => 8,
            _ => return Err(format!("element type {kind:#04x} is not known")),
        };
        let start = 4 + 4 * usize::from(axes);
        fill(source, &mut bytes, start)?;
        let (sides, _) = bytes.get(4..start).ok_or("truncated in its header")?.as_chunks::<4>();
        let shape = sides.iter().map(|&side| u32::from_be_bytes(side) as usize).collect();
        Ok(Self { kind, size, shape, start })
    }

    /// Bytes of the whole file.
    fn file_len(&self) -> Result<u64, String> {
        let bytes = count(&self.shape)?.checked_mul(self.size).and_then(|len| len.checked_add(self.start));
        bytes.map(|len| len as u64).ok_or_else(|| format!("the shape {:?} is larger than any file", self.shape))
    }

    fn decode(&self, data: &[u8]) -> Values {
        let (twos, _) = data.as_chunks::<2>();
        let (fours, _) = data.as_chunks::<4>();
        let (eights, _) = data.as_chunks::<8>();
        match self.kind {
            0x08 => Values::Integer(data.iter().map(|&byte| i64::from(byte)).collect()),
            0x09 => Values::Integer(data.iter().map(|&byte| i64::from(byte as i8)).collect()),
            0x0B => Values::Integer(twos.iter().map(|&word| i64::from(i16::from_be_bytes(word))).collect()),
            0x0C => Values::Integer(fours.iter().map(|&word| i64::from(i32::from_be_bytes(word))).collect()),
            0x0D => Values::Real32(fours.iter().map(|&word| f32::from_be_bytes(word)).collect()),
            _ => Values::Real64(eights.iter().map(|&word| f64::from_be_bytes(word)).collect()),
        }
    }

    fn array(self, source: &mut impl Read) -> Result<Array, String> {
        let values = elements(source, count(&self.shape)?, self.size, |data| Ok(self.decode(data)))?;
        Ok(Array { shape: self.shape, values })
    }
}

pub(super) fn parse(mut source: impl Read, len: u64) -> Result<Array, String> {
    let header = Header::read(&mut source)?;
    let expected = header.file_len()?;
    if len != expected {
        return Err(format!("it has {len} bytes, but its header ({:?}) needs {expected}", header.shape));
    }
    header.array(&mut source)
}

/// Unpacks only as much as the header asks for.
pub(super) fn parse_gz(source: impl Read, len: u64) -> Result<Array, String> {
    let mut unpacked = GzDecoder::new(source);
    let header = Header::read(&mut unpacked).map_err(|problem| format!("as a gzip file: {problem}"))?;
    let shape = header.shape.clone();
    let body = unpacks(len, header.file_len()?).and_then(|()| header.array(&mut unpacked));
    body.map_err(|problem| format!("as a gzip file of the shape {shape:?}: {problem}"))
}
