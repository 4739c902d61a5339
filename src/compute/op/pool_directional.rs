//! Derivatives along directions, through pooling.

use super::pool::{WINDOW, check_copies};
use super::*;
use crate::compute::cpu::window::Places;

/// The derivative of the maxima of [`Pool`](super::Pool) along directions, from `(slope, x)`: each is that of the entry
/// which the pooling keeps.
#[derive(Debug, Clone, Copy)]
pub struct PoolDirectional {
    /// The window.
    pub window: Window,
    /// Images of `slope`: a multiple of those of `x`.
    pub rows: usize,
}

impl Operation for PoolDirectional {
    const NAME: &'static str = "pool_directional";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, slope, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        check_copies(Self::NAME, &self.window, self.rows, out.len, slope.len, x.len)
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, slope, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (shape, out, slope, x) = (&self.window, view_mut(out)?, view(slope)?, view(x)?);
        let (size, width) = (shape.image(), shape.channels * shape.positions());
        let (base, places) = (x.len() / size, Places::new(shape));
        out.par_chunks_mut(width).zip(slope.par_chunks(size)).enumerate().for_each(|(row, (out, slope))| {
            let image = &x[row % base * size..][..size];
            for (placed, out) in places.pooled().zip(out) {
                *out = slope[placed.largest(image)];
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, slope, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (image, pooled) = (self.window.image(), self.window.channels * self.window.positions());
        let (out, slope) = (BlockArray::rows(write(&out), pooled), BlockArray::rows(read(slope), image));
        let arrays = [out, slope, BlockArray::repeated(read(x), image)];
        let (period, window) = (x.len as u32, WindowNumbers::new(&self.window));
        gpu.by_rows(Self::NAME, &arrays, self.rows, pooled, &|block| Numbers {
            len: (block.len() * pooled) as u32,
            period,
            window,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/pool_directional.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = WINDOW;
        let (image, pooled, copies) = (window.image(), window.channels * window.positions(), 3);
        let base = trial.rows(copies * pooled);
        let rows = copies * base;
        let (slope, x, mut out) =
            (trial.numbers(rows * image)?, trial.numbers(base * image)?, backend.zeros(rows * pooled)?);
        trial.run(|| {
            let arrays = (front_mut(&mut out, rows * pooled), front(&slope, rows * image), front(&x, base * image));
            backend.run(&PoolDirectional { window, rows }, arrays)
        })?;
        trial.wrote(&out, rows * pooled)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, period: u32, window: WindowNumbers }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (window, base, copies) = (WINDOW, 2, 3);
        let (image, pooled, rows) = (window.image(), window.channels * window.positions(), base * copies);
        let (slope, x) = (numbers(1, rows * image), numbers(2, base * image));
        let got = written(&vec![7.0; rows * pooled], |cpu, out| {
            cpu.run(&PoolDirectional { window, rows }, (out, held(&slope).all(), held(&x).all()))
        });
        close(&got, |e| {
            let (row, pixels) = (e / pooled, pooled_pixels(&window, e % pooled));
            let x = &x[row % base * image..];
            let best = pixels.into_iter().reduce(|a, b| if x[b] > x[a] { b } else { a }).expect("pixels");
            slope[row * image + best]
        });
    }
}
