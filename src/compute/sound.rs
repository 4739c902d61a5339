//! Whether a device computes at all.

use super::{Backend, Element, Layout, MatMul, Result, Slice, SliceMut, Start, convert};

/// Rows, columns and depth of the product: less than a tile, and no multiple of its sides.
const SIDES: [usize; 3] = [19, 13, 23];

/// Multiplies two small matrices of whole numbers and adds the product to a third: every arithmetic gives the entries exactly.
/// `false` where one is wrong, as on an adapter that takes work and does none of it.
///
/// # Errors
///
/// The device fails.
pub fn is_sound<B: Backend>(backend: &B) -> Result<bool> {
    let [rows, columns, depth] = SIDES;
    let a = whole(rows * depth, 7);
    let b = whole(columns * depth, 11);
    let start = whole(rows * columns, 5);
    let upload = |values: &[f64]| backend.upload(&convert(values));
    let (left, right, mut out) = (upload(&a)?, upload(&b)?, upload(&start)?);
    let shape = MatMul { rows, columns, depth, layout: Layout::Transposed, start: Start::Output };
    let (left, right) = (Slice::new(&left, 0, a.len()), Slice::new(&right, 0, b.len()));
    backend.matmul(&shape, SliceMut::new(&mut out, 0, start.len()), left, right, None)?;
    let found = backend.download(Slice::new(&out, 0, start.len()))?;
    let right = |place: usize| {
        let (row, column) = (&a[place / columns * depth..][..depth], &b[place % columns * depth..][..depth]);
        start[place] + row.iter().zip(column).map(|(a, b)| a * b).sum::<f64>()
    };
    Ok(found.iter().enumerate().all(|(place, &value)| value.to_f64() == right(place)))
}

/// Whole numbers from -3 to 3, in no order that a wrong index would keep.
fn whole(count: usize, factor: usize) -> Vec<f64> {
    (0..count).map(|place| (place * factor % 17 % 7) as f64 - 3.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::CpuBackend;

    #[test]
    fn the_cpu_is_sound() {
        assert!(is_sound(&CpuBackend::<f32>::new()).is_ok_and(|sound| sound));
        assert!(is_sound(&CpuBackend::<f64>::new()).is_ok_and(|sound| sound));
    }
}
