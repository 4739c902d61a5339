//! Gradients applied to a direction.

use super::*;
use crate::compute::cpu::kernel::arch;

/// `out[o] += scale Σ_{r of o} ω_r Σ_j delta[r, j] values[g(r), j]`, rows of `width`. The arrays are
/// `(map, out, delta, values)`.
#[derive(Debug, Clone, Copy)]
pub struct RowDot {
    /// Elements of a row.
    pub width: usize,
    /// What the sums are multiplied by.
    pub scale: f64,
}

impl Operation for RowDot {
    const NAME: &'static str = "row_dot";
    const ROUNDINGS: f64 = 80.0;

    type Arrays<'a, T: 'a, I: 'a> = (&'a RowMap<T, I>, SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (map, out, delta, values): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, map.outputs), (delta.len, map.rows * self.width)])?;
        require(Self::NAME, values.len >= map.base * self.width, "a base row lies beyond the array")
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (map, out, delta, values): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, delta, values, width) = (view_mut(out)?, view(delta)?, view(values)?, self.width);
        let least = CHUNK.div_ceil(width.max(1));
        out.par_iter_mut().enumerate().with_min_len(least).for_each(|(output, out)| {
            let mut sum = E::ZERO;
            for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
                let values = &values[map.inputs[row] as usize * width..][..width];
                let delta = &delta[row * width..][..width];
                sum += map.weights[row] * dot(delta, values);
            }
            *out += E::from_f64(self.scale) * sum;
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(
        &self,
        gpu: &GpuBackend,
        (map, out, delta, values): Self::Arrays<'_, gpu::Buffer, gpu::Index>,
    ) -> Result<()> {
        let (width, scale) = (self.width, self.scale as f32);
        let sizes = MapSizes { output: 1, row: width, base: width, most: usize::MAX };
        let arrays = Mapped { out: write(&out), left: read(delta), right: read(values) };
        gpu.by_map(map, sizes, &arrays, &|block, arrays| {
            let (first, first_row, first_base) = block.starts();
            let outputs = block.outputs.len() as u32;
            gpu.context.dispatch(&Dispatch {
                shader: Key::plain(Self::NAME),
                arrays,
                numbers: Numbers { first, first_row, first_base, outputs, width: width as u32, scale }.words(),
                groups: block.outputs.len(),
                work: 2.0 * (block.rows.len() * width) as f64,
            })
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[include_str!("../../../shaders/op/row_dot.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let width = 13;
        let outputs = trial.rows(width);
        let map = trial.map(outputs)?;
        let (delta, values) = (trial.numbers(map.rows * width)?, trial.numbers(map.base * width)?);
        let mut out = trial.numbers(outputs)?;
        trial.run(|| {
            let (delta, values) = (front(&delta, map.rows * width), front(&values, map.base * width));
            backend.run(&RowDot { width, scale: -0.5 }, (&map, front_mut(&mut out, outputs), delta, values))
        })?;
        trial.wrote(&out, outputs)
    }
}

/// Sums that a product of two rows is made of, side by side: as many whatever the machine, so that its bits are the same on all.
const LANES: usize = 16;

/// The product of two rows.
fn dot<E: Element>(a: &[E], b: &[E]) -> E {
    arch().dispatch(
        #[inline(always)]
        move || {
            let mut sums = [E::ZERO; LANES];
            let ((a, last_of_a), (b, last_of_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            for (a, b) in a.iter().zip(b) {
                for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                    *sum += a * b;
                }
            }
            for ((sum, &a), &b) in sums.iter_mut().zip(last_of_a).zip(last_of_b) {
                *sum += a * b;
            }
            sums.into_iter().sum()
        },
    )
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { first: u32, first_row: u32, first_base: u32, outputs: u32, width: u32, scale: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        [3, 37].into_iter().for_each(rows_of_width);
    }

    fn rows_of_width(width: usize) {
        let map = map();
        let (delta, values) = (numbers(1, map.rows * width), numbers(2, map.base * width));
        let before = numbers(3, map.outputs);
        let got = written(&before, |cpu, out| {
            cpu.run(&RowDot { width, scale: -0.5 }, (&map, out, held(&delta).all(), held(&values).all()))
        });
        close(&got, |output| {
            let of = |row: usize, j: usize| delta[row * width + j] * values[map.inputs[row] as usize * width + j];
            let dot = |row: usize| (0..width).map(|j| of(row, j)).sum::<f64>();
            before[output] - 0.5 * rows_of(&map, output).map(|row| map.weights[row] * dot(row)).sum::<f64>()
        });
    }
}
