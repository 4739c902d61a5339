//! Patches summed back into images.

use super::*;
use crate::compute::cpu::window::{Places, Run};

/// The transpose of [`Im2col`](super::Im2col): each pixel sums the patch entries that hold it.
#[derive(Debug, Clone, Copy)]
pub struct Col2im {
    /// The window.
    pub window: Window,
    /// Images.
    pub rows: usize,
}

impl Operation for Col2im {
    const NAME: &'static str = "col2im";
    const ROUNDINGS: f64 = 40.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, patches): &Self::Arrays<'_, T, I>) -> Result<()> {
        let Self { window, rows } = self;
        fit(Self::NAME, &[(patches.len, rows * window.positions() * window.patch()), (out.len, rows * window.image())])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, patches): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (shape, out, patches) = (&self.window, view_mut(out)?, view(patches)?);
        let (positions, width, places) = (shape.positions(), shape.patch(), Places::new(shape));
        out.par_chunks_mut(shape.image()).zip(patches.par_chunks(positions * width)).for_each(|(image, patches)| {
            image.fill(E::ZERO);
            for (placed, values) in places.patches().zip(patches.chunks(width)) {
                for Run { entry, pixel, len, step } in placed.runs() {
                    if step > 1 {
                        let pair = image[pixel..].iter_mut().step_by(step).zip(&values[entry..entry + len]);
                        pair.for_each(|(pixel, &value)| *pixel += value);
                        continue;
                    }
                    let pair = image[pixel..pixel + len].iter_mut().zip(&values[entry..entry + len]);
                    pair.for_each(|(pixel, &value)| *pixel += value);
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, patches): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (image, width) = (self.window.image(), self.window.positions() * self.window.patch());
        let arrays = [BlockArray::rows(write(&out), image), BlockArray::rows(read(patches), width)];
        let window = WindowNumbers::new(&self.window);
        gpu.by_rows(Self::NAME, &arrays, self.rows, image, &|block| Numbers {
            len: (block.len() * image) as u32,
            window,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/col2im.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = Window { dilation: [2, 1], ..Window::square([2, 5, 4], 3, 1, 1) };
        let (image, patches) = (window.image(), window.positions() * window.patch());
        let rows = trial.rows(image);
        let (x, mut out) = (trial.numbers(rows * patches)?, backend.zeros(rows * image)?);
        trial.run(|| {
            backend.run(&Col2im { window, rows }, (front_mut(&mut out, rows * image), front(&x, rows * patches)))
        })?;
        trial.wrote(&out, rows * image)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, window: WindowNumbers }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        for (kernel, stride, padding, dilation) in
            [(3, 2, 1, 1), (1, 1, 0, 1), (2, 1, 1, 1), (2, 1, 1, 3), (3, 2, 3, 2)]
        {
            let square = Window::square([2, 4, 5], kernel, stride, padding);
            let window = Window { kernel: [kernel, 2], dilation: [1, dilation], ..square };
            let (rows, patches) = (3, window.positions() * window.patch());
            let x = numbers(1, rows * patches);
            let start = vec![7.0; rows * window.image()];
            let got = written(&start, |cpu, out| cpu.run(&Col2im { window, rows }, (out, held(&x).all())));
            let mut want = vec![0.0; rows * window.image()];
            for (e, x) in x.iter().enumerate() {
                if let Some(pixel) = pixel(&window, e % patches / window.patch(), e % window.patch()) {
                    want[e / patches * window.image() + pixel] += x;
                }
            }
            close(&got, |e| want[e]);
        }
    }
}
