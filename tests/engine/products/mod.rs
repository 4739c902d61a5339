//! The CPU's matrix products against plain loops in f64: sizes at and around the edges of its panels (6 or 12 rows; 8,
//! 16 or 32 columns), of its tiles (96 rows, 256 columns) and of the depth that it sums at a time (256).

mod gram;
mod matmul;
mod outer;

use pathkernel::compute::cpu::{Buffer, CpuBackend};
use pathkernel::compute::{Backend, Element, Slice, SliceMut};

fn upload<E: Element>(values: &[f64]) -> Buffer<E> {
    let values: Vec<E> = values.iter().map(|&value| E::from_f64(value)).collect();
    CpuBackend::new().upload(&values).expect("room")
}

fn whole<E: Element>(values: &Buffer<E>) -> Slice<'_, Buffer<E>> {
    Slice::new(values, 0, values.len())
}

fn whole_mut<E: Element>(values: &mut Buffer<E>) -> SliceMut<'_, Buffer<E>> {
    let len = values.len();
    SliceMut::new(values, 0, len)
}

fn wide<E: Element>(values: &[E]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

/// What `count` roundings of an element, and as many of the loops, are of an entry's size.
fn bound<E: Element>(count: usize) -> f64 {
    let unit = if E::NAME == "f32" { f64::from(f32::EPSILON) } else { f64::EPSILON } / 2.0;
    count as f64 * (unit + f64::EPSILON / 2.0)
}
