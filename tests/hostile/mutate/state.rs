//! State files: named arrays, and a checksum of them all.

use super::bytes::{self, NUMBERS, repeats};
use crate::random::Random;

const MAGIC: usize = b"pathkernel state 1\n".len();
const CHECKSUM: usize = 4;

/// An array: its name, the size of its elements, how many it says that there are, and the elements.
struct Named {
    name: Vec<u8>,
    size: u8,
    count: u64,
    elements: Vec<u8>,
}

/// The arrays of a file, as far as it has any.
fn arrays(mut rest: &[u8]) -> Vec<Named> {
    let mut arrays = Vec::new();
    while let Some((&[len, size, ref count @ ..], after)) = rest.split_first_chunk::<10>() {
        let count = u64::from_le_bytes(*count);
        let (name, after) = after.split_at(after.len().min(len as usize));
        let bytes = count.saturating_mul(u64::from(size)).min(after.len() as u64) as usize;
        let (elements, after) = after.split_at(bytes);
        arrays.push(Named { name: name.to_vec(), size, count, elements: elements.to_vec() });
        rest = after;
    }
    arrays
}

fn joined(magic: &[u8], arrays: &[Named]) -> Vec<u8> {
    let mut data = magic.to_vec();
    for Named { name, size, count, elements } in arrays {
        data.extend([name.len() as u8, *size]);
        data.extend(count.to_le_bytes());
        data.extend(name);
        data.extend(elements);
    }
    data.extend([0; CHECKSUM]);
    data
}

/// Makes the checksum right: what comes after it is to be tried as well.
pub fn seal(data: &mut [u8]) {
    if let Some(end) = data.len().checked_sub(CHECKSUM) {
        let checksum = crc32c::crc32c(&data[..end]);
        data[end..].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Changes an array or their order, or some bytes, under a checksum that is mostly right.
pub fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    if data.len() > MAGIC + CHECKSUM && !random.once_in(8) {
        let (magic, rest) = data[..data.len() - CHECKSUM].split_at(MAGIC);
        let mut all = arrays(rest);
        change(&mut all, random);
        *data = joined(magic, &all);
    } else {
        bytes::mutate(data, random);
    }
    if !random.once_in(16) {
        seal(data);
    }
}

fn change(arrays: &mut Vec<Named>, random: &mut Random) {
    let place = random.below(arrays.len());
    let other = random.below(arrays.len());
    let Some(array) = arrays.get_mut(place) else { return };
    match random.below(12) {
        0 => array.count = *random.pick(&NUMBERS),
        1 => array.size = *random.pick(&[0, 1, 2, 4, 8, 16, 255]),
        2 => bytes::mutate(&mut array.name, random),
        3 => drop(arrays.remove(place)),
        4 => arrays.swap(place, other),
        5 => resize(array, 0),
        6 => resize(array, array.count.saturating_sub(1)),
        7 => resize(array, array.count.saturating_add(1 + repeats(random, 8) as u64)),
        _ => element(array, random),
    }
    arrays.iter_mut().for_each(|array| array.name.truncate(255));
}

fn resize(array: &mut Named, count: u64) {
    let count = count.min(1 << 16);
    array.elements.resize(count as usize * array.size as usize, 0);
    array.count = count;
}

/// Overwrites an element with a whole number, or with one that is none.
fn element(array: &mut Named, random: &mut Random) {
    let size = array.size as usize;
    if size == 0 || array.elements.len() < size {
        return;
    }
    let start = random.below(array.elements.len() / size) * size;
    let odd = *random.pick(&[f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 0.5, 3.0]);
    let word = match (random.once_in(2), size) {
        (true, 4) => u64::from((odd as f32).to_bits()),
        (true, _) => odd.to_bits(),
        (false, _) => *random.pick(&NUMBERS),
    };
    let size = size.min(8);
    array.elements[start..start + size].copy_from_slice(&word.to_le_bytes()[..size]);
}
