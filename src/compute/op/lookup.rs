//! Rows of tables, picked by numbers.

use super::*;

/// `out[t, i] = table_t[tokens[i]]`, rows of `width`, at each row's own place on the segment. The arrays are
/// `(out, tokens, tables)`. A token is cut to a whole number; one outside of the table stands for the row that is nearest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lookup {
    /// Rows of a table.
    pub count: usize,
    /// Elements of a row.
    pub width: usize,
    /// How many tables.
    pub tables: usize,
}

/// The row of a table of `count` rows that a token names.
pub(super) fn row_of<E: Element>(token: E, count: usize) -> usize {
    // What is below 0, or no number, becomes 0.
    (token.to_f64() as usize).min(count.saturating_sub(1))
}

impl Operation for Lookup {
    const NAME: &'static str = "lookup";
    const ROUNDINGS: f64 = 6.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Weights<'a, T>);

    fn check<T, I: Indices>(&self, (out, tokens, tables): &Self::Arrays<'_, T, I>) -> Result<()> {
        let &Self { count, width, tables: number } = self;
        fit(Self::NAME, &[(out.len, number * tokens.len * width), (tables.start.len, number * count * width)])?;
        require(Self::NAME, count > 0, "a table without rows")
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, tokens, tables): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let &Self { count, width, .. } = self;
        let (out, tokens, tables) = (view_mut(out)?, view(tokens)?, Parameters::new(tables)?);
        out.par_chunks_mut(width.max(1)).with_min_len(64).enumerate().for_each(|(row, out)| {
            let (table, token) = (row / tokens.len(), tokens[row % tokens.len()]);
            let (from, step) = ((table * count + row_of(token, count)) * width, tables.at(row));
            out.iter_mut().enumerate().for_each(|(j, out)| *out = weight(tables.start, step, from + j));
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, tokens, tables): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { count, width, tables: number } = self;
        let rows = number * tokens.len;
        for cut in gpu.cuts(&[BlockArray::rows(read(tables.start), width)], number * count) {
            let (first, len) = (cut.start * width, cut.len() * width);
            let step = tables.step.map(|(step, position)| (step.part(first, len), position));
            let within = Weights { start: tables.start.part(first, len), step };
            let Along { step, tau, positions, taus } = gpu.along(&within);
            let tokens_of = BlockArray::repeated(read(tokens), 1);
            let start = BlockArray::shared(read(within.start));
            let arrays = [BlockArray::rows(write(&out), width), tokens_of, start, step, tau];
            gpu.by_rows(Self::NAME, &arrays, rows, width, &|block| Numbers {
                len: (block.len() * width) as u32,
                width: width as u32,
                first_row: block.start as u32,
                count: tokens.len as u32,
                rows: count as u32,
                first: cut.start as u32,
                lines: cut.len() as u32,
                positions,
                taus,
            })?;
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/lookup.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (count, width, tables, positions, taus) = (7, 3, 2, 2, 3);
        let tokens = trial.rows(tables * width);
        let (numbers, len) = (trial.tokens(tokens, count)?, tables * tokens * width);
        let (start, step) = (trial.numbers(tables * count * width)?, trial.numbers(tables * count * width)?);
        let (tau, mut out) = (trial.numbers(taus)?, backend.zeros(len)?);
        let position = Position { tau: front(&tau, taus), positions };
        for step in [None, Some((front(&step, tables * count * width), position))] {
            let weights = Weights { start: front(&start, tables * count * width), step };
            let lookup = Lookup { count, width, tables };
            trial.run(|| backend.run(&lookup, (front_mut(&mut out, len), front(&numbers, tokens), weights)))?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        len: u32, width: u32, first_row: u32, count: u32, rows: u32, first: u32, lines: u32, positions: u32, taus: u32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (count, width, tables) = (3, 2, 2);
        // Below 0 and beyond the table: its ends.
        let tokens = [2.0, 0.0, -4.0, 1.0, 17.0];
        let rows = [2, 0, 0, 1, 2];
        let len = tables * count * width;
        let (start, step, tau) = (numbers(1, len), numbers(2, len), numbers(3, 2));
        let (starts, steps, taus) = (held(&start), held(&step), held(&tau));
        let position = Position { tau: taus.all(), positions: 2 };
        for along in [None, Some((steps.all(), position))] {
            let weights = Weights { start: starts.all(), step: along };
            let got = written(&vec![0.0; tables * 5 * width], |cpu, out| {
                cpu.run(&Lookup { count, width, tables }, (out, held(&tokens).all(), weights))
            });
            close(&got, |e| {
                let (row, j) = (e / width, e % width);
                let at = (row / 5 * count + rows[row % 5]) * width + j;
                let tau = if along.is_some() { tau[row / 2 % 2] } else { 0.0 };
                start[at] + tau * step[at]
            });
        }
    }
}
