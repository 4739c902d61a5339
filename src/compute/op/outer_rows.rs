//! Gradients of a table whose rows are looked up, materialised.

use super::lookup::row_of;
use super::outer::Factors;
use super::*;

/// Gradients of a table whose rows are looked up, materialised:
/// `out[o, t, j] = start + Σ_{r of o} ω_r Σ_p [input[g(r), p] = t] delta[r, p, j]`. Each output row is `[count, width]`; the
/// inputs are tokens as [`Lookup`] takes them.
#[derive(Debug, Clone, Copy)]
pub struct OuterRows {
    /// Rows of the table.
    pub count: usize,
    /// Elements of a row.
    pub width: usize,
    /// Tokens of an example.
    pub positions: usize,
    /// A row of which nothing is added up.
    pub padding: Option<usize>,
    /// What the rows are added to.
    pub start: Start,
}

impl OuterRows {
    /// Elements of one materialised row.
    pub fn row(&self) -> usize {
        self.count * self.width
    }
}

impl Operation for OuterRows {
    const NAME: &'static str = "outer_rows";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = OuterArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        arrays.check(Self::NAME, self.row(), self.positions * self.width, self.positions)
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let &Self { count, width, positions, padding, start } = self;
        let OuterArrays { map, out, .. } = arrays;
        let factors = Factors::new(arrays.delta, arrays.input, arrays.preconditioner)?;
        view_mut(out)?.par_chunks_mut(self.row().max(1)).enumerate().for_each(|(output, out)| {
            if let Start::Value(value) = start {
                out.fill(E::from_f64(value));
            }
            let mut sums = vec![E::ZERO; width];
            for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
                let tokens = &factors.input[map.inputs[row] as usize * positions..][..positions];
                let deltas = factors.delta[row * positions * width..].chunks(width);
                let named = tokens.iter().map(|&token| row_of(token, count)).zip(deltas);
                for (token, delta) in named.filter(|&(token, _)| Some(token) != padding) {
                    let from = token * width;
                    sums.iter_mut().zip(delta).for_each(|(sum, &delta)| *sum = map.weights[row] * delta);
                    factors.precondition(from, &mut sums);
                    out[from..from + width].iter_mut().zip(&sums).for_each(|(out, &sum)| *out += sum);
                }
            }
        });
        Ok(())
    }

    /// An invocation has a column of an output, so that no two add to the same element.
    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { count, width, positions, padding, start } = self;
        let OuterArrays { map, out: SliceMut { buffer, offset, len }, delta, input, preconditioner } = arrays;
        if let Start::Value(value) = start {
            Fill { value }.gpu(gpu, SliceMut::new(&mut *buffer, offset, len))?;
        }
        let out = SliceMut::new(buffer, offset, len);
        let most = gpu.rows_of_a_submission(4.0 * (positions * width) as f64);
        let sizes = MapSizes { output: self.row(), row: positions * width, base: positions, most };
        let arrays = Mapped { out: write(&out), left: read(delta), right: read(input) };
        let factors = preconditioner.map_or(gpu.nothing(), read);
        gpu.by_map(map, sizes, &arrays, &|block, arrays| {
            let len = block.outputs.len() * width;
            let (first, first_row, first_base) = block.starts();
            let numbers = Numbers {
                first,
                first_row,
                first_base,
                len: len as u32,
                count: count as u32,
                width: width as u32,
                positions: positions as u32,
                preconditioned: u32::from(preconditioner.is_some()),
                padding: padding.map_or(u32::MAX, |row| row as u32),
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
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/outer_rows.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (count, width, positions) = (4, 3, 2);
        let outputs = trial.rows(count * width);
        let (len, map) = (outputs * count * width, trial.map(outputs)?);
        let (deltas, inputs) = (map.rows * positions * width, map.base * positions);
        let (delta, input) = (trial.numbers(deltas)?, trial.tokens(inputs, count)?);
        let (factors, mut out) = (trial.numbers(count * width)?, backend.zeros(len)?);
        let factors = front(&factors, count * width);
        for (start, padding, preconditioner) in
            [(Start::Value(0.5), None, None), (Start::Output, None, Some(factors)), (Start::Output, Some(2), None)]
        {
            trial.run(|| {
                let (out, delta, input) = (front_mut(&mut out, len), front(&delta, deltas), front(&input, inputs));
                let arrays = OuterArrays { map: &map, out, delta, input, preconditioner };
                backend.run(&OuterRows { count, width, positions, padding, start }, arrays)
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        first: u32, first_row: u32, first_base: u32, len: u32, count: u32, width: u32, positions: u32, preconditioned: u32,
        padding: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (map, count, width, positions) = (map(), 4, 3, 2);
        let tokens = [1.0, 3.0, 3.0, 3.0, 0.0, 1.0];
        let delta = numbers(1, map.rows * positions * width);
        for (start, padding) in [(Start::Value(0.5), None), (Start::Output, None), (Start::Output, Some(3))] {
            let shape = OuterRows { count, width, positions, padding, start };
            let row = shape.row();
            let (factors, before) = (numbers(3, row), numbers(4, map.outputs * row));
            let got = written(&before, |cpu, out| {
                let (delta, input, factors) = (held(&delta), held(&tokens), held(&factors));
                let preconditioner = Some(factors.all());
                let (delta, input) = (delta.all(), input.all());
                cpu.run(&shape, OuterArrays { map: &map, out, delta, input, preconditioner })
            });
            close(&got, |e| {
                let (output, token, j) = (e / row, e % row / width, e % width);
                let mut sum = 0.0;
                for row in rows_of(&map, output) {
                    for p in 0..positions {
                        if tokens[map.inputs[row] as usize * positions + p] == token as f64 && Some(token) != padding {
                            sum += map.weights[row] * delta[(row * positions + p) * width + j];
                        }
                    }
                }
                let first = if start == Start::Output { before[e] } else { 0.5 };
                first + factors[e % row] * sum
            });
        }
    }
}
