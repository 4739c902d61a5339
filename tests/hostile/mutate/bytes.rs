//! Bytes of which nothing is known.

use crate::random::Random;

/// Numbers at which sizes go wrong.
pub const NUMBERS: [u64; 24] = [
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    64,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    100_000_000,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 40,
    1 << 60,
    (1 << 61) + 1,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX,
];

/// Bytes that a mutation adds at the most, now and then.
const LONG: usize = 1 << 18;

pub fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(data.len() + 1);
    match random.below(8) {
        0 => flip(data, random),
        1 => data.truncate(place),
        2 => drop(data.drain(random.range(data.len()))),
        3 => {
            let part = data[random.range(data.len())].to_vec();
            data.splice(place..place, part);
        }
        4 => {
            let part = data[random.range(data.len())].to_vec();
            let times = repeats(random, part.len());
            data.splice(place..place, part.repeat(times));
        }
        5 => {
            let fresh: Vec<u8> = (0..1 + random.below(8)).map(|_| random.next() as u8).collect();
            data.splice(place..place, fresh);
        }
        6 => (0..1 + random.below(8)).for_each(|_| flip(data, random)),
        _ => {
            let number = *random.pick(&NUMBERS);
            put(data, place, number, random);
        }
    }
}

/// How often a part is repeated: mostly a few times, sometimes very often.
pub fn repeats(random: &mut Random, len: usize) -> usize {
    let most = LONG / len.max(1);
    if random.once_in(16) { most } else { random.below(most.min(200)) }
}

fn flip(data: &mut [u8], random: &mut Random) {
    let place = random.below(data.len());
    if let Some(byte) = data.get_mut(place) {
        *byte ^= if random.once_in(2) { 1 << random.below(8) } else { random.next() as u8 };
    }
}

/// Overwrites a place with a number of 1, 2, 4 or 8 bytes in either order.
pub fn put(data: &mut [u8], place: usize, number: u64, random: &mut Random) {
    let size = 1 << random.below(4);
    let mut word = number.to_le_bytes()[..size].to_vec();
    if random.once_in(2) {
        word.reverse();
    }
    let end = data.len().min(place + size);
    if let Some(there) = data.get_mut(place..end) {
        there.copy_from_slice(&word[..there.len()]);
    }
}
