//! Gradients through the normalisation of rows.

use super::normalize::LONG_TRIAL;
#[cfg(feature = "gpu")]
use super::normalize::rows_of;
use super::*;

/// The gradient of [`Normalize`](super::Normalize) with respect to its input, from `(delta, normal, scale)`:
/// `out = scale (delta - mean(delta) - normal mean(delta normal))`, the first mean only where rows are normalised about theirs.
/// The Jacobian is symmetric: with a derivative of the input as `delta`, this is that of the normalised rows.
#[derive(Debug, Clone, Copy)]
pub struct NormalizeBackward {
    /// How the rows were normalised.
    pub shape: Normalize,
}

impl Operation for NormalizeBackward {
    const NAME: &'static str = "normalize_backward";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, delta, normal, scale): &Self::Arrays<'_, T, I>) -> Result<()> {
        let copies = (delta.len % normal.len.max(1), 0);
        fit(Self::NAME, &[(out.len, delta.len), (normal.len, scale.len * self.shape.width.max(1)), copies])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, delta, normal, scale): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, delta, normal, scale) = (view_mut(out)?, view(delta)?, view(normal)?, view(scale)?);
        let width = self.shape.width.max(1);
        let base = scale.len().max(1);
        let share = E::from_f64(1.0 / width as f64);
        let mean_share = if self.shape.about_mean { share } else { E::ZERO };
        out.par_chunks_mut(width).zip(delta.par_chunks(width)).enumerate().with_min_len(16).for_each(
            |(row, (out, delta))| {
                let normal = &normal[row % base * width..][..width];
                let (mut mean, mut along) = (E::ZERO, E::ZERO);
                for (delta, normal) in delta.iter().zip(normal) {
                    mean += *delta * mean_share;
                    along += *delta * *normal * share;
                }
                for j in 0..width {
                    out[j] = scale[row % base] * (delta[j] - mean - normal[j] * along);
                }
            },
        );
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(
        &self,
        gpu: &GpuBackend,
        (out, delta, normal, scale): Self::Arrays<'_, gpu::Buffer, gpu::Index>,
    ) -> Result<()> {
        let width = self.shape.width;
        let arrays = [
            BlockArray::rows(write(&out), width),
            BlockArray::rows(read(delta), width),
            BlockArray::repeated(read(normal), width),
            BlockArray::repeated(read(scale), 1),
        ];
        let (shader, invocations) = self.shape.shader(Self::NAME, "normalize_backward_long");
        gpu.by_rows(shader, &arrays, out.len / width.max(1), invocations, &|block| Numbers {
            rows: block.len() as u32,
            base: scale.len as u32,
            width: width as u32,
            about_mean: u32::from(self.shape.about_mean),
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        rows_of::<Numbers>(
            [Self::NAME, "normalize_backward_long"],
            include_str!("../../../shaders/op/normalize_backward.wgsl"),
        )
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let copies = 3;
        for (width, about_mean) in [(7, false), (7, true), (LONG_TRIAL, false), (LONG_TRIAL, true)] {
            let base = trial.rows(copies * width);
            let len = copies * base * width;
            let (delta, normal) = (trial.numbers(len)?, trial.numbers(base * width)?);
            let (scale, mut out) = (trial.numbers(base)?, backend.zeros(len)?);
            let backward = NormalizeBackward { shape: Normalize { width, about_mean, eps: 1e-5 } };
            trial.run(|| {
                let (normal, scale) = (front(&normal, base * width), front(&scale, base));
                backend.run(&backward, (front_mut(&mut out, len), front(&delta, len), normal, scale))
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { rows: u32, base: u32, width: u32, about_mean: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (base, copies, width) = (3, 2, 5);
        let len = base * copies * width;
        let (delta, normal, scale) = (numbers(1, len), numbers(2, base * width), numbers(3, base));
        for about_mean in [false, true] {
            let backward = NormalizeBackward { shape: Normalize { width, about_mean, eps: 1e-5 } };
            let got = written(&vec![0.0; len], |cpu, out| {
                cpu.run(&backward, (out, held(&delta).all(), held(&normal).all(), held(&scale).all()))
            });
            let normal = |row: usize, j: usize| normal[row % base * width + j];
            let mean = |row: usize| delta[row * width..][..width].iter().sum::<f64>() / width as f64;
            let mean = |row: usize| if about_mean { mean(row) } else { 0.0 };
            let along =
                |row: usize| (0..width).map(|j| delta[row * width + j] * normal(row, j)).sum::<f64>() / width as f64;
            close(&got, |e| {
                let row = e / width;
                scale[row % base] * (delta[e] - mean(row) - normal(row, e % width) * along(row))
            });
        }
    }
}
