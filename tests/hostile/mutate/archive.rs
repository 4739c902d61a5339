//! Zip archives and gzip: what lies in them, and what they say of it.

use super::bytes::{self, NUMBERS, put};
use crate::random::Random;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Names that members should not have.
const NAMES: [&str; 8] =
    ["../escaped", "/tmp/escaped.npy", "..\\escaped.npy", "", "x.npy", "x/data.pkl", "archive/data/0", "a\u{0}b.npy"];

/// Bytes of zeros that a member gets: a bomb of a thousandth of that.
const BOMB: usize = 1 << 22;

/// An archive whose members are spoilt and packed again with a right check sum, or whose own records lie.
pub fn mutate(data: &mut Vec<u8>, random: &mut Random, member: fn(&mut Vec<u8>, &mut Random)) {
    match random.below(4) {
        0 => lie(data, random),
        1 => bytes::mutate(data, random),
        _ => {
            if let Some(mut members) = unpack(data) {
                spoil(&mut members, random, member);
                if let Some(packed) = pack(&members, random) {
                    *data = packed;
                }
            }
        }
    }
}

type Members = Vec<(String, Vec<u8>)>;

fn unpack(data: &[u8]) -> Option<Members> {
    let mut archive = ZipArchive::new(Cursor::new(data)).ok()?;
    let count = archive.len();
    let mut read = |index| {
        let file = archive.by_index(index).ok()?;
        let name = String::from_utf8_lossy(file.name_raw()).into_owned();
        let mut bytes = Vec::new();
        file.take(1 << 20).read_to_end(&mut bytes).ok()?;
        Some((name, bytes))
    };
    (0..count).map(&mut read).collect()
}

fn spoil(members: &mut Members, random: &mut Random, member: fn(&mut Vec<u8>, &mut Random)) {
    let place = random.below(members.len());
    let Some((name, bytes)) = members.get_mut(place) else { return };
    match random.below(8) {
        0 => *name = (*random.pick(&NAMES)).to_owned(),
        1 => drop(members.remove(place)),
        2 => {
            let copy = (format!("{name}2"), bytes.clone());
            members.push(copy);
        }
        3 if random.once_in(8) => bytes.resize(BOMB, 0),
        _ => member(bytes, random),
    }
}

fn pack(members: &Members, random: &mut Random) -> Option<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let deflate = random.once_in(4) || members.iter().any(|(_, bytes)| bytes.len() >= BOMB);
    let method = if deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    for (name, bytes) in members {
        writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).ok()?;
        writer.write_all(bytes).ok()?;
    }
    Some(writer.finish().ok()?.into_inner())
}

/// Fields of a local header, of an entry of the directory, and of the directory's end, by their distance from the signature.
const RECORDS: [(&[u8], &[usize]); 5] = [
    (b"PK\x03\x04", &[6, 8, 14, 18, 22, 26, 28]),
    (b"PK\x01\x02", &[8, 10, 16, 20, 24, 28, 30, 32, 42]),
    (b"PK\x05\x06", &[4, 6, 8, 10, 12, 16, 20]),
    (b"PK\x06\x06", &[4, 24, 32, 40, 48]),
    (b"PK\x06\x07", &[4, 8, 16]),
];

/// Puts a wrong number into a field of a record.
fn lie(data: &mut [u8], random: &mut Random) {
    let (signature, fields) = *random.pick(&RECORDS);
    let places: Vec<usize> = (0..data.len()).filter(|&at| data[at..].starts_with(signature)).collect();
    if places.is_empty() {
        return;
    }
    let (place, number) = (random.pick(&places) + random.pick(fields), *random.pick(&NUMBERS));
    put(data, place, number, random);
}

/// A gzip file whose content is spoilt and packed again, whose content is a bomb, or that is spoilt itself.
pub fn gzip(data: &mut Vec<u8>, random: &mut Random, content: fn(&mut Vec<u8>, &mut Random)) {
    let mut unpacked = Vec::new();
    let whole = GzDecoder::new(data.as_slice()).take(1 << 20).read_to_end(&mut unpacked).is_ok();
    if !whole || random.once_in(4) {
        return bytes::mutate(data, random);
    }
    content(&mut unpacked, random);
    if random.once_in(64) {
        unpacked.resize(unpacked.len() + BOMB, 0);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    if encoder.write_all(&unpacked).is_ok()
        && let Ok(packed) = encoder.finish()
    {
        *data = packed;
    }
}
