//! Factors of gradient rows that meet through a preconditioner.

use super::*;
use crate::compute::BackendError;
use crate::compute::cpu::kernel::{Weighting, panels};
use crate::compute::cpu::pack::{Packed, Panels, put_line};
use crate::compute::cpu::tiles::{Tile, add_panels};
use std::ops::Range;

/// Two sides' factors of a linear layer of one position, whose inputs are the same for all outputs, met through a preconditioner D:
///
/// ```text
/// out[(c, q), i] += scale Σ_h delta[(c, q), h] momentum[i, h] (Σ_j D[h, j] queries[q, j] examples[i, j] + D[h])
/// ```
///
/// The sum over j is the same for all outputs.
#[derive(Debug, Clone, Copy)]
pub struct Preconditioned {
    /// R: gradient rows of a query.
    pub outputs: usize,
    /// Queries.
    pub queries: usize,
    /// Examples.
    pub examples: usize,
    /// Features out of the layer.
    pub height: usize,
    /// Features into it.
    pub width: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// What the sums are multiplied by.
    pub scale: f64,
}

/// The arrays of [`Preconditioned`].
#[derive(Debug)]
pub struct PreconditionedArrays<'a, T> {
    /// `[R, queries, examples]`.
    pub out: SliceMut<'a, T>,
    /// `[R, queries, height]`.
    pub delta: Slice<'a, T>,
    /// `[examples, height]`.
    pub momentum: Slice<'a, T>,
    /// `[queries, width]`.
    pub queries: Slice<'a, T>,
    /// `[examples, width]`.
    pub examples: Slice<'a, T>,
    /// D, `[height, width]`, then `[height]` for a bias.
    pub preconditioner: Slice<'a, T>,
}

/// Rows of D that meet a query's input at once: with a panel of examples they stay in the caches. A constant, since it decides the
/// order of sums.
const ROWS: usize = 96;
/// Examples that one thread takes at once: for each part of them D is multiplied by a query's input anew.
const EXAMPLES: usize = 512;

impl Operation for Preconditioned {
    const NAME: &'static str = "preconditioned";
    const ROUNDINGS: f64 = 600.0;

    type Arrays<'a, T: 'a, I: 'a> = PreconditionedArrays<'a, T>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let &Self { outputs, queries, examples, height, width, bias, .. } = self;
        let rows = outputs * queries;
        fit(
            Self::NAME,
            &[
                (arrays.out.len, rows * examples),
                (arrays.delta.len, rows * height),
                (arrays.momentum.len, examples * height),
                (arrays.queries.len, queries * width),
                (arrays.examples.len, examples * width),
                (arrays.preconditioner.len, height * (width + usize::from(bias))),
            ],
        )
    }

    fn cpu<E: Element>(&self, cpu: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let &Self { outputs, queries, examples, .. } = self;
        if outputs * queries * examples * self.height == 0 {
            return Ok(());
        }
        let parts = examples.div_ceil(EXAMPLES);
        let factors = Factors::new(self, cpu, &arrays)?;
        // The lines of each query's outputs, by parts of examples.
        let mut lines: Vec<Vec<&mut [E]>> = (0..queries * parts).map(|_| Vec::with_capacity(outputs)).collect();
        for (row, line) in view_mut(arrays.out)?.chunks_mut(examples).enumerate() {
            for (part, line) in line.chunks_mut(EXAMPLES).enumerate() {
                lines[row % queries * parts + part].push(line);
            }
        }
        let scratch = || factors.scratch(cpu);
        let add = |scratch: &mut Result<Scratch<E>>, (place, lines): (usize, Vec<&mut [E]>)| {
            let scratch = scratch.as_mut().map_err(|_| BackendError::OutOfMemory("no room for a tile".into()))?;
            factors.add(place / parts, place % parts * EXAMPLES, scratch, lines);
            Ok(())
        };
        lines.into_par_iter().enumerate().map_init(scratch, add).collect()
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { outputs, queries, examples, .. } = self;
        if outputs * queries * examples == 0 {
            return Ok(());
        }
        let mut waiting = vec![Block { outputs: 0..outputs, queries: 0..queries, examples: 0..examples }];
        while let Some(block) = waiting.pop() {
            match block.split(self, gpu) {
                Some((first, second)) => waiting.extend([second, first]),
                None => block.run(self, gpu, &arrays)?,
            }
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/preconditioned.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (outputs, examples, height, width) = (9, 5, 7, 3);
        let queries = trial.rows(outputs * examples);
        let (rows, len) = (outputs * queries, outputs * queries * examples);
        for bias in [true, false] {
            let own = height * (width + usize::from(bias));
            let (delta, momentum) = (trial.numbers(rows * height)?, trial.numbers(examples * height)?);
            let (left, right) = (trial.numbers(queries * width)?, trial.numbers(examples * width)?);
            let (held, mut out) = (trial.numbers(own)?, trial.numbers(len)?);
            trial.run(|| {
                let arrays = PreconditionedArrays {
                    out: front_mut(&mut out, len),
                    delta: front(&delta, rows * height),
                    momentum: front(&momentum, examples * height),
                    queries: front(&left, queries * width),
                    examples: front(&right, examples * width),
                    preconditioner: front(&held, own),
                };
                backend.run(&Self { outputs, queries, examples, height, width, bias, scale: -0.5 }, arrays)
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

/// The factors as the CPU's kernel takes them.
struct Factors<'a, E: Element> {
    own: Preconditioned,
    /// D by lines of the layer's features, the bias last in each.
    matrix: Packed<E>,
    /// The examples' inputs, each with a 1 for the bias.
    inputs: Packed<E>,
    momentum: Packed<E>,
    /// δ by queries, whose outputs fill whole panels.
    delta: Packed<E>,
    queries: &'a [E],
}

/// What a thread works with.
struct Scratch<E: Element> {
    /// Rows of D times a query's input.
    left: cpu::Buffer<E>,
    /// What they make of a panel of examples, times the momentum.
    met: cpu::Buffer<E>,
    /// The sums of a part, panel by panel.
    sums: cpu::Buffer<E>,
}

impl<'a, E: Element> Factors<'a, E> {
    fn new(
        own: &Preconditioned,
        cpu: &CpuBackend<E>,
        arrays: &PreconditionedArrays<'a, cpu::Buffer<E>>,
    ) -> Result<Self> {
        let &Preconditioned { outputs, queries, examples, height, width, .. } = own;
        let (pool, (tall, wide)) = (cpu.pool(), panels::<E>());
        let (held, delta) = (view(arrays.preconditioner)?, view(arrays.delta)?);
        let (momentum, inputs) = (view(arrays.momentum)?, view(arrays.examples)?);
        let (weights, biases) = held.split_at(height * width);
        let of_query = outputs.next_multiple_of(tall);
        Ok(Self {
            own: *own,
            matrix: Packed::lines_in(pool, tall, (height, own.depth()), own.depth(), |row, k, out| {
                put_line(&weights[row * width..][..width], biases.get(row).copied().unwrap_or(E::ZERO), k, out);
            })?,
            inputs: Packed::lines_in(pool, wide, (examples, own.depth()), own.depth(), |example, k, out| {
                put_line(&inputs[example * width..][..width], E::ONE, k, out);
            })?,
            momentum: Packed::lines_in(pool, wide, (examples, height), ROWS, |example, k, out| {
                out.copy_from_slice(&momentum[example * height + k..][..out.len()]);
            })?,
            delta: Packed::lines_in(pool, tall, (queries * of_query, height), ROWS, |line, k, out| {
                let (query, output) = (line / of_query, line % of_query);
                if output < outputs {
                    out.copy_from_slice(&delta[(output * queries + query) * height + k..][..out.len()]);
                } else {
                    out.fill(E::ZERO);
                }
            })?,
            queries: view(arrays.queries)?,
        })
    }

    fn scratch(&self, cpu: &CpuBackend<E>) -> Result<Scratch<E>> {
        let (pool, (tall, wide)) = (cpu.pool(), panels::<E>());
        let examples = self.own.examples.min(EXAMPLES).next_multiple_of(wide);
        let rows = ROWS.min(self.own.height.next_multiple_of(tall));
        Ok(Scratch {
            left: pool.take(rows * self.own.depth())?,
            met: pool.take(rows * wide)?,
            sums: pool.take(self.own.outputs.next_multiple_of(tall) * examples)?,
        })
    }

    /// Adds what a query and the examples from `first` on have, to the line of each output.
    fn add(&self, query: usize, first: usize, scratch: &mut Scratch<E>, lines: Vec<&mut [E]>) {
        let (&Preconditioned { outputs, height, .. }, (tall, wide)) = (&self.own, panels::<E>());
        let (depth, of_query) = (self.own.depth(), outputs.next_multiple_of(tall));
        let examples = lines.first().map_or(0, |line| line.len());
        let Scratch { left, met, sums } = scratch;
        sums.fill(E::ZERO);
        for from in (0..height).step_by(ROWS) {
            let rows = from..height.min(from + ROWS);
            self.meet(query, &rows, left);
            for panel in 0..examples.div_ceil(wide) {
                let line = first + panel * wide;
                let momentum = self.momentum.stretch(line, from);
                // What no batch has had yet adds nothing.
                if momentum.values[..rows.len() * wide].iter().all(|&value| value == E::ZERO) {
                    continue;
                }
                met.fill(E::ZERO);
                let tile = |rows: usize| Tile { rows: 0..rows, columns: 0..wide, width: wide };
                let of_rows = Panels { values: &left[..], panel: depth * tall };
                let weighting = Weighting::Each { weights: momentum };
                add_panels(&tile(rows.len()), (of_rows, self.inputs.stretch(line, 0)), depth, weighting, met);
                let delta = self.delta.stretch(query * of_query, from);
                let (met, sums) = (Panels { values: &met[..], panel: 0 }, &mut sums[panel * of_query * wide..]);
                add_panels(&tile(outputs), (delta, met), rows.len(), Weighting::One, &mut sums[..of_query * wide]);
            }
        }
        let scale = E::from_f64(self.own.scale);
        for (output, line) in lines.into_iter().enumerate() {
            for (panel, out) in line.chunks_mut(wide).enumerate() {
                let sums = &sums[(panel * of_query + output) * wide..];
                out.iter_mut().zip(sums).for_each(|(out, &sum)| *out += scale * sum);
            }
        }
    }

    /// Rows of D times a query's input, in panels.
    fn meet(&self, query: usize, rows: &Range<usize>, out: &mut [E]) {
        let (width, (tall, _)) = (self.own.width, panels::<E>());
        let input = &self.queries[query * width..][..width];
        let panel = self.own.depth() * tall;
        for (number, out) in out.chunks_exact_mut(panel.max(1)).take(rows.len().div_ceil(tall)).enumerate() {
            let matrix = self.matrix.stretch(rows.start + number * tall, 0).values;
            let inputs = input.iter().copied().chain(std::iter::once(E::ONE));
            for ((out, matrix), x) in out.chunks_exact_mut(tall).zip(matrix.chunks_exact(tall)).zip(inputs) {
                out.iter_mut().zip(matrix).for_each(|(out, &factor)| *out = factor * x);
            }
        }
    }
}

impl Preconditioned {
    /// Multiply-adds of the sum that all outputs share, the bias's among them.
    fn depth(&self) -> usize {
        self.width + usize::from(self.bias)
    }
}

/// What one dispatch adds to.
#[cfg(feature = "gpu")]
struct Block {
    outputs: Range<usize>,
    queries: Range<usize>,
    examples: Range<usize>,
}

/// Outputs that an invocation sums at once, as in `shaders/op/preconditioned.wgsl`.
#[cfg(feature = "gpu")]
const AT_ONCE: usize = 8;

#[cfg(feature = "gpu")]
impl Block {
    /// Elements from the first row of an array `[R, queries, length]` to the last, all of the latter's.
    fn rows(&self, own: &Preconditioned) -> usize {
        (self.outputs.len() - 1) * own.queries + self.queries.len()
    }

    /// The first of its rows.
    fn first(&self, own: &Preconditioned) -> usize {
        self.outputs.start * own.queries + self.queries.start
    }

    fn work(&self, own: &Preconditioned) -> f64 {
        let shared = self.outputs.len().div_ceil(AT_ONCE) * own.width + self.outputs.len();
        2.0 * (self.queries.len() * self.examples.len()) as f64 * (own.height * shared) as f64
    }

    /// Halves a block that is too large for a binding or a submission.
    fn split(&self, own: &Preconditioned, gpu: &GpuBackend) -> Option<(Self, Self)> {
        let limit = gpu.context.binding;
        let halves = |range: &Range<usize>| {
            let middle = range.start + range.len() / 2;
            (range.start..middle, middle..range.end)
        };
        let of_examples = self.examples.len() * own.height.max(own.width) > limit;
        let of_rows = self.rows(own) * own.height.max(own.examples) > limit || self.queries.len() * own.width > limit;
        if of_examples && self.examples.len() > 1 {
            let (first, second) = halves(&self.examples);
            let with = |examples| Self { examples, outputs: self.outputs.clone(), queries: self.queries.clone() };
            return Some((with(first), with(second)));
        }
        if !of_rows && self.work(own) <= gpu.context.most_work {
            return None;
        }
        if self.outputs.len() > 1 && (of_rows || self.outputs.len() > AT_ONCE) {
            let (first, second) = halves(&self.outputs);
            let with = |outputs| Self { outputs, queries: self.queries.clone(), examples: self.examples.clone() };
            return Some((with(first), with(second)));
        }
        if self.queries.len() > 1 {
            let (first, second) = halves(&self.queries);
            let with = |queries| Self { queries, outputs: self.outputs.clone(), examples: self.examples.clone() };
            return Some((with(first), with(second)));
        }
        (self.examples.len() > 1).then(|| {
            let (first, second) = halves(&self.examples);
            let with = |examples| Self { examples, outputs: self.outputs.clone(), queries: self.queries.clone() };
            (with(first), with(second))
        })
    }

    fn run(
        &self,
        own: &Preconditioned,
        gpu: &GpuBackend,
        arrays: &PreconditionedArrays<'_, gpu::Buffer>,
    ) -> Result<()> {
        let Self { outputs, queries, examples } = self;
        let (first, rows) = (self.first(own), self.rows(own));
        let out = write(&arrays.out).part(first * own.examples + examples.start, rows * own.examples - examples.start);
        let lines = queries.len() * examples.len() * outputs.len().div_ceil(AT_ONCE);
        gpu.context.dispatch(&Dispatch {
            shader: Key::plain(Preconditioned::NAME),
            arrays: &[
                out,
                read(arrays.delta.part(first * own.height, rows * own.height)),
                read(arrays.momentum.part(examples.start * own.height, examples.len() * own.height)),
                read(arrays.queries.part(queries.start * own.width, queries.len() * own.width)),
                read(arrays.examples.part(examples.start * own.width, examples.len() * own.width)),
                read(arrays.preconditioner),
            ],
            numbers: Numbers {
                count: outputs.len() as u32,
                rows: queries.len() as u32,
                columns: examples.len() as u32,
                height: own.height as u32,
                width: own.width as u32,
                bias: u32::from(own.bias),
                step: own.queries as u32,
                stride: own.examples as u32,
                scale: own.scale as f32,
            }
            .words(),
            groups: lines.div_ceil(256),
            work: self.work(own),
        })
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        count: u32, rows: u32, columns: u32, height: u32, width: u32, bias: u32, step: u32, stride: u32, scale: f32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// Of more rows and examples than are taken at once, and examples without a momentum among them.
    #[test]
    fn as_plain_loops() {
        for (outputs, queries, examples, height, width, bias) in
            [(1, 1, 1, 1, 1, false), (3, 2, 5, 4, 3, true), (7, 2, EXAMPLES + 40, ROWS + 5, 300, true)]
        {
            let shape = Preconditioned { outputs, queries, examples, height, width, bias, scale: 0.7 };
            let rows = outputs * queries;
            let (delta, mut momentum) = (numbers(1, rows * height), numbers(2, examples * height));
            momentum[..examples / 2 * height].fill(0.0);
            let (left, right) = (numbers(3, queries * width), numbers(4, examples * width));
            let (factors, before) = (numbers(5, height * shape.depth()), numbers(6, rows * examples));
            let got = written(&before, |cpu, out| {
                let [delta, momentum, left, right, factors] =
                    [&delta, &momentum, &left, &right, &factors].map(|own| held(own));
                let arrays = PreconditionedArrays {
                    out,
                    delta: delta.all(),
                    momentum: momentum.all(),
                    queries: left.all(),
                    examples: right.all(),
                    preconditioner: factors.all(),
                };
                cpu.run(&shape, arrays)
            });
            // Sums of some ten thousand products.
            let want = |entry: usize| {
                let (row, example) = (entry / examples, entry % examples);
                let shared = |h: usize| {
                    let of = |j: usize| {
                        factors[h * width + j] * left[row % queries * width + j] * right[example * width + j]
                    };
                    let bias = if bias { factors[height * width + h] } else { 0.0 };
                    (0..width).map(of).sum::<f64>() + bias
                };
                let of = |h: usize| delta[row * height + h] * momentum[example * height + h] * shared(h);
                before[entry] + 0.7 * (0..height).map(of).sum::<f64>()
            };
            close(&got, want);
        }
    }
}
