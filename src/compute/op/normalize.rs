//! Rows normalised.

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::{ROW_ALONE, ROW_GROUP};

/// Normalises rows: `normal = (x - mean) scale` with `scale = 1/√(mean (x - mean)² + eps)`. The arrays are
/// `(normal, scale, x)`, `scale` one a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize {
    /// Elements of a row.
    pub width: usize,
    /// Whether the mean is that of the row, or 0.
    pub about_mean: bool,
    /// Added to the mean square.
    pub eps: f64,
}

/// Elements from which a row is one workgroup's on the GPU, and no longer one invocation's.
#[cfg(feature = "gpu")]
const LONG: usize = 1024;

impl Normalize {
    /// Which of two shaders rows of this width take, and how many invocations a row.
    #[cfg(feature = "gpu")]
    pub(super) fn shader(&self, short: &'static str, long: &'static str) -> (&'static str, usize) {
        if self.width < LONG { (short, 1) } else { (long, 256) }
    }
}

/// The shaders of rows, by their names: for those that are one invocation's, and for those that are one workgroup's.
#[cfg(feature = "gpu")]
pub(super) fn rows_of<N: Words>([short, long]: [&'static str; 2], text: &str) -> Vec<Shader> {
    vec![Shader::new::<N>(short, &[INDEX, ROW_ALONE, text]), Shader::new::<N>(long, &[INDEX, ROW_GROUP, text])]
}

impl Operation for Normalize {
    const NAME: &'static str = "normalize";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (normal, scale, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(normal.len, x.len), (scale.len * self.width.max(1), x.len)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (normal, scale, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (normal, scale, x, width) = (view_mut(normal)?, view_mut(scale)?, view(x)?, self.width.max(1));
        let about_mean = if self.about_mean { 1.0 } else { 0.0 };
        normal.par_chunks_mut(width).zip(scale).zip(x.par_chunks(width)).with_min_len(16).for_each(
            |((normal, scale), x)| {
                // In f64 whatever the precision: where a row is nearly constant, the rounding of its mean would count.
                let share = 1.0 / width as f64;
                let mean = about_mean * x.iter().map(|x| x.to_f64()).sum::<f64>() * share;
                let variance = x.iter().map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>() * share;
                let factor = 1.0 / (variance + self.eps).sqrt();
                *scale = E::from_f64(factor);
                for (normal, x) in normal.iter_mut().zip(x) {
                    *normal = E::from_f64((x.to_f64() - mean) * factor);
                }
            },
        );
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (normal, scale, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (rows, width) = (scale.len, self.width);
        let (normal, scale) = (BlockArray::rows(write(&normal), width), BlockArray::rows(write(&scale), 1));
        let arrays = [normal, scale, BlockArray::rows(read(x), width)];
        let (shader, invocations) = self.shader(Self::NAME, "normalize_long");
        gpu.by_rows(shader, &arrays, rows, invocations, &|block| Numbers {
            rows: block.len() as u32,
            width: width as u32,
            about_mean: u32::from(self.about_mean),
            eps: self.eps as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        rows_of::<Numbers>([Self::NAME, "normalize_long"], include_str!("../../../shaders/op/normalize.wgsl"))
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        for (width, about_mean) in [(11, false), (11, true), (LONG_TRIAL, false), (LONG_TRIAL, true)] {
            let rows = trial.rows(width);
            let len = rows * width;
            let (x, mut normal, mut scale) = (trial.numbers(len)?, backend.zeros(len)?, backend.zeros(rows)?);
            let normalize = Normalize { width, about_mean, eps: 1e-5 };
            trial.run(|| {
                let arrays = (front_mut(&mut normal, len), front_mut(&mut scale, rows), front(&x, len));
                backend.run(&normalize, arrays)
            })?;
            trial.wrote(&normal, len)?;
            trial.wrote(&scale, rows)?;
        }
        Ok(())
    }
}

/// The width of rows in trials that the GPU takes as long ones.
pub(super) const LONG_TRIAL: usize = 1300;

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { rows: u32, width: u32, about_mean: u32, eps: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (rows, width) = (3, 5);
        let x = numbers(1, rows * width);
        for about_mean in [false, true] {
            let mut scale = held(&vec![0.0; rows]);
            let normal = written(&vec![0.0; rows * width], |cpu, out| {
                cpu.run(&Normalize { width, about_mean, eps: 1e-3 }, (out, scale.all_mut(), held(&x).all()))
            });
            let row = |row: usize| &x[row * width..][..width];
            let mean = |of: usize| if about_mean { row(of).iter().sum::<f64>() / width as f64 } else { 0.0 };
            let square = |of: usize| row(of).iter().map(|x| (x - mean(of)).powi(2)).sum::<f64>();
            let factor = |row: usize| 1.0 / (square(row) / width as f64 + 1e-3).sqrt();
            close(&scale.values(), factor);
            close(&normal, |e| (x[e] - mean(e / width)) * factor(e / width));
        }
    }
}
