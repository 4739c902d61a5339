//! Reads a report: what it says by itself, and what its program knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// A report, apart into its parts.
pub struct Report {
    /// The whole file.
    pub file: String,
    /// What stands in it without its program, as markup.
    pub prose: String,
    /// What the program calls things, and where numbers lie.
    pub words: Value,
    bytes: Vec<u8>,
}

impl Report {
    /// That of a run directory.
    pub fn read(directory: &Path) -> Self {
        let file = std::fs::read_to_string(directory.join("report.html")).expect("a report");
        let part = |begin: &str| {
            let (_, rest) = file.split_once(begin).unwrap_or_else(|| panic!("no {begin}"));
            rest.split_once("</script>").expect("the part ends").0.to_owned()
        };
        let words = serde_json::from_str(&part("id=\"words\">")).expect("JSON");
        let packed = STANDARD.decode(part("id=\"numbers\">")).expect("base64");
        let mut bytes = Vec::new();
        flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("what zlib packs");
        let prose = file.split("<script").next().expect("a beginning").to_owned();
        Self { prose, words, bytes, file }
    }

    /// Something of the words, by its path, such as `/details/count`.
    #[track_caller]
    pub fn word(&self, path: &str) -> &Value {
        self.words.pointer(path).unwrap_or_else(|| panic!("no {path}"))
    }

    /// Numbers, by the path of where they lie.
    #[track_caller]
    pub fn numbers(&self, path: &str) -> Vec<f64> {
        let place = self.word(path);
        let (at, count) = (place[1].as_u64().expect("a place") as usize, place[2].as_u64().expect("a count") as usize);
        let each = |size: usize| self.bytes[at..at + count * size].chunks_exact(size);
        match place[0].as_str().expect("a type") {
            "i1" => each(1).map(|bytes| f64::from(bytes[0] as i8)).collect(),
            "u1" => each(1).map(|bytes| f64::from(bytes[0])).collect(),
            "u2" => each(2).map(|bytes| f64::from(u16::from_le_bytes([bytes[0], bytes[1]]))).collect(),
            "u4" => each(4).map(|bytes| f64::from(u32::from_le_bytes(bytes.try_into().expect("four")))).collect(),
            "f4" => each(4).map(|bytes| f64::from(f32::from_le_bytes(bytes.try_into().expect("four")))).collect(),
            other => panic!("{path} has type {other}"),
        }
    }

    /// Whole numbers, by the path of where they lie.
    #[track_caller]
    pub fn places(&self, path: &str) -> Vec<usize> {
        self.numbers(path).into_iter().map(|number| number as usize).collect()
    }

    #[track_caller]
    pub fn holds(&self, words: &[&str]) {
        words.iter().for_each(|word| assert!(self.prose.contains(word), "no {word:?}"));
    }

    #[track_caller]
    pub fn lacks(&self, words: &[&str]) {
        words.iter().for_each(|word| assert!(!self.prose.contains(word), "{word:?} is there"));
    }
}
