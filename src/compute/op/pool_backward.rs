//! Gradients through pooling.

use super::pool::{WINDOW, check_copies};
use super::*;
use crate::compute::cpu::window::Places;

/// The gradient of [`Pool`](super::Pool) with respect to its input, from `(delta, x)`; a tie of maxima goes to the first in
/// row order.
#[derive(Debug, Clone, Copy)]
pub struct PoolBackward {
    /// The window.
    pub window: Window,
    /// What it keeps.
    pub kind: Pooling,
    /// Images of `out`: a multiple of those of `x`.
    pub rows: usize,
}

impl Operation for PoolBackward {
    const NAME: &'static str = "pool_backward";
    const ROUNDINGS: f64 = 6.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, delta, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        check_copies(Self::NAME, &self.window, self.rows, delta.len, out.len, x.len)
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, delta, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (shape, out, delta, x) = (&self.window, view_mut(out)?, view(delta)?, view(x)?);
        let (size, width) = (shape.image(), shape.channels * shape.positions());
        let share = E::from_f64(1.0 / shape.area() as f64);
        let (base, places) = (x.len() / size, Places::new(shape));
        out.par_chunks_mut(size).zip(delta.par_chunks(width)).enumerate().for_each(|(row, (out, delta))| {
            let image = &x[row % base * size..][..size];
            out.fill(E::ZERO);
            for (placed, &delta) in places.pooled().zip(delta) {
                match self.kind {
                    Pooling::Max => out[placed.largest(image)] += delta,
                    Pooling::Average => placed.pixels().for_each(|pixel| out[pixel] += delta * share),
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, delta, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (image, pooled) = (self.window.image(), self.window.channels * self.window.positions());
        let (out, delta) = (BlockArray::rows(write(&out), image), BlockArray::rows(read(delta), pooled));
        let arrays = [out, delta, BlockArray::repeated(read(x), image)];
        let (period, kind, window) = (x.len as u32, self.kind as u32, WindowNumbers::new(&self.window));
        gpu.by_rows(Self::NAME, &arrays, self.rows, image, &|block| Numbers {
            len: (block.len() * image) as u32,
            period,
            kind,
            window,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/pool_backward.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = WINDOW;
        let (image, pooled, copies) = (window.image(), window.channels * window.positions(), 3);
        let base = trial.rows(copies * image);
        let rows = copies * base;
        let (delta, x, mut out) =
            (trial.numbers(rows * pooled)?, trial.numbers(base * image)?, backend.zeros(rows * image)?);
        for kind in [Pooling::Max, Pooling::Average] {
            trial.run(|| {
                let arrays = (front_mut(&mut out, rows * image), front(&delta, rows * pooled), front(&x, base * image));
                backend.run(&PoolBackward { window, kind, rows }, arrays)
            })?;
            trial.wrote(&out, rows * image)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, period: u32, kind: u32, window: WindowNumbers }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (window, base, copies) = (WINDOW, 2, 3);
        let (image, pooled, rows) = (window.image(), window.channels * window.positions(), base * copies);
        let (delta, x) = (numbers(1, rows * pooled), numbers(2, base * image));
        for kind in [Pooling::Max, Pooling::Average] {
            let operation = PoolBackward { window, kind, rows };
            let got = written(&vec![7.0; rows * image], |cpu, out| {
                cpu.run(&operation, (out, held(&delta).all(), held(&x).all()))
            });
            let mut want = vec![0.0; rows * image];
            for (e, delta) in delta.iter().enumerate() {
                let (row, pixels) = (e / pooled, pooled_pixels(&window, e % pooled));
                let x = &x[row % base * image..];
                let best = pixels.iter().copied().reduce(|a, b| if x[b] > x[a] { b } else { a }).expect("pixels");
                for &pixel in &pixels {
                    want[row * image + pixel] += match kind {
                        Pooling::Max if pixel == best => *delta,
                        Pooling::Max => 0.0,
                        Pooling::Average => delta / window.area() as f64,
                    };
                }
            }
            close(&got, |e| want[e]);
        }
    }
}
