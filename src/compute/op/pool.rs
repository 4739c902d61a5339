//! Pooling.

use super::*;
use crate::compute::cpu::window::Places;

/// What a pooling window keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The largest entry, the first in row order of several.
    Max,
    /// The mean.
    Average,
}

/// Pools images `[rows, channels, height, width]`; the remainder is dropped. The padding is below every number for
/// a maximum and 0 for a mean; every window holds a pixel of the image.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// The window.
    pub window: Window,
    /// What it keeps.
    pub kind: Pooling,
    /// Images.
    pub rows: usize,
}

impl Operation for Pool {
    const NAME: &'static str = "pool";
    const ROUNDINGS: f64 = 6.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        check_pool(Self::NAME, &self.window, self.rows, out.len, x.len)
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (shape, out, x) = (&self.window, view_mut(out)?, view(x)?);
        let share = E::from_f64(1.0 / shape.area() as f64);
        let (size, places) = (shape.channels * shape.positions(), Places::new(shape));
        out.par_chunks_mut(size).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
            for (placed, out) in places.pooled().zip(out) {
                *out = match self.kind {
                    Pooling::Max => image[placed.largest(image)],
                    Pooling::Average => placed.pixels().map(|pixel| image[pixel]).sum::<E>() * share,
                };
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (image, pooled) = (self.window.image(), self.window.channels * self.window.positions());
        let arrays = [BlockArray::rows(write(&out), pooled), BlockArray::rows(read(x), image)];
        let (window, kind) = (WindowNumbers::new(&self.window), self.kind as u32);
        gpu.by_rows(Self::NAME, &arrays, self.rows, pooled, &|block| Numbers {
            len: (block.len() * pooled) as u32,
            kind,
            window,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/pool.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = WINDOW;
        let (image, pooled) = (window.image(), window.channels * window.positions());
        let rows = trial.rows(pooled);
        let (x, mut out) = (trial.numbers(rows * image)?, backend.zeros(rows * pooled)?);
        for kind in [Pooling::Max, Pooling::Average] {
            let pool = Pool { window, kind, rows };
            trial.run(|| backend.run(&pool, (front_mut(&mut out, rows * pooled), front(&x, rows * image))))?;
            trial.wrote(&out, rows * pooled)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, kind: u32, window: WindowNumbers }
}

/// The window of the trials of pooling: windows overlap and reach into the padding, and some pixels are left over.
pub(super) const WINDOW: Window =
    Window { channels: 2, height: 6, width: 9, kernel: [3, 2], stride: [2, 3], padding: [1, 0], dilation: [1, 2] };

/// Fails unless there are `rows` images and as many pooled ones.
pub(super) fn check_pool(name: &str, window: &Window, rows: usize, pooled: usize, images: usize) -> Result<()> {
    fit(name, &[(pooled, rows * window.channels * window.positions()), (images, rows * window.image())])
}

/// The same where the images are copies of those of `x`.
pub(super) fn check_copies(
    name: &str,
    window: &Window,
    rows: usize,
    pooled: usize,
    images: usize,
    x: usize,
) -> Result<()> {
    check_pool(name, window, rows, pooled, images)?;
    fit(name, &[(images % x.max(1), 0), (x % window.image().max(1), 0)])
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (window, rows) = (WINDOW, 3);
        let x = numbers(1, rows * window.image());
        let pooled = window.channels * window.positions();
        for kind in [Pooling::Max, Pooling::Average] {
            let pool = Pool { window, kind, rows };
            let got = written(&vec![0.0; rows * pooled], |cpu, out| cpu.run(&pool, (out, held(&x).all())));
            close(&got, |e| {
                let image = &x[e / pooled * window.image()..];
                let of: Vec<f64> = pooled_pixels(&window, e % pooled).into_iter().map(|pixel| image[pixel]).collect();
                match kind {
                    Pooling::Max => of.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    Pooling::Average => of.iter().sum::<f64>() / window.area() as f64,
                }
            });
        }
    }
}
