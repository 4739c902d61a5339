//! Gradients of a weight matrix, materialised.

use super::matmul::put;
use super::*;
use crate::compute::cpu::kernel::{Weighting, panels};
use crate::compute::cpu::memory;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::{Shared, add, each_tile};
#[cfg(feature = "gpu")]
use crate::compute::gpu::{Constants, PRODUCTS, TileSize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Gradients of a weight matrix, materialised:
/// `out[o, i, j] = start + Σ_{r of o} ω_r Σ_p delta[r, p, i] input[g(r), p, j]`, followed, with a bias, by
/// `out[o, rows' bias i] = start + Σ ω_r Σ_p delta[r, p, i]`. Each output row is `[height, width]`, then `height` bias
/// entries where there is a bias: the layout of the layer's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Outer {
    /// Features of the gradient with respect to the layer's output.
    pub height: usize,
    /// Features of the layer's input.
    pub width: usize,
    /// Positions of each row.
    pub positions: usize,
    /// Whether the layer has a bias.
    pub bias: bool,
    /// What the rows are added to.
    pub start: Start,
}

impl Outer {
    /// Elements of one materialised row.
    pub fn row(&self) -> usize {
        self.height * self.width + if self.bias { self.height } else { 0 }
    }
}

/// The arrays of [`Outer`] and [`OuterDiagonal`](super::OuterDiagonal).
#[derive(Debug)]
pub struct OuterArrays<'a, T, I> {
    /// From gradient rows to outputs.
    pub map: &'a RowMap<T, I>,
    /// One materialised row an output.
    pub out: SliceMut<'a, T>,
    /// `[rows, positions, height]`.
    pub delta: Slice<'a, T>,
    /// `[base rows, positions, width]`.
    pub input: Slice<'a, T>,
    /// What is added to `start` is multiplied by it, element by element: one row, the same for every output.
    pub preconditioner: Option<Slice<'a, T>>,
}

impl Operation for Outer {
    const NAME: &'static str = "outer";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = OuterArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        arrays.check(Self::NAME, self.row(), self.positions * self.height, self.positions * self.width)
    }

    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let OuterArrays { map, out, .. } = arrays;
        let factors = Factors::new(arrays.delta, arrays.input, arrays.preconditioner)?;
        let call = Call { pool: cpu.pool(), shape: self, map, factors, out: Shared::new(view_mut(out)?) };
        let groups: Vec<Vec<usize>> = groups(map).into_values().collect();
        groups.par_iter().try_for_each(|outputs| call.group(outputs))
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { height, width, positions, .. } = self;
        let OuterArrays { map, out, delta, input, preconditioner } = arrays;
        let most = gpu.rows_of_a_submission(2.0 * (positions * height) as f64 * width as f64);
        let sizes = MapSizes { output: self.row(), row: positions * height, base: positions * width, most };
        let columns = width + usize::from(self.bias);
        let size = Size { rows: height, columns, depth: map.longest * positions, batches: map.outputs, summed: false };
        let arrays = Mapped { out: write(&out), left: read(delta), right: read(input) };
        let factors = preconditioner.map_or(gpu.nothing(), read);
        gpu.by_map(map, sizes, &arrays, &|block, arrays| {
            let dispatch = |tile: TileSize, outputs: usize, out: Bound<'_>| {
                let (down, across) = tile.grid(height, columns);
                let (first, first_row, first_base) = block.starts();
                let (keep, start) = start_numbers(self.start);
                let numbers = Numbers {
                    first,
                    first_row,
                    first_base,
                    outputs: outputs as u32,
                    height: height as u32,
                    width: width as u32,
                    positions: positions as u32,
                    bias: u32::from(self.bias),
                    across: across as u32,
                    down: down as u32,
                    keep,
                    start,
                    preconditioned: u32::from(preconditioner.is_some()),
                };
                gpu.context.dispatch(&Dispatch {
                    shader: Key { case: case(positions > 1), ..Key::tiled(Self::NAME, tile) },
                    arrays: &[&[out], &arrays[1..], &[factors]].concat(),
                    numbers: numbers.words(),
                    groups: outputs * down * across,
                    work: 2.0 * (block.rows.len() * positions) as f64 * (height * width) as f64,
                })
            };
            let tile = gpu.tile(Self::NAME, size, &|tile, rows| {
                // As many outputs as the rows that were asked for would make.
                let outputs = (block.outputs.len() * rows / height.max(1)).clamp(1, block.outputs.len());
                let scratch = gpu.scratch(outputs * self.row())?;
                dispatch(tile, outputs, Bound { written: true, ..Bound::whole(&scratch) })
            })?;
            dispatch(tile, block.outputs.len(), arrays[0])
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/outer.wgsl");
        let mut shaders = Shader::tiled::<Numbers>(Self::NAME, PRODUCTS, &[body]);
        shaders.iter_mut().for_each(|shader| shader.cases = [false, true].map(case).into());
        shaders
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (height, width, positions, start) = (3, 5, 2, Start::Value(0.5));
        let outer = Outer { height, width, positions, bias: true, start };
        let outputs = trial.rows(outer.row());
        let (len, map) = (outputs * outer.row(), trial.map(outputs)?);
        let (deltas, inputs) = (map.rows * positions * height, map.base * positions * width);
        let (delta, input) = (trial.numbers(deltas)?, trial.numbers(inputs)?);
        let (factors, mut out) = (trial.numbers(outer.row())?, backend.zeros(len)?);
        for preconditioner in [None, Some(front(&factors, outer.row()))] {
            trial.run(|| {
                let (out, delta, input) = (front_mut(&mut out, len), front(&delta, deltas), front(&input, inputs));
                backend.run(&outer, OuterArrays { map: &map, out, delta, input, preconditioner })
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

impl<T, I> OuterArrays<'_, T, I> {
    /// Fails unless an output has `row` elements, a gradient row `delta`, and a base row `input`.
    pub(super) fn check(&self, name: &str, row: usize, delta: usize, input: usize) -> Result<()> {
        let factors = self.preconditioner.map_or(row, |factors| factors.len);
        let lengths = [(self.out.len, self.map.outputs * row), (self.delta.len, self.map.rows * delta), (factors, row)];
        fit(name, &lengths)?;
        require(name, self.input.len >= self.map.base * input, "a base row lies beyond the array")
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        first: u32, first_row: u32, first_base: u32, outputs: u32, height: u32, width: u32, positions: u32, bias: u32,
        across: u32, down: u32, keep: u32, start: f32, preconditioned: u32,
    }
}

/// Whether rows have several positions.
#[cfg(feature = "gpu")]
fn case(several: bool) -> Constants {
    vec![("several", u32::from(several))]
}

/// What gradients are made of.
pub(super) struct Factors<'a, E> {
    pub delta: &'a [E],
    pub input: &'a [E],
    /// What every row is multiplied by.
    pub preconditioner: Option<&'a [E]>,
}

impl<'a, E: Element> Factors<'a, E> {
    /// The factors as plain slices.
    pub fn new(
        delta: Slice<'a, cpu::Buffer<E>>,
        input: Slice<'a, cpu::Buffer<E>>,
        preconditioner: Option<Slice<'a, cpu::Buffer<E>>>,
    ) -> Result<Self> {
        let preconditioner = preconditioner.map(view).transpose()?;
        Ok(Self { delta: view(delta)?, input: view(input)?, preconditioner })
    }

    /// Multiplies some sums, whose places in a row begin at `from`.
    pub fn precondition(&self, from: usize, sums: &mut [E]) {
        if let Some(factors) = self.preconditioner {
            sums.iter_mut().zip(&factors[from..]).for_each(|(sum, &factor)| *sum = factor * *sum);
        }
    }
}

/// The rows of an output.
pub(super) fn rows_of_output<E: Element>(map: &RowMap<cpu::Buffer<E>, Vec<u32>>, output: usize) -> Range<usize> {
    map.offsets[output] as usize..map.offsets[output + 1] as usize
}

/// Outputs whose rows have the same inputs: one product serves them all.
pub(super) fn groups<E: Element>(map: &RowMap<cpu::Buffer<E>, Vec<u32>>) -> BTreeMap<&[u32], Vec<usize>> {
    let mut groups: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
    for output in 0..map.outputs {
        groups.entry(&map.inputs[rows_of_output(map, output)]).or_default().push(output);
    }
    groups
}

struct Call<'a, E: Element> {
    pool: &'a Arc<memory::Pool<E>>,
    shape: &'a Outer,
    map: &'a RowMap<cpu::Buffer<E>, Vec<u32>>,
    factors: Factors<'a, E>,
    out: Shared<'a, E>,
}

impl<E: Element> Call<'_, E> {
    /// Writes the gradients of outputs that share their inputs: the product of their δ, one below the other and each
    /// times its row's weight, with those inputs.
    fn group(&self, outputs: &[usize]) -> Result<()> {
        let &Outer { height, width, positions, .. } = self.shape;
        let (tall, wide) = panels::<E>();
        let inputs = rows_of_output(self.map, outputs[0]);
        let depth = inputs.len() * positions;
        let lines = outputs.len() * height;
        let left = Packed::panels(self.pool, tall, (lines, depth), |first, panel| {
            // Neighbouring lines of one output lie side by side.
            let mut line = first;
            while line < (first + tall).min(lines) {
                let end = (line / height * height + height).min(first + tall);
                let start = self.map.offsets[outputs[line / height]] as usize;
                for (number, out) in panel.chunks_exact_mut(tall * positions).enumerate() {
                    let row = start + number;
                    let omega = self.map.weights[row];
                    let delta =
                        self.factors.delta[row * positions * height..][..positions * height].chunks_exact(height);
                    for (out, delta) in out.chunks_exact_mut(tall).zip(delta) {
                        let delta = &delta[line % height..][..end - line];
                        let out = &mut out[line - first..end - first];
                        out.iter_mut().zip(delta).for_each(|(out, &delta)| *out = omega * delta);
                    }
                }
                line = end;
            }
            let filled = lines.saturating_sub(first).min(tall);
            panel.chunks_exact_mut(tall).for_each(|out| out[filled..].fill(E::ZERO));
        })?;
        let right = Packed::columns(self.pool, wide, (width, depth), |k| {
            let base = self.map.inputs[inputs.start + k / positions] as usize;
            &self.factors.input[(base * positions + k % positions) * width..][..width]
        })?;
        each_tile(self.pool, (lines, width, depth), |tile, sums| {
            add(tile, (&left, &right), depth, Weighting::One, sums);
            for (line, sums) in tile.rows.clone().zip(sums.chunks_mut(tile.width)) {
                let within = line % height * width;
                self.factors.precondition(within + tile.columns.start, &mut sums[..tile.columns.len()]);
                let from = outputs[line / height] * self.shape.row() + within;
                // SAFETY: tiles do not overlap, and an output is in one group.
                let out = unsafe { self.out.part(from + tile.columns.start..from + tile.columns.end) };
                put(self.shape.start, out, sums);
            }
        })?;
        if self.shape.bias {
            outputs.iter().for_each(|&output| self.biases(output));
        }
        Ok(())
    }

    /// The sums of an output's δ.
    fn biases(&self, output: usize) {
        let &Outer { height, positions, .. } = self.shape;
        let mut sums = vec![E::ZERO; height];
        for row in rows_of_output(self.map, output) {
            let omega = self.map.weights[row];
            for delta in self.factors.delta[row * positions * height..][..positions * height].chunks(height) {
                sums.iter_mut().zip(delta).for_each(|(sum, &delta)| *sum += omega * delta);
            }
        }
        self.factors.precondition(self.shape.row() - height, &mut sums);
        let end = (output + 1) * self.shape.row();
        // SAFETY: beyond the weights of the output, which is in one group.
        put(self.shape.start, unsafe { self.out.part(end - height..end) }, &sums);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (map, height, width, positions) = (map(), 2, 3, 2);
        let (delta, input) = (numbers(1, map.rows * positions * height), numbers(2, map.base * positions * width));
        for bias in [false, true] {
            let outer = Outer { height, width, positions, bias, start: Start::Value(0.5) };
            let row = outer.row();
            let factors = numbers(3, row);
            let got = written(&vec![0.0; map.outputs * row], |cpu, out| {
                let (delta, input, factors) = (held(&delta), held(&input), held(&factors));
                let preconditioner = Some(factors.all());
                let (delta, input) = (delta.all(), input.all());
                cpu.run(&outer, OuterArrays { map: &map, out, delta, input, preconditioner })
            });
            close(&got, |e| {
                let (output, within) = (e / row, e % row);
                let (i, j) = if within < height * width {
                    (within / width, Some(within % width))
                } else {
                    (within - height * width, None)
                };
                let mut sum = 0.0;
                for row in rows_of(&map, output) {
                    for p in 0..positions {
                        let base = map.inputs[row] as usize * positions + p;
                        let input = j.map_or(1.0, |j| input[base * width + j]);
                        sum += map.weights[row] * delta[(row * positions + p) * height + i] * input;
                    }
                }
                0.5 + factors[within] * sum
            });
        }
    }
}
