//! Arrays: a header that says how much data follows, and data.

use super::bytes::{self, NUMBERS, put};
use super::text;
use crate::random::Random;

/// Axes of arrays that are made up; their product is small, or zero, or larger than any memory.
fn sides(random: &mut Random) -> Vec<u64> {
    let small = random.once_in(2);
    (0..random.below(5)).map(|_| if small { random.below(5) as u64 } else { *random.pick(&NUMBERS) }).collect()
}

/// Bytes that a shape needs, where they are few.
fn fitting(sides: &[u64], size: u64) -> usize {
    let bytes = sides.iter().try_fold(size, |product, &side| product.checked_mul(side));
    bytes.filter(|&bytes| bytes < 1 << 16).unwrap_or(0) as usize
}

const TYPES: [(&str, u64); 16] = [
    ("<f8", 8),
    ("<f4", 4),
    ("<f2", 2),
    (">f8", 8),
    (">f4", 4),
    ("<i8", 8),
    (">i2", 2),
    ("|u1", 1),
    ("|b1", 1),
    ("<u8", 8),
    ("<c8", 8),
    ("|S4", 4),
    ("=f4", 4),
    ("<f0", 0),
    ("<f18446744073709551615", 8),
    ("|O", 8),
];

/// A `.npy`: its header's text, the length before it, the version, or all made up.
pub fn npy(data: &mut Vec<u8>, random: &mut Random) {
    let wide = data.get(6).is_some_and(|&version| version > 1);
    let from = if wide { 12 } else { 10 };
    let len =
        data.get(8..from).map_or(0, |bytes| bytes.iter().rev().fold(0, |len, &byte| len << 8 | usize::from(byte)));
    match random.below(6) {
        0 if data.len() >= from + len => {
            let mut header = data[from..from + len].to_vec();
            text::mutate(&mut header, random);
            *data = with_header(random, &header, &data[from + len..]);
        }
        1 | 5 if data.len() >= from + len => {
            let mut header = data[from..from + len].to_vec();
            text::number(&mut header, random);
            *data = with_header(random, &header, &data[from + len..]);
        }
        2 => {
            let number = *random.pick(&NUMBERS);
            put(data, 8, number, random);
        }
        3 => bytes::mutate(data, random),
        _ => *data = made_up(random),
    }
}

/// Overwrites some elements of a `.npy` that NumPy wrote, perhaps with what is no number.
pub fn npy_elements(data: &mut [u8], random: &mut Random) {
    let start = 128.min(data.len());
    let place = start + random.below(data.len() - start);
    let word: &[u8] = match random.below(4) {
        0 => &f64::NAN.to_le_bytes(),
        1 => &f32::INFINITY.to_le_bytes(),
        2 => &f32::MAX.to_le_bytes(),
        _ => &random.next().to_le_bytes(),
    };
    data[place..].iter_mut().zip(word).for_each(|(byte, fresh)| *byte = *fresh);
}

fn with_header(random: &mut Random, header: &[u8], rest: &[u8]) -> Vec<u8> {
    let version = if header.len() > 65_535 { 2 } else { 1 + random.below(3) as u8 };
    let len = header.len().to_le_bytes();
    [b"\x93NUMPY", &[version, 0][..], &len[..if version == 1 { 2 } else { 4 }], header, rest].concat()
}

fn made_up(random: &mut Random) -> Vec<u8> {
    let (descr, size) = *random.pick(&TYPES);
    let order = *random.pick(&["True", "False"]);
    let sides = sides(random);
    let shape: String = sides.iter().map(|side| format!("{side},")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    let data: Vec<u8> = (0..fitting(&sides, size)).map(|_| random.next() as u8).collect();
    with_header(random, header.as_bytes(), &data)
}

/// An IDX file: type, axes, sides, or all made up.
pub fn idx(data: &mut Vec<u8>, random: &mut Random) {
    let axes = data.get(3).copied().unwrap_or(0);
    match random.below(4) {
        0 => put(data, 2, random.next(), random),
        1 => {
            let (place, number) = (4 + 4 * random.below(usize::from(axes)), *random.pick(&NUMBERS));
            put(data, place, number, random);
        }
        2 => bytes::mutate(data, random),
        _ => {
            let sides = sides(random);
            let (kind, size) = *random.pick(&[(8u8, 1), (9, 1), (11, 2), (12, 4), (13, 4), (14, 8), (10, 1)]);
            *data = vec![0, 0, kind, sides.len() as u8];
            data.extend(sides.iter().flat_map(|&side| (side as u32).to_be_bytes()));
            data.resize(data.len() + fitting(&sides, size), 7);
        }
    }
}

/// A safetensors file: its header's text, the length before it, or one with entries that are made up.
pub fn safetensors(data: &mut Vec<u8>, random: &mut Random) {
    let len = data.first_chunk().map_or(0, |&len| u64::from_le_bytes(len)) as usize;
    let whole = len.checked_add(8).filter(|&end| end <= data.len());
    match (random.below(5), whole) {
        (0, Some(end)) => with_json(data, end, random, text::mutate),
        (1, Some(end)) => with_json(data, end, random, text::number),
        (2, _) => {
            let number = *random.pick(&NUMBERS);
            put(data, 0, number, random);
        }
        (3, _) => bytes::mutate(data, random),
        _ => {
            let mut end = 0;
            let entries: Vec<String> = (0..random.below(4)).map(|name| entry(name, &mut end, random)).collect();
            let header = format!("{{{}}}", entries.join(","));
            *data = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![1; end]].concat();
        }
    }
}

fn with_json(data: &mut Vec<u8>, end: usize, random: &mut Random, mutate: fn(&mut Vec<u8>, &mut Random)) {
    let mut header = data[8..end].to_vec();
    mutate(&mut header, random);
    *data = [&(header.len() as u64).to_le_bytes()[..], &header, &data[end..]].concat();
}

/// One tensor, behind the others or where it should not be.
fn entry(name: usize, end: &mut usize, random: &mut Random) -> String {
    let (dtype, size) = *random.pick(&[("F64", 8), ("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("F8_E4M3", 1)]);
    let sides = sides(random);
    let start = *end;
    *end += fitting(&sides, size);
    let offsets = if random.once_in(4) {
        [text::figures(random), text::figures(random)]
    } else {
        [start, *end].map(|at| at.to_string())
    };
    format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{sides:?},\"data_offsets\":[{},{}]}}", offsets[0], offsets[1])
}
