//! The rows that pick out each output.

use super::*;

/// `out[d * rows + b, e] = [d = e] scale[b, d]`, where `scale` is `[rows, outputs]` (1 without it) and `out` is
/// `[outputs * rows, outputs]`.
#[derive(Debug, Clone, Copy)]
pub struct Seed {
    /// Rows of the pass.
    pub rows: usize,
    /// Outputs of the network.
    pub outputs: usize,
}

impl Operation for Seed {
    const NAME: &'static str = "seed";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Option<Slice<'a, T>>);

    fn check<T, I: Indices>(&self, (out, scale): &Self::Arrays<'_, T, I>) -> Result<()> {
        let len = self.rows * self.outputs;
        fit(Self::NAME, &[(out.len, len * self.outputs), (scale.map_or(len, |scale| scale.len), len)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, scale): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, scale) = (view_mut(out)?, scale.map(view).transpose()?);
        let &Self { rows, outputs } = self;
        out.fill(E::ZERO);
        for d in 0..outputs {
            for b in 0..rows {
                out[(d * rows + b) * outputs + d] = scale.map_or(E::ONE, |scale| scale[b * outputs + d]);
            }
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, scale): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { rows, outputs } = self;
        let scaled = u32::from(scale.is_some());
        let scale = scale.map_or(BlockArray::shared(gpu.nothing()), |scale| BlockArray::repeated(read(scale), outputs));
        let arrays = [BlockArray::rows(write(&out), outputs), scale];
        gpu.by_rows(Self::NAME, &arrays, rows * outputs, outputs, &|block| Numbers {
            len: (block.len() * outputs) as u32,
            first: block.start as u32,
            rows: rows as u32,
            outputs: outputs as u32,
            scaled,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/seed.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let outputs = 3;
        let rows = trial.rows(outputs * outputs);
        let len = rows * outputs * outputs;
        let (scale, mut out) = (trial.numbers(rows * outputs)?, backend.zeros(len)?);
        for scale in [None, Some(front(&scale, rows * outputs))] {
            trial.run(|| backend.run(&Seed { rows, outputs }, (front_mut(&mut out, len), scale)))?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, first: u32, rows: u32, outputs: u32, scaled: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (rows, outputs) = (5, 3);
        let values = numbers(1, rows * outputs);
        let scales = held(&values);
        for scale in [None, Some(scales.all())] {
            let got = written(&vec![7.0; rows * outputs * outputs], |cpu, out| {
                cpu.run(&Seed { rows, outputs }, (out, scale))
            });
            close(&got, |e| {
                let (d, row, output) = (e / outputs / rows, e / outputs % rows, e % outputs);
                let value = if scale.is_some() { values[row * outputs + d] } else { 1.0 };
                if d == output { value } else { 0.0 }
            });
        }
    }
}
