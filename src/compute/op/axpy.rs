//! `out += scale x`.

use super::*;

/// `out += scale x`: arrays of the same length.
#[derive(Debug, Clone, Copy)]
pub struct Axpy {
    /// What x is multiplied by.
    pub scale: f64,
}

impl Operation for Axpy {
    const NAME: &'static str = "axpy";
    const ROUNDINGS: f64 = 3.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(x.len, out.len)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (out, x, scale) = (view_mut(out)?, view(x)?, E::from_f64(self.scale));
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
            for (out, &x) in out.iter_mut().zip(x) {
                *out += scale * x;
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let scale = self.scale as f32;
        gpu.each(Self::NAME, &[write(&out), read(x)], &|len| Numbers { len: len as u32, scale })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/axpy.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let (x, mut out) = (trial.numbers(len)?, trial.numbers(len)?);
        trial.run(|| backend.run(&Axpy { scale: -0.25 }, (front_mut(&mut out, len), front(&x, len))))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, scale: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (x, before) = (numbers(1, 13), numbers(2, 13));
        let got = written(&before, |cpu, out| cpu.run(&Axpy { scale: -0.3 }, (out, held(&x).all())));
        close(&got, |e| before[e] - 0.3 * x[e]);
    }
}
