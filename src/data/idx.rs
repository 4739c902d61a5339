//! The IDX format of MNIST, plain or gzipped.

use super::{Array, Values, count};
use flate2::read::GzDecoder;
use std::io::Read;

/// Element type, bytes an element, shape, and bytes before the data.
fn header(bytes: &[u8]) -> Result<(u8, usize, Vec<usize>, usize), String> {
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
    let (sides, _) = bytes.get(4..start).ok_or("truncated in its header")?.as_chunks::<4>();
    Ok((kind, size, sides.iter().map(|&side| u32::from_be_bytes(side) as usize).collect(), start))
}

fn file_len(shape: &[usize], size: usize, start: usize) -> Result<usize, String> {
    count(shape)?
        .checked_mul(size)
        .and_then(|len| len.checked_add(start))
        .ok_or_else(|| format!("the shape {shape:?} is larger than any file"))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Array, String> {
    let (kind, size, shape, start) = header(bytes)?;
    let expected = file_len(&shape, size, start)?;
    if bytes.len() != expected {
        return Err(format!("it has {} bytes, but its header ({shape:?}) needs {expected}", bytes.len()));
    }
    let (twos, _) = bytes[start..].as_chunks::<2>();
    let (fours, _) = bytes[start..].as_chunks::<4>();
    let (eights, _) = bytes[start..].as_chunks::<8>();
    let values = match kind {
        0x08 => Values::Integer(bytes[start..].iter().map(|&byte| i64::from(byte)).collect()),
        0x09 => Values::Integer(bytes[start..].iter().map(|&byte| i64::from(byte as i8)).collect()),
        0x0B => Values::Integer(twos.iter().map(|&word| i64::from(i16::from_be_bytes(word))).collect()),
        0x0C => Values::Integer(fours.iter().map(|&word| i64::from(i32::from_be_bytes(word))).collect()),
        0x0D => Values::Real32(fours.iter().map(|&word| f32::from_be_bytes(word)).collect()),
        _ => Values::Real64(eights.iter().map(|&word| f64::from_be_bytes(word)).collect()),
    };
    Ok(Array { shape, values })
}

/// Unpacks no more than the header asks for.
pub(super) fn parse_gz(bytes: &[u8]) -> Result<Array, String> {
    let mut unpacked = Vec::new();
    let mut reader = GzDecoder::new(bytes);
    let mut fill = |len: usize, unpacked: &mut Vec<u8>| {
        let missing = len.saturating_sub(unpacked.len()) as u64;
        (&mut reader).take(missing).read_to_end(unpacked).map_err(|error| format!("not readable as gzip: {error}"))
    };
    fill(4, &mut unpacked)?;
    let axes = usize::from(unpacked.get(3).copied().unwrap_or(0));
    fill(4 + 4 * axes, &mut unpacked)?;
    let (_, size, shape, start) = header(&unpacked)?;
    fill(file_len(&shape, size, start)?.saturating_add(1), &mut unpacked)?;
    parse(&unpacked)
}
