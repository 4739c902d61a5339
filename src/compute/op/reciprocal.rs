//! What an optimizer multiplies by, entry by entry: one over a size.

use super::*;

/// The size of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeOf {
    /// Its root: of a mean of squares. What rounding brought below 0 counts as 0.
    Root,
    /// Its absolute value.
    Absolute,
}

/// `out = 1 / (size(x) / correction + eps)`; 0 where the divisor is below the smallest number whose reciprocal is finite in
/// single precision.
#[derive(Debug, Clone, Copy)]
pub struct Reciprocal {
    /// Which size.
    pub size: SizeOf,
    /// What the size is divided by.
    pub correction: f64,
    /// Added to the quotient.
    pub eps: f64,
}

/// Below it nothing is divided by: its reciprocal is still a number in single precision.
const LEAST: f64 = f32::MIN_POSITIVE as f64;

impl Operation for Reciprocal {
    const NAME: &'static str = "reciprocal";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(x.len, out.len)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (out, x) = (view_mut(out)?, view(x)?);
        let [correction, eps, least] = [self.correction, self.eps, LEAST].map(E::from_f64);
        let size = |x: E| match self.size {
            SizeOf::Root if x > E::ZERO => x.sqrt(),
            SizeOf::Root => E::ZERO,
            SizeOf::Absolute => x.abs(),
        };
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
            for (out, &x) in out.iter_mut().zip(x) {
                let divisor = size(x) / correction + eps;
                *out = if divisor >= least { E::ONE / divisor } else { E::ZERO };
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        gpu.each(Self::NAME, &[write(&out), read(x)], &|len| Numbers {
            len: len as u32,
            absolute: u32::from(self.size == SizeOf::Absolute),
            correction: self.correction as f32,
            eps: self.eps as f32,
            least: LEAST as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/reciprocal.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let x = trial.numbers(len)?;
        for size in [SizeOf::Root, SizeOf::Absolute] {
            let mut out = backend.zeros(len)?;
            let inverse = Reciprocal { size, correction: 0.5, eps: 0.25 };
            trial.run(|| backend.run(&inverse, (front_mut(&mut out, len), front(&x, len))))?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, absolute: u32, correction: f32, eps: f32, least: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let x = numbers(1, 13);
        let of = |size| {
            let inverse = Reciprocal { size, correction: 0.5, eps: 0.25 };
            written(&[0.0; 13], |cpu, out| cpu.run(&inverse, (out, held(&x).all())))
        };
        close(&of(SizeOf::Root), |e| 1.0 / (x[e].max(0.0).sqrt() / 0.5 + 0.25));
        close(&of(SizeOf::Absolute), |e| 1.0 / (x[e].abs() / 0.5 + 0.25));
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        let x = [0.0, -4.0, 1e-40];
        let of = |size| {
            let inverse = Reciprocal { size, correction: 1.0, eps: 0.0 };
            written(&[7.0; 3], |cpu, out| cpu.run(&inverse, (out, held(&x).all())))
        };
        close(&of(SizeOf::Root), |e| [0.0, 0.0, 1e20][e]);
        close(&of(SizeOf::Absolute), |e| [0.0, 0.25, 0.0][e]);
    }
}
