//! A bias added to every row.

use super::*;

/// `out[r, j] += bias[j] (+ τ_r step[j])` for every row of `bias.start.len` elements.
#[derive(Debug, Clone, Copy)]
pub struct Bias;

impl Operation for Bias {
    const NAME: &'static str = "bias";
    const ROUNDINGS: f64 = 6.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Weights<'a, T>);

    fn check<T, I: Indices>(&self, (out, bias): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len % bias.start.len.max(1), 0)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, bias): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, bias) = (view_mut(out)?, Parameters::new(bias)?);
        out.par_chunks_mut(bias.start.len().max(1)).with_min_len(64).enumerate().for_each(|(row, out)| {
            let step = bias.at(row);
            for (j, out) in out.iter_mut().enumerate() {
                *out += weight(bias.start, step, j);
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, bias): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let width = bias.start.len;
        let Along { step, tau, positions, taus } = gpu.along(&bias);
        let arrays = [BlockArray::rows(write(&out), width), BlockArray::shared(read(bias.start)), step, tau];
        gpu.by_rows(Self::NAME, &arrays, out.len / width.max(1), width, &|block| Numbers {
            len: (block.len() * width) as u32,
            width: width as u32,
            positions,
            taus,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/bias.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, positions, taus) = (5, 2, 3);
        let rows = trial.rows(width);
        let (start, step, tau) = (trial.numbers(width)?, trial.numbers(width)?, trial.numbers(taus)?);
        let mut out = trial.numbers(rows * width)?;
        let position = Position { tau: front(&tau, taus), positions };
        for step in [None, Some((front(&step, width), position))] {
            let bias = Weights { start: front(&start, width), step };
            trial.run(|| backend.run(&Bias, (front_mut(&mut out, rows * width), bias)))?;
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
        let (before, start, step, tau) = (numbers(1, 7 * 3), numbers(2, 3), numbers(3, 3), numbers(4, 2));
        let (starts, steps, taus) = (held(&start), held(&step), held(&tau));
        let position = Position { tau: taus.all(), positions: 2 };
        for along in [None, Some((steps.all(), position))] {
            let got = written(&before, |cpu, out| cpu.run(&Bias, (out, Weights { start: starts.all(), step: along })));
            let tau = |row: usize| if along.is_some() { tau[row / 2 % 2] } else { 0.0 };
            close(&got, |e| before[e] + start[e % 3] + tau(e / 3) * step[e % 3]);
        }
    }
}
