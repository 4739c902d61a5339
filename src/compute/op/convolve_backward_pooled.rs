//! Gradients through a convolution whose values are pooled as a whole.

use super::convolve_backward::Margined;
#[cfg(feature = "gpu")]
use super::outer_pooled::whole_delta;
use super::*;
use crate::compute::cpu::kernel::{Lane, Weighting, arch, panels};
use crate::compute::cpu::memory;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::{Shared, add, each_tile};
use pulp::{Simd, WithSimd};
use std::sync::Arc;

/// [`ConvolveBackward`] of a δ that the mean over all positions and an elementwise function hand back:
/// `δ[r, j, p] = delta[r, j] slopes[r % base, j, p] / positions`. Each channel's part of the images is made of its slopes once, for
/// all rows of a base row: the weights' places are summed first, and channels second.
#[derive(Debug, Clone, Copy)]
pub struct ConvolveBackwardPooled {
    /// The convolution, its images those of all rows. Its window is [dense](Window::is_dense).
    pub convolution: Convolution,
}

/// The arrays of [`ConvolveBackwardPooled`].
#[derive(Debug)]
pub struct ConvolveBackwardPooledArrays<'a, T> {
    /// The images' gradients.
    pub out: SliceMut<'a, T>,
    /// `[rows, channels]`.
    pub delta: Slice<'a, T>,
    /// `[base rows, channels, positions]`.
    pub slopes: Slice<'a, T>,
    /// `[channels, patch]`.
    pub weight: Slice<'a, T>,
}

impl Operation for ConvolveBackwardPooled {
    const NAME: &'static str = "convolve_backward_pooled";
    const ROUNDINGS: f64 = 150.0;

    type Arrays<'a, T: 'a, I: 'a> = ConvolveBackwardPooledArrays<'a, T>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let Convolution { window, channels, rows } = self.convolution;
        let ConvolveBackwardPooledArrays { out, delta, slopes, weight } = arrays;
        let lengths =
            [(out.len, rows * window.image()), (delta.len, rows * channels), (weight.len, channels * window.patch())];
        fit(Self::NAME, &lengths)?;
        let size = channels * window.positions();
        let whole = slopes.len > 0 && (rows * size).is_multiple_of(slopes.len) && slopes.len.is_multiple_of(size);
        require(Self::NAME, whole || rows == 0, "rows that are no copies of the base rows")?;
        require(Self::NAME, window.is_dense(), "a stride, a padding or a dilation that it does not take")
    }

    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let ConvolveBackwardPooledArrays { out, delta, slopes, weight } = arrays;
        let Convolution { window, channels, .. } = &self.convolution;
        let call = Call {
            pool: cpu.pool(),
            shape: &self.convolution,
            margined: Margined::new(window),
            delta: view(delta)?,
            weight: view(weight)?,
            out: Shared::new(view_mut(out)?),
        };
        let slopes = view(slopes)?;
        let size = channels * window.positions();
        let base = slopes.len() / size.max(1);
        slopes.par_chunks(size.max(1)).enumerate().try_for_each(|(row, slopes)| call.row((row, base), slopes))
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let ConvolveBackwardPooledArrays { out, delta, slopes, weight } = arrays;
        let Convolution { window, channels, rows } = self.convolution;
        let (height, width) = (window.out_height(), window.out_width());
        let side = [height, width];
        let pooled = Window { kernel: side, stride: side, ..Window::square([channels, height, width], 1, 1, 0) };
        let whole = whole_delta(gpu, &pooled, rows, delta, slopes)?;
        let delta = front(&whole, rows * pooled.image());
        gpu.run(&ConvolveBackward { convolution: self.convolution }, (out, delta, weight))
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        Vec::new()
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = Window::square([2, 5, 7], 3, 1, 1);
        let (channels, copies) = (3, 2);
        let base = trial.rows(copies * window.image());
        let rows = copies * base;
        let (deltas, slopes) = (rows * channels, base * channels * window.positions());
        let (delta, slope) = (trial.numbers(deltas)?, trial.numbers(slopes)?);
        let (weight, mut out) = (trial.numbers(channels * window.patch())?, backend.zeros(rows * window.image())?);
        let operation = ConvolveBackwardPooled { convolution: Convolution { window, channels, rows } };
        trial.run(|| {
            let out = front_mut(&mut out, rows * window.image());
            let (delta, slopes) = (front(&delta, deltas), front(&slope, slopes));
            let weight = front(&weight, channels * window.patch());
            backend.run(&operation, ConvolveBackwardPooledArrays { out, delta, slopes, weight })
        })?;
        trial.wrote(&out, rows * window.image())
    }
}

struct Call<'a, E: Element> {
    pool: &'a Arc<memory::Pool<E>>,
    shape: &'a Convolution,
    margined: Margined,
    delta: &'a [E],
    weight: &'a [E],
    out: Shared<'a, E>,
}

impl<E: Element> Call<'_, E> {
    /// Writes the images of all copies of a base row.
    fn row(&self, (row, base): (usize, usize), slopes: &[E]) -> Result<()> {
        let &Convolution { window, channels, rows } = self.shape;
        let ((tall, wide), copies, area) = (panels::<E>(), rows / base.max(1), window.area());
        let share = E::from_f64(1.0 / window.positions() as f64);
        let deltas = Packed::lines(self.pool, tall, (copies, channels), |copy, k, part| {
            let delta = &self.delta[(copy * base + row) * channels + k..][..part.len()];
            part.iter_mut().zip(delta).for_each(|(part, &delta)| *part = share * delta);
        })?;
        let spread = self.margined.spread(self.pool, slopes, channels)?;
        let starts: Vec<usize> = (0..area).map(|place| self.margined.start(&window, place)).collect();
        let columns = window.height * self.margined.width;
        for channel in 0..window.channels {
            // What each channel of the slopes makes of this one's pixels.
            let parts = Packed::panels(self.pool, wide, (columns, channels), |first, panel| {
                arch().dispatch(Places {
                    spread: &spread[first..],
                    channel: self.margined.len,
                    starts: &starts,
                    weight: &self.weight[channel * area..],
                    patch: window.patch(),
                    panel,
                });
            })?;
            each_tile(self.pool, (copies, columns, channels), |tile, sums| {
                add(tile, (&deltas, &parts), channels, Weighting::One, sums);
                for (copy, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                    let image = ((copy * base + row) * window.channels + channel) * window.height * window.width;
                    for (columns, pixel) in self.margined.runs(&window, tile.columns.clone()) {
                        // SAFETY: tiles do not overlap, and each base row has images of its own.
                        let pixels = unsafe { self.out.part(image + pixel..image + pixel + columns.len()) };
                        pixels.copy_from_slice(&sums[columns.start - tile.columns.start..][..columns.len()]);
                    }
                }
            })?;
        }
        Ok(())
    }
}

/// A panel of pixels, each the sum over the kernel's places, for every channel of δ.
struct Places<'a, E> {
    spread: &'a [E],
    /// From one channel of `spread` to the next.
    channel: usize,
    starts: &'a [usize],
    weight: &'a [E],
    /// From the weights of one channel to those of the next.
    patch: usize,
    panel: &'a mut [E],
}

impl<E: Lane> WithSimd for Places<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const ACROSS: usize = 2;
        let wide = ACROSS * size_of::<E::Of<S>>() / size_of::<E>();
        for (k, out) in E::lanes_mut::<S>(self.panel).as_chunks_mut::<ACROSS>().0.iter_mut().enumerate() {
            let (spread, weight) = (&self.spread[k * self.channel..], &self.weight[k * self.patch..]);
            let mut sums = [E::splat(simd, E::zeroed()); ACROSS];
            for (&start, &weight) in self.starts.iter().zip(weight) {
                let weight = E::splat(simd, weight);
                for (sum, &value) in sums.iter_mut().zip(E::lanes::<S>(&spread[start..][..wide])) {
                    *sum = E::mul_add(simd, weight, value, *sum);
                }
            }
            *out = sums;
        }
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
            let (base, channels, positions, patch) = (2, 3, window.positions(), window.patch());
            let rows = 3 * base;
            let (delta, weight) = (numbers(1, rows * channels), numbers(2, channels * patch));
            let slopes = numbers(3, base * channels * positions);
            let operation = ConvolveBackwardPooled { convolution: Convolution { window, channels, rows } };
            let got = written(&vec![7.0; rows * window.image()], |cpu, out| {
                let (delta, slopes, weight) = (held(&delta), held(&slopes), held(&weight));
                let (delta, slopes, weight) = (delta.all(), slopes.all(), weight.all());
                cpu.run(&operation, ConvolveBackwardPooledArrays { out, delta, slopes, weight })
            });
            let mut want = vec![0.0; rows * window.image()];
            for e in 0..rows * channels * positions {
                let (row, channel, position) = (e / positions / channels, e / positions % channels, e % positions);
                let slope = slopes[(row % base * channels + channel) * positions + position];
                let delta = delta[row * channels + channel] * slope / positions as f64;
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
