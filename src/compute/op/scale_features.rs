//! A factor for each feature of every row.

use super::*;

/// `out[r, j] = factors[j] x[r, j]`, at each row's own factors.
#[derive(Debug, Clone, Copy)]
pub struct ScaleFeatures;

impl Operation for ScaleFeatures {
    const NAME: &'static str = "scale_features";
    const ROUNDINGS: f64 = 12.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Weights<'a, T>);

    fn check<T, I: Indices>(&self, (out, x, factors): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, x.len), (out.len % factors.start.len.max(1), 0)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, x, factors): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, x, factors) = (view_mut(out)?, view(x)?, Parameters::new(factors)?);
        let width = factors.start.len().max(1);
        out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, x))| {
            let step = factors.at(row);
            for (j, (out, x)) in out.iter_mut().zip(x).enumerate() {
                *out = weight(factors.start, step, j) * *x;
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x, factors): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let width = factors.start.len;
        let Along { step, tau, positions, taus } = gpu.along(&factors);
        let (rows, start) = (out.len / width.max(1), BlockArray::shared(read(factors.start)));
        let arrays = [BlockArray::rows(write(&out), width), BlockArray::rows(read(x), width), start, step, tau];
        gpu.by_rows(Self::NAME, &arrays, rows, width, &|block| Numbers {
            len: (block.len() * width) as u32,
            width: width as u32,
            positions,
            taus,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/scale_features.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, positions, taus) = (5, 2, 3);
        let rows = trial.rows(width);
        let (start, step, tau) = (trial.numbers(width)?, trial.numbers(width)?, trial.numbers(taus)?);
        let (x, mut out) = (trial.numbers(rows * width)?, backend.zeros(rows * width)?);
        let position = Position { tau: front(&tau, taus), positions };
        for step in [None, Some((front(&step, width), position))] {
            let (x, factors) = (front(&x, rows * width), Weights { start: front(&start, width), step });
            trial.run(|| backend.run(&ScaleFeatures, (front_mut(&mut out, rows * width), x, factors)))?;
            trial.wrote(&out, rows * width)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, width: u32, positions: u32, taus: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (x, start, step, tau) = (numbers(1, 7 * 3), numbers(2, 3), numbers(3, 3), numbers(4, 2));
        let (starts, steps, taus) = (held(&start), held(&step), held(&tau));
        let position = Position { tau: taus.all(), positions: 2 };
        for along in [None, Some((steps.all(), position))] {
            let factors = Weights { start: starts.all(), step: along };
            let got = written(&[0.0; 21], |cpu, out| cpu.run(&ScaleFeatures, (out, held(&x).all(), factors)));
            let tau = |row: usize| if along.is_some() { tau[row / 2 % 2] } else { 0.0 };
            close(&got, |e| (start[e % 3] + tau(e / 3) * step[e % 3]) * x[e]);
        }
    }
}
