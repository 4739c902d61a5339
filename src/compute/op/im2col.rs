//! Images unfolded into patches.

use super::*;
use crate::compute::cpu::window::{Places, Run};

/// Unfolds images `[rows, channels, height, width]` into patches
/// `[rows, out_height * out_width, channels * area]`, zeros in the padding.
#[derive(Debug, Clone, Copy)]
pub struct Im2col {
    /// The window.
    pub window: Window,
    /// Images.
    pub rows: usize,
}

impl Operation for Im2col {
    const NAME: &'static str = "im2col";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        let Self { window, rows } = self;
        fit(Self::NAME, &[(out.len, rows * window.positions() * window.patch()), (x.len, rows * window.image())])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (shape, out, x) = (&self.window, view_mut(out)?, view(x)?);
        let (positions, width, places) = (shape.positions(), shape.patch(), Places::new(shape));
        out.par_chunks_mut(positions * width).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
            if shape.padding != [0; 2] {
                out.fill(E::ZERO);
            }
            for (placed, out) in places.patches().zip(out.chunks_mut(width)) {
                for Run { entry, pixel, len, step } in placed.runs() {
                    if step > 1 {
                        let pixels = image[pixel..].iter().step_by(step);
                        out[entry..entry + len].iter_mut().zip(pixels).for_each(|(out, &pixel)| *out = pixel);
                        continue;
                    }
                    let (out, image) = (&mut out[entry..entry + len], &image[pixel..pixel + len]);
                    // The usual widths as one value: a loop of three is all overhead.
                    match len {
                        3 => copy::<E, 3>(out, image),
                        5 => copy::<E, 5>(out, image),
                        _ => out.copy_from_slice(image),
                    }
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (image, patches) = (self.window.image(), self.window.positions() * self.window.patch());
        let arrays = [BlockArray::rows(write(&out), patches), BlockArray::rows(read(x), image)];
        let window = WindowNumbers::new(&self.window);
        gpu.by_rows(Self::NAME, &arrays, self.rows, patches, &|block| Numbers {
            len: (block.len() * patches) as u32,
            window,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/im2col.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let window = Window { dilation: [1, 2], ..Window::square([2, 5, 4], 3, 2, 1) };
        let patches = window.positions() * window.patch();
        let rows = trial.rows(patches);
        let (x, mut out) = (trial.numbers(rows * window.image())?, backend.zeros(rows * patches)?);
        trial.run(|| {
            backend
                .run(&Im2col { window, rows }, (front_mut(&mut out, rows * patches), front(&x, rows * window.image())))
        })?;
        trial.wrote(&out, rows * patches)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, window: WindowNumbers }
}

#[inline(always)]
fn copy<E: Element, const LEN: usize>(out: &mut [E], image: &[E]) {
    if let (Some(out), Some(image)) = (out.first_chunk_mut::<LEN>(), image.first_chunk::<LEN>()) {
        *out = *image;
    }
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
            let x = numbers(1, rows * window.image());
            let start = vec![7.0; rows * patches];
            let got = written(&start, |cpu, out| cpu.run(&Im2col { window, rows }, (out, held(&x).all())));
            close(&got, |e| {
                let pixel = pixel(&window, e % patches / window.patch(), e % window.patch());
                pixel.map_or(0.0, |pixel| x[e / patches * window.image() + pixel])
            });
        }
    }
}
