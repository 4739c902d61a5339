//! The two orders of an axis pair.

use super::*;

/// `out[b, j, i] = x[b, i, j]`: `batches` matrices of `[rows, columns]`.
#[derive(Debug, Clone, Copy)]
pub struct Transpose {
    /// How many matrices.
    pub batches: usize,
    /// Rows of each input.
    pub rows: usize,
    /// Columns of each input.
    pub columns: usize,
}

impl Operation for Transpose {
    const NAME: &'static str = "transpose";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, self.batches * self.rows * self.columns), (x.len, out.len)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (out, x) = (view_mut(out)?, view(x)?);
        let size = self.rows * self.columns;
        out.par_chunks_mut(size.max(1)).zip(x.par_chunks(size.max(1))).for_each(|(out, x)| {
            for (j, out) in out.chunks_mut(self.rows).enumerate() {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = x[i * self.columns + j];
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let size = self.rows * self.columns;
        let arrays = [BlockArray::rows(write(&out), size), BlockArray::rows(read(x), size)];
        gpu.by_rows(Self::NAME, &arrays, self.batches, size, &|block| Numbers {
            len: (block.len() * size) as u32,
            rows: self.rows as u32,
            columns: self.columns as u32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/transpose.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (rows, columns) = (3, 7);
        let batches = trial.rows(rows * columns);
        let len = batches * rows * columns;
        let (x, mut out) = (trial.numbers(len)?, backend.zeros(len)?);
        let transpose = Transpose { batches, rows, columns };
        trial.run(|| backend.run(&transpose, (front_mut(&mut out, len), front(&x, len))))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, rows: u32, columns: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let x = numbers(1, 2 * 3 * 5);
        let transpose = Transpose { batches: 2, rows: 3, columns: 5 };
        let got = written(&[0.0; 30], |cpu, out| cpu.run(&transpose, (out, held(&x).all())));
        close(&got, |e| x[e / 15 * 15 + e % 3 * 5 + e % 15 / 3]);
    }
}
