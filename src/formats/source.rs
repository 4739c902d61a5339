//! Checks that every reader makes of a file before it allocates memory for its contents.

use super::{DataError, Values, unreadable};
use crate::device::free_memory;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Opens a file and returns its length. Pipes and devices are refused: they hold no array and may never end.
pub(super) fn open(path: &Path) -> Result<(File, u64), DataError> {
    let fail = |error: std::io::Error| DataError::new(path, unreadable(&error));
    let about = std::fs::metadata(path).map_err(fail)?;
    if about.is_dir() {
        return Err(DataError::new(path, "is a folder; name a file in it"));
    }
    if !about.is_file() {
        return Err(DataError::new(path, "is a pipe or a device; copy what it holds to a file"));
    }
    Ok((File::open(path).map_err(fail)?, about.len()))
}

/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 20;

/// Reads a whole file, piece by piece.
pub fn each_piece(path: &Path, take: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            read => take(&piece[..read]),
        }
    }
}

/// Bytes that are allocated without asking how much memory is free.
const SMALL: u64 = 64 << 20;

/// Fails where the machine has no room for some bytes.
pub fn room(bytes: u64) -> Result<(), String> {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    match free_memory() {
        free if bytes > SMALL && bytes > free => {
            Err(format!("it needs {:.1} GiB of memory, and {:.1} GiB are free", gib(bytes), gib(free)))
        }
        _ => Ok(()),
    }
}

/// Bytes that deflate packs into one, at the most: 258 in two bits.
const DENSEST: u64 = 1032;

/// Fails where so many packed bytes cannot become what is claimed of them.
pub(super) fn unpacks(packed: u64, claimed: u64) -> Result<(), String> {
    let most = packed.saturating_mul(DENSEST);
    if claimed <= most {
        return Ok(());
    }
    Err(format!("it claims {claimed} bytes, but the {packed} that it is packed in hold at most {most}; it is damaged"))
}

/// Reads on until `bytes` has `len`, or the source ends.
pub(super) fn fill(source: &mut impl Read, bytes: &mut Vec<u8>, len: usize) -> Result<(), String> {
    let missing = len.saturating_sub(bytes.len()) as u64;
    source.take(missing).read_to_end(bytes).map(drop).map_err(|error| format!("cannot be read: {error}"))
}

/// Elements that are decoded at once.
const PART: usize = 1 << 13;

/// Reads `count` elements of `size` bytes to the end of their source, a part at a time, so that values alone take memory.
pub(super) fn elements(
    source: &mut impl Read,
    count: usize,
    size: usize,
    decode: impl Fn(&[u8]) -> Result<Values, String>,
) -> Result<Values, String> {
    let mut values = decode(&[])?;
    room((count as u64).saturating_mul(values.size() as u64))?;
    let mut bytes = Vec::new();
    while values.len() < count {
        // A packed entry may hold less than its header claims, so memory grows with what is read.
        values.reserve(values.len().max(PART).min(count - values.len()))?;
        let part = PART.min(count - values.len());
        bytes.clear();
        fill(source, &mut bytes, part * size)?;
        if bytes.len() < part * size {
            return Err(format!("it ends after {} of its {count} elements; it may be truncated", values.len()));
        }
        values.append(decode(&bytes)?);
    }
    // Reading to the end makes the decoder compare its check sum.
    bytes.clear();
    fill(source, &mut bytes, 1)?;
    if bytes.is_empty() { Ok(values) } else { Err(format!("it goes on after its {count} elements")) }
}
