//! Gradients through a convolution of stride 1, without its patches on the CPU.

use super::*;
use crate::compute::cpu::kernel::{WIDEST, Weighting, panels};
use crate::compute::cpu::memory;
use crate::compute::cpu::pack::{Packed, copy_line};
use crate::compute::cpu::tiles::{Shared, add, each_tile};
use std::ops::Range;
use std::sync::Arc;

/// A convolution of some images.
#[derive(Debug, Clone, Copy)]
pub struct Convolution {
    /// The window over the images.
    pub window: Window,
    /// Channels out.
    pub channels: usize,
    /// Images.
    pub rows: usize,
}

/// The gradient of a convolution with respect to its images, for a [dense](Window::is_dense) window. The arrays are
/// `(out, delta, weight)`: `delta` is `[rows, channels, positions]`, `weight` `[channels, patch]`. The same as
/// [`MatMul`](super::MatMul) and [`Col2im`](super::Col2im) but for rounding.
#[derive(Debug, Clone, Copy)]
pub struct ConvolveBackward {
    /// The convolution.
    pub convolution: Convolution,
}

impl Operation for ConvolveBackward {
    const NAME: &'static str = "convolve_backward";
    const ROUNDINGS: f64 = 150.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, delta, weight): &Self::Arrays<'_, T, I>) -> Result<()> {
        let Convolution { window, channels, rows } = self.convolution;
        let images = (out.len, rows * window.image());
        fit(
            Self::NAME,
            &[images, (delta.len, rows * channels * window.positions()), (weight.len, channels * window.patch())],
        )?;
        require(Self::NAME, window.is_dense(), "a stride, a padding or a dilation that it does not take")
    }

    fn cpu<E: Element>(
        &self,
        cpu: &CpuBackend<E>,
        (out, delta, weight): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        // The image's gradient is the correlation of δ with the turned weights. δ is laid out with a margin of zeros, so that for
        // every weight the pixels of all rows, margins included, are one run of neighbours: what the product's columns need.
        let (pool, out, delta, weight) = (cpu.pool(), view_mut(out)?, view(delta)?, view(weight)?);
        let Convolution { window, channels, .. } = &self.convolution;
        let ((tall, wide), positions, area) = (panels::<E>(), window.positions(), window.area());
        let depth = channels * area;
        let weights = Packed::lines(pool, tall, (window.channels, depth), |channel, k, part| {
            for (k, part) in (k..).zip(part) {
                *part = weight[k / area * window.patch() + channel * area + k % area];
            }
        })?;
        let margined = Margined::new(window);
        let columns = window.height * margined.width;
        let starts: Vec<usize> =
            (0..depth).map(|k| k / area * margined.len + margined.start(window, k % area)).collect();
        let each = out.par_chunks_mut(window.image()).zip(delta.par_chunks(channels * positions));
        each.try_for_each(|(image, delta)| {
            let spread = margined.spread(pool, delta, *channels)?;
            let pixels = Packed::panels(pool, wide, (columns, depth), |first, panel| {
                for (out, &start) in panel.chunks_exact_mut(wide).zip(&starts) {
                    copy_line(out, &spread[first + start..][..wide]);
                }
            })?;
            let image = Shared::new(image);
            each_tile(pool, (window.channels, columns, depth), |tile, sums| {
                add(tile, (&weights, &pixels), depth, Weighting::One, sums);
                for (channel, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                    for (columns, pixel) in margined.runs(window, tile.columns.clone()) {
                        let from = channel * window.height * window.width + pixel;
                        // SAFETY: tiles do not overlap.
                        let pixels = unsafe { image.part(from..from + columns.len()) };
                        pixels.copy_from_slice(&sums[columns.start - tile.columns.start..][..columns.len()]);
                    }
                }
            })
        })
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, delta, weight): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        // A transpose, a product and `col2im`, some images at a time: that bounds the patches.
        let Convolution { window, channels, rows } = self.convolution;
        let (positions, patch, image) = (window.positions(), window.patch(), window.image());
        let at_once = (gpu.stretch() / (positions * patch).max(1)).clamp(1, rows.max(1));
        let mut turned = gpu.scratch(at_once * positions * channels)?;
        let mut patches = gpu.scratch(at_once * positions * patch)?;
        let SliceMut { buffer, offset, .. } = out;
        for first in (0..rows).step_by(at_once) {
            let count = at_once.min(rows - first);
            let (deltas, unfolded) = (count * positions * channels, count * positions * patch);
            let some = delta.part(first * channels * positions, deltas);
            let order = Transpose { batches: count, rows: channels, columns: positions };
            gpu.run(&order, (front_mut(&mut turned, deltas), some))?;
            let (rows, start) = (count * positions, Start::Value(0.0));
            let product = MatMul { rows, columns: patch, depth: channels, layout: Layout::Plain, start };
            let (out, a) = (front_mut(&mut patches, unfolded), front(&turned, deltas));
            gpu.run(&product, MatMulArrays { out, a, b: weight, scale: None })?;
            let images = SliceMut::new(&mut *buffer, offset + first * image, count * image);
            gpu.run(&Col2im { window, rows: count }, (images, front(&patches, unfolded)))?;
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        Vec::new()
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = Window::square([2, 5, 7], 3, 1, 1);
        let (image, channels) = (window.image(), 3);
        let rows = trial.rows(image);
        let deltas = rows * channels * window.positions();
        let (delta, weight) = (trial.numbers(deltas)?, trial.numbers(channels * window.patch())?);
        let mut out = backend.zeros(rows * image)?;
        let operation = ConvolveBackward { convolution: Convolution { window, channels, rows } };
        trial.run(|| {
            let weight = front(&weight, channels * window.patch());
            backend.run(&operation, (front_mut(&mut out, rows * image), front(&delta, deltas), weight))
        })?;
        trial.wrote(&out, rows * image)
    }
}

/// One channel of δ with its margin.
pub(super) struct Margined {
    /// Of the window's output.
    out: (usize, usize),
    margin: [usize; 2],
    pub width: usize,
    /// Elements of a channel, with what the last panel reads beyond its end.
    pub len: usize,
}

impl Margined {
    pub fn new(window: &Window) -> Self {
        let ([down, across], padding) = (window.kernel, window.padding);
        let (rows, width) = (window.height + down - 1, window.width + across - 1);
        let margin = [down - 1 - padding[0], across - 1 - padding[1]];
        Self { out: (window.out_height(), window.out_width()), margin, width, len: rows * width + across + WIDEST }
    }

    /// Where the weight of a place in the kernel meets the first pixel.
    pub fn start(&self, window: &Window, place: usize) -> usize {
        let [down, across] = window.kernel;
        (down - 1 - place / across) * self.width + across - 1 - place % across
    }

    /// The pixels of a channel among some columns, row by row: what lies in the margin is none.
    pub fn runs(&self, window: &Window, columns: Range<usize>) -> impl Iterator<Item = (Range<usize>, usize)> {
        let (across, wide) = (self.width, window.width);
        (columns.start / across..columns.end.div_ceil(across)).filter_map(move |y| {
            let first = (y * across).max(columns.start);
            let last = (y * across + wide).min(columns.end);
            (first < last).then(|| (first..last, y * wide + first - y * across))
        })
    }

    /// The channels of one image's δ, each with its margin.
    pub fn spread<E: Element>(
        &self,
        pool: &Arc<memory::Pool<E>>,
        delta: &[E],
        channels: usize,
    ) -> Result<cpu::Buffer<E>> {
        let mut spread = pool.take(channels * self.len)?;
        spread.fill(E::ZERO);
        let (height, width) = self.out;
        for (channel, delta) in spread.chunks_mut(self.len).zip(delta.chunks(height * width)) {
            for (row, delta) in delta.chunks(width).enumerate() {
                channel[(row + self.margin[0]) * self.width + self.margin[1]..][..width].copy_from_slice(delta);
            }
        }
        Ok(spread)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        for (kernel, padding) in [(3, 1), (1, 0), (2, 1), (3, 0)] {
            let window = Window { kernel: [kernel, 3], ..Window::square([2, 4, 5], kernel, 1, padding) };
            let (rows, channels, positions, patch) = (3, 3, window.positions(), window.patch());
            let (delta, weight) = (numbers(1, rows * channels * positions), numbers(2, channels * patch));
            let operation = ConvolveBackward { convolution: Convolution { window, channels, rows } };
            let got = written(&vec![7.0; rows * window.image()], |cpu, out| {
                cpu.run(&operation, (out, held(&delta).all(), held(&weight).all()))
            });
            let mut want = vec![0.0; rows * window.image()];
            for (e, delta) in delta.iter().enumerate() {
                let (row, channel, position) = (e / positions / channels, e / positions % channels, e % positions);
                for entry in 0..patch {
                    if let Some(pixel) = pixel(&window, position, entry) {
                        want[row * window.image() + pixel] += delta * weight[channel * patch + entry];
                    }
                }
            }
            close(&got, |e| want[e]);
        }
    }
}
