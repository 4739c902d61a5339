//! Entries that a mask replaces.

use super::*;

/// `out = value` where the mask is not 0, and x elsewhere. The arrays are `(out, x, mask)`: x holds copies of the mask's rows, a
/// row of x has `repeats` times as many elements as one of the mask, which begins anew after its `width`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    /// Elements of a row of the mask.
    pub width: usize,
    /// How often a row of the mask is in a row of x.
    pub repeats: usize,
    /// What stands where the mask is not 0.
    pub value: f64,
}

impl Operation for Mask {
    const NAME: &'static str = "mask";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x, mask): &Self::Arrays<'_, T, I>) -> Result<()> {
        let row = (mask.len * self.repeats).max(1);
        fit(Self::NAME, &[(out.len, x.len), (x.len % row, 0), (mask.len % self.width.max(1), 0)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, x, mask): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, x, mask) = (view_mut(out)?, view(x)?, view(mask)?);
        let (width, value) = (self.width.max(1), E::from_f64(self.value));
        let (rows, repeats) = ((mask.len() / width).max(1), self.repeats.max(1));
        let parts = out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate();
        parts.with_min_len((CHUNK / width).max(1)).for_each(|(part, (out, x))| {
            let mask = &mask[part / repeats % rows * width..][..width];
            for ((out, &x), &mask) in out.iter_mut().zip(x).zip(mask) {
                *out = if mask == E::ZERO { x } else { value };
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x, mask): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (width, row) = (self.width, self.width * self.repeats);
        let arrays = [
            BlockArray::rows(write(&out), row),
            BlockArray::rows(read(x), row),
            BlockArray::repeated(read(mask), width),
        ];
        gpu.by_rows(Self::NAME, &arrays, out.len / row.max(1), row, &|block| Numbers {
            len: (block.len() * row) as u32,
            row: row as u32,
            width: width as u32,
            rows: (mask.len / width.max(1)) as u32,
            value: self.value as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/mask.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, repeats, copies) = (5, 2, 3);
        let base = trial.rows(width * repeats * copies);
        let len = copies * base * repeats * width;
        let (x, marks, mut out) = (trial.numbers(len)?, trial.numbers(base * width)?, backend.zeros(len)?);
        let mut mask = backend.zeros(base * width)?;
        // The positive part: about half of it is 0.
        backend.activation(
            crate::activation::Activation::Relu,
            front_mut(&mut mask, base * width),
            front(&marks, base * width),
        )?;
        trial.run(|| {
            let arrays = (front_mut(&mut out, len), front(&x, len), front(&mask, base * width));
            backend.run(&Mask { width, repeats, value: 0.5 }, arrays)
        })?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, row: u32, width: u32, rows: u32, value: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (width, repeats, base, copies) = (3, 2, 2, 2);
        let x = numbers(1, copies * base * repeats * width);
        let mask = [0.0, 1.0, 0.0, -2.0, 0.0, 0.5];
        let value = f64::NEG_INFINITY;
        let got = written(&vec![0.0; x.len()], |cpu, out| {
            cpu.run(&Mask { width, repeats, value }, (out, held(&x).all(), held(&mask).all()))
        });
        for (e, &got) in got.iter().enumerate() {
            let (row, at) = (e / (width * repeats) % base, e % width);
            assert_eq!(got, if mask[row * width + at] == 0.0 { x[e] } else { value });
        }
    }
}
