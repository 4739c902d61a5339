//! Gradients of a convolution's weights, materialised, where its values are pooled.

use super::outer::{Factors, groups, rows_of_output};
use super::*;
use crate::compute::cpu::kernel::{Weighting, arch, panels};
use crate::compute::cpu::memory;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::{Shared, add, each_tile};
use crate::compute::cpu::window::Places;
use std::sync::Arc;

/// [`Outer`] of a δ that a mean over windows and an elementwise function hand back:
/// `δ[r, p, i] = delta[r, i, P(p)] slopes[g(r), i, p] / area`, where P(p) is the one window that holds position p. What the rows of a
/// base row share is summed over each window once.
#[derive(Debug, Clone, Copy)]
pub struct OuterPooled {
    /// The gradients. It has as many positions as the window's images have pixels.
    pub outer: Outer,
    /// The window, which [cuts](Window::cuts) its images into parts, over as many channels as the gradients have features.
    pub window: Window,
}

/// The arrays of [`OuterPooled`].
#[derive(Debug)]
pub struct OuterPooledArrays<'a, T, I> {
    /// As for [`Outer`], with δ of the pooled values, `[rows, height, windows]`.
    pub rows: OuterArrays<'a, T, I>,
    /// `[base rows, height, positions]`.
    pub slopes: Slice<'a, T>,
}

/// Positions of a window from which on their sum is a packed product: a shorter one would be all packing.
const MANY: usize = 16;

impl Operation for OuterPooled {
    const NAME: &'static str = "outer_pooled";
    const ROUNDINGS: f64 = 80.0;

    type Arrays<'a, T: 'a, I: 'a> = OuterPooledArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let Self { outer: Outer { height, width, positions, .. }, window } = *self;
        let OuterPooledArrays { rows, slopes } = arrays;
        rows.check(Self::NAME, self.outer.row(), height * window.positions(), positions * width)?;
        let fits = height * width * positions > 0
            && window.cuts()
            && window.channels == height
            && window.height * window.width == positions;
        require(Self::NAME, fits, "a window that does not cut the positions into parts")?;
        require(Self::NAME, slopes.len == rows.map.base * height * positions, "slopes of other base rows")?;
        let mut inputs = rows.map.inputs.values().iter().enumerate();
        let in_order = inputs.all(|(row, &input)| input as usize == row % rows.map.base);
        require(Self::NAME, in_order, "gradient rows that are no copies of the base rows")
    }

    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let OuterPooledArrays { rows: OuterArrays { map, out, delta, input, preconditioner }, slopes } = arrays;
        let one = Window { channels: 1, ..self.window };
        let windows = Places::new(&one).pooled().map(|placed| placed.pixels().collect()).collect();
        let (factors, slopes) = (Factors::new(delta, input, preconditioner)?, view(slopes)?);
        let share = E::from_f64(1.0 / self.window.area() as f64);
        let call = Call {
            pool: cpu.pool(),
            shape: self,
            map,
            factors,
            slopes,
            windows,
            share,
            out: Shared::new(view_mut(out)?),
        };
        let groups: Vec<Vec<usize>> = groups(map).into_values().collect();
        groups.par_iter().try_for_each(|outputs| call.group(outputs))
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let OuterPooledArrays { rows: OuterArrays { map, out, delta, input, preconditioner }, slopes } = arrays;
        let len = map.rows * self.window.image();
        let whole = whole_delta(gpu, &self.window, map.rows, delta, slopes)?;
        let mut turned = gpu.scratch(len)?;
        let order = Transpose { batches: map.rows, rows: self.outer.height, columns: self.outer.positions };
        gpu.run(&order, (front_mut(&mut turned, len), front(&whole, len)))?;
        let delta = front(&turned, len);
        gpu.run(&self.outer, OuterArrays { map, out, delta, input, preconditioner })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        Vec::new()
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        for kernel in [[2, 3], [4, 6]] {
            let window = Window { kernel, stride: kernel, ..Window::square([3, 4, 6], 1, 1, 0) };
            let outer = Outer { height: 3, width: 5, positions: 24, bias: true, start: Start::Value(0.5) };
            let outputs = trial.rows(outer.row());
            let (base, copies) = (outputs.div_ceil(2), 2);
            let map = RowMap::each(backend, copies, base, 0.75)?;
            let (len, deltas) = (map.outputs * outer.row(), map.rows * 3 * window.positions());
            let (delta, input) = (trial.numbers(deltas)?, trial.numbers(base * 24 * 5)?);
            let (slopes, mut out) = (trial.numbers(base * window.image())?, backend.zeros(len)?);
            trial.run(|| {
                let (out, delta, input) =
                    (front_mut(&mut out, len), front(&delta, deltas), front(&input, base * 24 * 5));
                let rows = OuterArrays { map: &map, out, delta, input, preconditioner: None };
                let slopes = front(&slopes, base * window.image());
                backend.run(&OuterPooled { outer, window }, OuterPooledArrays { rows, slopes })
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

/// δ before pooling, `[rows, channels, positions]`: what each window's δ gives to its pixels, times their slopes.
#[cfg(feature = "gpu")]
pub(super) fn whole_delta(
    gpu: &GpuBackend,
    window: &Window,
    rows: usize,
    delta: Slice<'_, gpu::Buffer>,
    slopes: Slice<'_, gpu::Buffer>,
) -> Result<gpu::Buffer> {
    let len = rows * window.image();
    let (mut spread, mut whole) = (gpu.scratch(len)?, gpu.scratch(len)?);
    let back = PoolBackward { window: *window, kind: Pooling::Average, rows };
    gpu.run(&back, (front_mut(&mut spread, len), delta, slopes))?;
    gpu.run(&Multiply, (front_mut(&mut whole, len), front(&spread, len), slopes))?;
    Ok(whole)
}

struct Call<'a, E: Element> {
    pool: &'a Arc<memory::Pool<E>>,
    shape: &'a OuterPooled,
    map: &'a RowMap<cpu::Buffer<E>, Vec<u32>>,
    factors: Factors<'a, E>,
    slopes: &'a [E],
    /// The positions of each window.
    windows: Vec<Vec<usize>>,
    share: E,
    out: Shared<'a, E>,
}

impl<E: Element> Call<'_, E> {
    /// Writes the gradients of outputs that share their inputs.
    fn group(&self, outputs: &[usize]) -> Result<()> {
        let Outer { height, width, start, .. } = self.shape.outer;
        let (row, size) = (self.shape.outer.row(), height * self.windows.len());
        let mut shared = self.pool.take(self.windows.len() * row)?;
        let mut sums = self.pool.take(row)?;
        let places = rows_of_output(self.map, outputs[0]);
        if places.is_empty() {
            sums.fill(E::ZERO);
            outputs.iter().for_each(|&output| self.put(output, start, &sums));
        }
        for (number, place) in places.enumerate() {
            self.share(self.map.inputs[place] as usize, &mut shared)?;
            for &output in outputs {
                sums.fill(E::ZERO);
                let from = self.map.offsets[output] as usize + number;
                let omega = self.map.weights[from] * self.share;
                let delta = &self.factors.delta[from * size..][..size];
                arch().dispatch(
                    #[inline(always)]
                    || combine((height, width), (omega, delta), &shared, &mut sums),
                );
                self.factors.precondition(0, &mut sums);
                self.put(output, if number == 0 { start } else { Start::Output }, &sums);
            }
        }
        Ok(())
    }

    fn put(&self, output: usize, start: Start, sums: &[E]) {
        let row = self.shape.outer.row();
        // SAFETY: an output is in one group.
        super::matmul::put(start, unsafe { self.out.part(output * row..(output + 1) * row) }, sums);
    }

    /// For each window what a δ of 1 would make of a base row: `[windows, row]`.
    fn share(&self, base: usize, shared: &mut [E]) -> Result<()> {
        let Outer { height, width, positions, bias, .. } = self.shape.outer;
        let row = self.shape.outer.row();
        let slopes = &self.slopes[base * height * positions..][..height * positions];
        let input = &self.factors.input[base * positions * width..][..positions * width];
        for (window, shared) in self.windows.iter().zip(shared.chunks_mut(row.max(1))) {
            let (weights, biases) = shared.split_at_mut(height * width);
            if window.len() >= MANY {
                self.product((slopes, input), window, weights)?;
            } else {
                weights.fill(E::ZERO);
                arch().dispatch(
                    #[inline(always)]
                    || sum((slopes, input), (positions, width), window, weights),
                );
            }
            if bias {
                for (bias, slopes) in biases.iter_mut().zip(slopes.chunks(positions)) {
                    *bias = window.iter().map(|&position| slopes[position]).sum();
                }
            }
        }
        Ok(())
    }

    /// A window's sum as a packed product.
    fn product(&self, (slopes, input): (&[E], &[E]), window: &[usize], out: &mut [E]) -> Result<()> {
        let Outer { height, width, positions, .. } = self.shape.outer;
        let ((tall, wide), depth) = (panels::<E>(), window.len());
        let left = Packed::lines(self.pool, tall, (height, depth), |i, k, part| {
            let slopes = &slopes[i * positions..][..positions];
            part.iter_mut().zip(&window[k..]).for_each(|(part, &position)| *part = slopes[position]);
        })?;
        let right = Packed::columns(self.pool, wide, (width, depth), |k| &input[window[k] * width..][..width])?;
        let out = Shared::new(out);
        each_tile(self.pool, (height, width, depth), |tile, sums| {
            add(tile, (&left, &right), depth, Weighting::One, sums);
            for (i, sums) in tile.rows.clone().zip(sums.chunks(tile.width)) {
                // SAFETY: tiles do not overlap.
                let out = unsafe { out.part(i * width + tile.columns.start..i * width + tile.columns.end) };
                out.copy_from_slice(&sums[..out.len()]);
            }
        })
    }
}

/// A window's sum of few products.
#[inline(always)]
fn sum<E: Element>((slopes, input): (&[E], &[E]), (positions, width): (usize, usize), window: &[usize], out: &mut [E]) {
    for (slopes, out) in slopes.chunks(positions).zip(out.chunks_mut(width)) {
        for &position in window {
            let (slope, input) = (slopes[position], &input[position * width..][..width]);
            out.iter_mut().zip(input).for_each(|(out, &input)| *out += slope * input);
        }
    }
}

/// Adds to a gradient row what each window's δ makes of what is shared.
#[inline(always)]
fn combine<E: Element>((height, width): (usize, usize), (omega, delta): (E, &[E]), shared: &[E], sums: &mut [E]) {
    let (row, windows) = (sums.len(), delta.len() / height.max(1));
    let (weights, biases) = sums.split_at_mut(height * width);
    for (i, (weights, delta)) in weights.chunks_mut(width).zip(delta.chunks(windows)).enumerate() {
        for (&delta, shared) in delta.iter().zip(shared.chunks(row)) {
            let factor = omega * delta;
            weights.iter_mut().zip(&shared[i * width..][..width]).for_each(|(sum, &shared)| *sum += factor * shared);
        }
    }
    for (i, (bias, delta)) in biases.iter_mut().zip(delta.chunks(windows)).enumerate() {
        let shared = shared.chunks(row).map(|shared| shared[height * width + i]);
        *bias += delta.iter().zip(shared).map(|(&delta, shared)| omega * delta * shared).sum::<E>();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (offsets, inputs) = ([0, 2, 2, 3, 6], [0, 1, 2, 0, 1, 2]);
        let map = RowMap::new(&CpuBackend::new(), &offsets, &inputs, &numbers(9, 6)).expect("a map");
        let (height, width, positions) = (2, 3, 40);
        let input = numbers(2, map.base * positions * width);
        let slopes = numbers(3, map.base * height * positions);
        for (kernel, bias) in [([5, 8], true), ([1, 2], false), ([5, 4], true)] {
            let window = Window { kernel, stride: kernel, ..Window::square([height, 5, 8], 1, 1, 0) };
            let windows = window.positions();
            let delta = numbers(1, map.rows * height * windows);
            let outer = Outer { height, width, positions, bias, start: Start::Value(0.5) };
            let row = outer.row();
            let factors = numbers(4, row);
            let got = written(&vec![0.0; map.outputs * row], |cpu, out| {
                let (delta, input, slopes, factors) = (held(&delta), held(&input), held(&slopes), held(&factors));
                let preconditioner = Some(factors.all());
                let rows = OuterArrays { map: &map, out, delta: delta.all(), input: input.all(), preconditioner };
                cpu.run(&OuterPooled { outer, window }, OuterPooledArrays { rows, slopes: slopes.all() })
            });
            close(&got, |e| {
                let (output, within) = (e / row, e % row);
                let weight = within < height * width;
                let i = if weight { within / width } else { within - height * width };
                let mut sum = 0.0;
                for row in rows_of(&map, output) {
                    let base = map.inputs[row] as usize;
                    for p in 0..positions {
                        let holds =
                            (0..windows).find(|&at| pooled_pixels(&window, i * windows + at).contains(&(i * 40 + p)));
                        let delta = delta[(row * height + i) * windows + holds.expect("a window")];
                        let slope = slopes[(base * height + i) * positions + p];
                        let input = if weight { input[(base * positions + p) * width + within % width] } else { 1.0 };
                        sum += map.weights[row] * delta * slope * input / window.area() as f64;
                    }
                }
                0.5 + factors[within] * sum
            });
        }
    }
}
