//! Rows averaged over quadrature nodes.

use super::*;

/// `out[o] = start + Σ_{r of o} ω_r x[r]`, rows of `width`. The arrays are `(map, out, x)`.
#[derive(Debug, Clone, Copy)]
pub struct Average {
    /// Elements of a row.
    pub width: usize,
    /// What the sums are added to.
    pub start: Start,
}

impl Operation for Average {
    const NAME: &'static str = "average";
    const ROUNDINGS: f64 = 12.0;

    type Arrays<'a, T: 'a, I: 'a> = (&'a RowMap<T, I>, SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (map, out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, map.outputs * self.width), (x.len, map.rows * self.width)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (map, out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, x, width) = (view_mut(out)?, view(x)?, self.width);
        out.par_chunks_mut(width.max(1)).with_min_len(CHUNK.div_ceil(width.max(1))).enumerate().for_each(
            |(output, out)| {
                if let Start::Value(value) = self.start {
                    out.fill(E::from_f64(value));
                }
                for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
                    let omega = map.weights[row];
                    out.iter_mut().zip(&x[row * width..][..width]).for_each(|(out, &x)| *out += omega * x);
                }
            },
        );
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (map, out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let width = self.width;
        let sizes = MapSizes { output: width, row: width, base: 0, most: usize::MAX };
        let arrays = Mapped { out: write(&out), left: read(x), right: gpu.nothing() };
        gpu.by_map(map, sizes, &arrays, &|block, arrays| {
            let len = block.outputs.len() * width;
            let (keep, start) = start_numbers(self.start);
            let (first, first_row) = (block.outputs.start as u32, block.rows.start as u32);
            gpu.context.dispatch(&Dispatch {
                shader: Key::plain(Self::NAME),
                arrays: &[arrays[0], arrays[1], arrays[3], arrays[5]],
                numbers: Numbers { first, first_row, len: len as u32, width: width as u32, keep, start }.words(),
                groups: len.div_ceil(256),
                work: 2.0 * (block.rows.len() * width) as f64,
            })
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/average.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let width = 5;
        let outputs = trial.rows(width);
        let map = trial.map(outputs)?;
        let (x, mut out) = (trial.numbers(map.rows * width)?, trial.numbers(outputs * width)?);
        for start in [Start::Value(0.5), Start::Output] {
            let average = Average { width, start };
            trial.run(|| {
                backend.run(&average, (&map, front_mut(&mut out, outputs * width), front(&x, map.rows * width)))
            })?;
            trial.wrote(&out, outputs * width)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { first: u32, first_row: u32, len: u32, width: u32, keep: u32, start: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (map, width) = (map(), 3);
        let (x, before) = (numbers(1, map.rows * width), numbers(2, map.outputs * width));
        for start in [Start::Value(0.5), Start::Output] {
            let average = Average { width, start };
            let got = written(&before, |cpu, out| cpu.run(&average, (&map, out, held(&x).all())));
            close(&got, |e| {
                let sum: f64 = rows_of(&map, e / width).map(|row| map.weights[row] * x[row * width + e % width]).sum();
                sum + if start == Start::Output { before[e] } else { 0.5 }
            });
        }
    }
}
