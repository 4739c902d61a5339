//! Gradients of a scale and a shift, materialised.

use super::matmul::put;
use super::outer::Factors;
use super::*;

/// Gradients of a factor for each feature, and of a shift where there is one, materialised:
/// `out[o] = start + [Σ ω_r Σ_p delta ∘ input, Σ ω_r Σ_p delta]`, each of `width`; δ and the inputs are both that wide.
#[derive(Debug, Clone, Copy)]
pub struct OuterDiagonal {
    /// Features.
    pub width: usize,
    /// Positions of each row.
    pub positions: usize,
    /// Whether there is a shift.
    pub shift: bool,
    /// What the rows are added to.
    pub start: Start,
}

impl OuterDiagonal {
    /// Elements of one materialised row.
    pub fn row(&self) -> usize {
        self.width * if self.shift { 2 } else { 1 }
    }
}

impl Operation for OuterDiagonal {
    const NAME: &'static str = "outer_diagonal";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = OuterArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let size = self.positions * self.width;
        arrays.check(Self::NAME, self.row(), size, size)
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let &Self { width, positions, shift, start } = self;
        let OuterArrays { map, out, .. } = arrays;
        let factors = Factors::new(arrays.delta, arrays.input, arrays.preconditioner)?;
        let size = positions * width;
        view_mut(out)?.par_chunks_mut(self.row().max(1)).enumerate().for_each(|(output, out)| {
            let mut sums = vec![E::ZERO; self.row()];
            let (scales, shifts) = sums.split_at_mut(width);
            for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
                let input = &factors.input[map.inputs[row] as usize * size..][..size];
                for (entry, &delta) in factors.delta[row * size..][..size].iter().enumerate() {
                    let weighted = map.weights[row] * delta;
                    scales[entry % width] += weighted * input[entry];
                    if shift {
                        shifts[entry % width] += weighted;
                    }
                }
            }
            factors.precondition(0, &mut sums);
            put(start, out, &sums);
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { width, positions, start, .. } = self;
        let OuterArrays { map, out, delta, input, preconditioner } = arrays;
        let sizes = MapSizes { output: self.row(), row: positions * width, base: positions * width, most: usize::MAX };
        let arrays = Mapped { out: write(&out), left: read(delta), right: read(input) };
        let factors = preconditioner.map_or(gpu.nothing(), read);
        gpu.by_map(map, sizes, &arrays, &|block, arrays| {
            let len = block.outputs.len() * width;
            let (first, first_row, first_base) = block.starts();
            let (keep, start) = start_numbers(start);
            let numbers = Numbers {
                first,
                first_row,
                first_base,
                len: len as u32,
                width: width as u32,
                positions: positions as u32,
                shifted: u32::from(self.shift),
                keep,
                start,
                preconditioned: u32::from(preconditioner.is_some()),
            };
            gpu.context.dispatch(&Dispatch {
                shader: Key::plain(Self::NAME),
                arrays: &[arrays, &[factors]].concat(),
                numbers: numbers.words(),
                groups: len.div_ceil(256),
                work: 4.0 * (block.rows.len() * positions * width) as f64,
            })
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/outer_diagonal.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, positions, shift, start) = (5, 2, true, Start::Value(0.5));
        let outputs = trial.rows(2 * width);
        let (len, map) = (outputs * 2 * width, trial.map(outputs)?);
        let (deltas, inputs) = (map.rows * positions * width, map.base * positions * width);
        let (delta, input) = (trial.numbers(deltas)?, trial.numbers(inputs)?);
        let (factors, mut out) = (trial.numbers(2 * width)?, backend.zeros(len)?);
        for preconditioner in [None, Some(front(&factors, 2 * width))] {
            trial.run(|| {
                let (out, delta, input) = (front_mut(&mut out, len), front(&delta, deltas), front(&input, inputs));
                let arrays = OuterArrays { map: &map, out, delta, input, preconditioner };
                backend.run(&OuterDiagonal { width, positions, shift, start }, arrays)
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        first: u32, first_row: u32, first_base: u32, len: u32, width: u32, positions: u32, shifted: u32, keep: u32, start: f32,
        preconditioned: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (map, width, positions) = (map(), 3, 2);
        let (delta, input) = (numbers(1, map.rows * positions * width), numbers(2, map.base * positions * width));
        for shift in [false, true] {
            let diagonal = OuterDiagonal { width, positions, shift, start: Start::Output };
            let row = diagonal.row();
            let (factors, before) = (numbers(3, row), numbers(4, map.outputs * row));
            let got = written(&before, |cpu, out| {
                let (delta, input, factors) = (held(&delta), held(&input), held(&factors));
                let preconditioner = Some(factors.all());
                let (delta, input) = (delta.all(), input.all());
                let arrays = OuterArrays { map: &map, out, delta, input, preconditioner };
                cpu.run(&diagonal, arrays)
            });
            close(&got, |e| {
                let (output, within) = (e / row, e % row);
                let mut sum = 0.0;
                for row in rows_of(&map, output) {
                    for p in 0..positions {
                        let base = map.inputs[row] as usize * positions + p;
                        let input = if within < width { input[base * width + within] } else { 1.0 };
                        sum += map.weights[row] * delta[(row * positions + p) * width + within % width] * input;
                    }
                }
                before[e] + factors[within] * sum
            });
        }
    }
}
