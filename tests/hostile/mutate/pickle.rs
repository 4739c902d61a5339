//! Pickles, by opcode, and the storages beside them.

use super::bytes::{self, NUMBERS, repeats};
use crate::random::Random;

/// Instructions and parts of a state_dict.
const PARTS: [&[u8]; 40] = [
    b"N",
    b"(",
    b"t",
    b")",
    b"]",
    b"}",
    b"s",
    b"u",
    b"a",
    b"e",
    b"0",
    b"2",
    b"R",
    b"Q",
    b"b",
    b".",
    b"\x94",
    b"h\x00",
    b"q\x00",
    b"q\x01",
    b"j\x00\x00\x00\x00",
    b"r\xff\xff\xff\xff",
    b"\x85",
    b"\x86",
    b"\x87",
    b"\x88",
    b"\x93",
    b"K\x01",
    b"K\x00",
    b"M\xff\xff",
    b"J\xff\xff\xff\xff",
    b"X\x01\x00\x00\x00w",
    b"\x8c\x01w",
    b"X\xff\xff\xff\xff",
    b"ccollections\nOrderedDict\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch\nFloatStorage\n",
    b"cos\nsystem\n",
    b"X\x02\x00\x00\x0000",
    b"q\x07h\x07s",
];

pub fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    if data.first() != Some(&0x80) {
        // A storage or a mark, not a pickle.
        return bytes::mutate(data, random);
    }
    let place = 2 + random.below(data.len().saturating_sub(2));
    let place = place.min(data.len());
    match random.below(6) {
        0 => drop(data.splice(place..place, random.pick(&PARTS).iter().copied())),
        1 => {
            let part = *random.pick(&PARTS);
            let many = part.repeat(repeats(random, part.len()));
            data.splice(place..place, many);
        }
        2 => {
            let fresh = integer(*random.pick(&NUMBERS));
            let old = integers(data);
            if !old.is_empty() {
                let (at, len) = *random.pick(&old);
                data.splice(at..at + len, fresh);
            }
        }
        3 => drop(data.drain(random.range(data.len()))),
        4 => {
            let end = data.len().min(place + 1);
            data.splice(place..end, random.pick(&PARTS).iter().copied());
        }
        _ => bytes::mutate(data, random),
    }
}

/// An integer of 64 bits.
fn integer(value: u64) -> Vec<u8> {
    [&[0x8a, 8][..], &value.to_le_bytes()].concat()
}

/// What looks like a small integer, with its opcode: place and length.
fn integers(data: &[u8]) -> Vec<(usize, usize)> {
    let len = |code: u8| match code {
        b'K' => Some(2),
        b'M' => Some(3),
        b'J' => Some(5),
        _ => None,
    };
    let found = data.iter().enumerate().filter_map(|(at, &code)| Some((at, len(code)?)));
    found.filter(|(at, len)| at + len <= data.len()).collect()
}
