//! Which tokens are equal: the Gram matrix of inputs that stand for unit vectors.

use super::lookup::row_of;
use super::*;

/// `out[l, p, i] = [left[l] and right[i, p] name the same row]` of a table, as [`Lookup`] takes them; the row of padding is the
/// same as none. The arrays are
/// `(out, left, right)`; `right` is `[examples, positions]`.
#[derive(Debug, Clone, Copy)]
pub struct Matches {
    /// Rows of the table.
    pub count: usize,
    /// Tokens of an example.
    pub positions: usize,
    /// Examples.
    pub examples: usize,
    /// The row of padding.
    pub padding: Option<usize>,
}

impl Operation for Matches {
    const NAME: &'static str = "matches";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, left, right): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, left.len * right.len), (right.len, self.positions * self.examples)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, left, right): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let &Self { count, positions, examples, padding } = self;
        let (out, left, right) = (view_mut(out)?, view(left)?, view(right)?);
        let right: Vec<usize> = right.iter().map(|&token| row_of(token, count)).collect();
        out.par_chunks_mut(right.len().max(1)).zip(left).with_min_len(16).for_each(|(out, &token)| {
            let own = Some(row_of(token, count)).filter(|&row| Some(row) != padding);
            for (p, out) in out.chunks_mut(examples.max(1)).enumerate() {
                let others = right[p..].iter().step_by(positions);
                out.iter_mut()
                    .zip(others)
                    .for_each(|(out, &other)| *out = if Some(other) == own { E::ONE } else { E::ZERO });
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, left, right): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (&Self { count, positions, examples, padding }, width) = (self, right.len);
        let arrays =
            [BlockArray::rows(write(&out), width), BlockArray::rows(read(left), 1), BlockArray::shared(read(right))];
        gpu.by_rows(Self::NAME, &arrays, left.len, width, &|block| Numbers {
            len: (block.len() * width) as u32,
            count: count as u32,
            positions: positions as u32,
            examples: examples as u32,
            padding: padding.map_or(u32::MAX, |row| row as u32),
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/matches.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (positions, examples, count) = (2, 5, 3);
        let lines = trial.rows(positions * examples);
        let len = lines * positions * examples;
        let (left, right) = (trial.tokens(lines, count)?, trial.tokens(positions * examples, count)?);
        let mut out = backend.zeros(len)?;
        for padding in [None, Some(1)] {
            trial.run(|| {
                let (left, right) = (front(&left, lines), front(&right, positions * examples));
                backend.run(&Matches { count, positions, examples, padding }, (front_mut(&mut out, len), left, right))
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, count: u32, positions: u32, examples: u32, padding: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (left, right) = ([2.0, 0.0, 1.0], [0.0, 1.0, 2.0, 2.0, 1.0, 0.0, 3.0, 1.0]);
        let (positions, examples) = (2, 4);
        for padding in [None, Some(2)] {
            let got = written(&[7.0; 24], |cpu, out| {
                let matches = Matches { count: 4, positions, examples, padding };
                cpu.run(&matches, (out, held(&left).all(), held(&right).all()))
            });
            close(&got, |e| {
                let (line, p, example) = (e / 8, e / examples % positions, e % examples);
                let is_padding = padding.is_some_and(|row| left[line] == row as f64);
                if left[line] == right[example * positions + p] && !is_padding { 1.0 } else { 0.0 }
            });
        }
    }
}
