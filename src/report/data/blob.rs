//! Numbers of the page as bytes: packed, and in letters.

use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::ZlibEncoder};
use serde_json::{Value, json};
use std::io::Write;

/// A number that the page's program can read.
pub(super) trait Number: Copy {
    /// Its type there.
    const TYPE: &'static str;
    /// Appends its bytes, the lowest first.
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($type:ident: $name:literal,)*) => {
        $(impl Number for $type {
            const TYPE: &'static str = $name;

            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        })*
    };
}

numbers! { i8: "i1", u8: "u1", u16: "u2", u32: "u4", f32: "f4", }

/// The page's numbers, one array after another.
#[derive(Debug, Default)]
pub(super) struct Blob {
    bytes: Vec<u8>,
}

impl Blob {
    /// Adds an array and says where it lies: its type, its first byte and how many numbers it has.
    pub fn put<T: Number>(&mut self, values: impl IntoIterator<Item = T>) -> Value {
        // The page looks at numbers of four bytes where they lie.
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let at = self.bytes.len();
        let count = values.into_iter().map(|value| value.put(&mut self.bytes)).count();
        json!([T::TYPE, at, count])
    }

    /// Adds an array of single precision.
    pub fn reals(&mut self, values: impl IntoIterator<Item = f64>) -> Value {
        self.put(values.into_iter().map(|value| value as f32))
    }

    /// Adds an array of whole numbers.
    pub fn places(&mut self, values: impl IntoIterator<Item = usize>) -> Value {
        self.put(values.into_iter().map(|value| u32::try_from(value).unwrap_or(super::NONE)))
    }

    /// All of it, packed as zlib does and written in letters.
    ///
    /// # Errors
    ///
    /// Never of a memory that has room.
    pub fn letters(self) -> Result<String, Error> {
        let pack = || {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(&self.bytes)?;
            encoder.finish()
        };
        Ok(STANDARD.encode(pack().map_err(|source| Error::file("report.html".as_ref(), source))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn arrays_lie_where_it_says() -> Result<(), Box<dyn std::error::Error>> {
        let mut blob = Blob::default();
        let places = [blob.put([1u8, 2, 3]), blob.reals([0.5, -2.0]), blob.put([7u16])];
        assert_eq!(places, [json!(["u1", 0, 3]), json!(["f4", 4, 2]), json!(["u2", 12, 1])]);
        let packed = STANDARD.decode(blob.letters()?)?;
        let mut bytes = Vec::new();
        flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes)?;
        assert_eq!(bytes, [1, 2, 3, 0, 0, 0, 0, 63, 0, 0, 0, 192, 7, 0]);
        Ok(())
    }
}
