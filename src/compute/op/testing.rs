//! What the operations' tests share: arrays in f64 on the CPU, and plain loops over indices.

pub use crate::random::numbers;

use super::{Backend, CpuBackend, Result, RowMap, Slice, SliceMut, Window, cpu};
use std::ops::Range;

/// An array on the CPU, in the middle of a buffer.
pub struct Held(cpu::Buffer<f64>);

/// Elements before and after.
const AROUND: usize = 2;

/// An array of these values.
pub fn held(values: &[f64]) -> Held {
    let around = [f64::NAN; AROUND];
    Held(CpuBackend::new().upload(&[&around, values, &around].concat()).expect("room"))
}

impl Held {
    pub fn all(&self) -> Slice<'_, cpu::Buffer<f64>> {
        Slice::new(&self.0, AROUND, self.0.len() - 2 * AROUND)
    }

    pub fn all_mut(&mut self) -> SliceMut<'_, cpu::Buffer<f64>> {
        let len = self.0.len() - 2 * AROUND;
        SliceMut::new(&mut self.0, AROUND, len)
    }

    pub fn values(&self) -> Vec<f64> {
        self.0[AROUND..self.0.len() - AROUND].to_vec()
    }
}

/// What an array holds after a run.
pub fn written(
    before: &[f64],
    run: impl FnOnce(&CpuBackend<f64>, SliceMut<'_, cpu::Buffer<f64>>) -> Result<()>,
) -> Vec<f64> {
    let mut out = held(before);
    run(&CpuBackend::new(), out.all_mut()).expect("arrays that fit");
    out.values()
}

/// Fails unless every entry is what it should be, but for some roundings.
pub fn close(got: &[f64], want: impl Fn(usize) -> f64) {
    for (e, &got) in got.iter().enumerate() {
        let want = want(e);
        assert!((got - want).abs() <= 1e-13 * (1.0 + want.abs()), "entry {e} is {got} instead of {want}");
    }
}

/// The pixel of an image that is an entry of the patch at a position; none in the padding.
pub fn pixel(window: &Window, position: usize, entry: usize) -> Option<usize> {
    let (channel, within) = (entry / window.area(), entry % window.area());
    let entries = [within / window.kernel[1], within % window.kernel[1]];
    let corner = [position / window.out_width(), position % window.out_width()];
    let along = |axis: usize, side: usize| {
        let place = corner[axis] * window.stride[axis] + entries[axis] * window.dilation[axis];
        place.checked_sub(window.padding[axis]).filter(|&place| place < side)
    };
    let (row, column) = (along(0, window.height)?, along(1, window.width)?);
    Some((channel * window.height + row) * window.width + column)
}

/// The pixels of an image that make up an entry of the pooled image, row by row.
pub fn pooled_pixels(window: &Window, entry: usize) -> Vec<usize> {
    let area = window.area();
    let (channel, position) = (entry / window.positions(), entry % window.positions());
    (channel * area..(channel + 1) * area).filter_map(|entry| pixel(window, position, entry)).collect()
}

/// A map of four outputs with 2, 0, 1 and 3 rows of 3 base rows.
pub fn map() -> RowMap<cpu::Buffer<f64>, Vec<u32>> {
    let (offsets, inputs) = ([0, 2, 2, 3, 6], [1, 0, 2, 2, 0, 1]);
    RowMap::new(&CpuBackend::new(), &offsets, &inputs, &numbers(9, 6)).expect("a map")
}

/// The rows of an output.
pub fn rows_of(map: &RowMap<cpu::Buffer<f64>, Vec<u32>>, output: usize) -> Range<usize> {
    map.offsets[output] as usize..map.offsets[output + 1] as usize
}
