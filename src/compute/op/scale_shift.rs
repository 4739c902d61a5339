//! A scale and a shift for every row.

use super::*;

/// `out[r, j] = γ_j x[r, j] + β_j`, where `weights` is `[γ, β]`, each as wide as half of it.
#[derive(Debug, Clone, Copy)]
pub struct ScaleShift;

impl Operation for ScaleShift {
    const NAME: &'static str = "scale_shift";
    const ROUNDINGS: f64 = 12.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Weights<'a, T>);

    fn check<T, I: Indices>(&self, (out, x, weights): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, x.len), (out.len % (weights.start.len / 2).max(1), 0)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, x, weights): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, x, weights) = (view_mut(out)?, view(x)?, Parameters::new(weights)?);
        let width = (weights.start.len() / 2).max(1);
        out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, x))| {
            let step = weights.at(row);
            for j in 0..width {
                out[j] = weight(weights.start, step, j) * x[j] + weight(weights.start, step, width + j);
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x, weights): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let width = weights.start.len / 2;
        let Along { step, tau, positions, taus } = gpu.along(&weights);
        let (rows, start) = (out.len / width.max(1), BlockArray::shared(read(weights.start)));
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
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/scale_shift.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, positions, taus) = (5, 2, 3);
        let rows = trial.rows(width);
        let (start, step, tau) = (trial.numbers(2 * width)?, trial.numbers(2 * width)?, trial.numbers(taus)?);
        let (x, mut out) = (trial.numbers(rows * width)?, backend.zeros(rows * width)?);
        let position = Position { tau: front(&tau, taus), positions };
        for step in [None, Some((front(&step, 2 * width), position))] {
            let weights = Weights { start: front(&start, 2 * width), step };
            let x = front(&x, rows * width);
            trial.run(|| backend.run(&ScaleShift, (front_mut(&mut out, rows * width), x, weights)))?;
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
        let (x, start, step, tau) = (numbers(1, 7 * 3), numbers(2, 6), numbers(3, 6), numbers(4, 2));
        let (starts, steps, taus) = (held(&start), held(&step), held(&tau));
        let position = Position { tau: taus.all(), positions: 2 };
        for along in [None, Some((steps.all(), position))] {
            let weights = Weights { start: starts.all(), step: along };
            let got = written(&[0.0; 21], |cpu, out| cpu.run(&ScaleShift, (out, held(&x).all(), weights)));
            let tau = |row: usize| if along.is_some() { tau[row / 2 % 2] } else { 0.0 };
            let at = |row: usize, j: usize| start[j] + tau(row) * step[j];
            close(&got, |e| at(e / 3, e % 3) * x[e] + at(e / 3, 3 + e % 3));
        }
    }
}
