//! The larger of two numbers.

use super::*;

/// `out = max(out, x)`: arrays of the same length.
#[derive(Debug, Clone, Copy)]
pub struct Maximum;

impl Operation for Maximum {
    const NAME: &'static str = "maximum";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(x.len, out.len)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (out, x) = (view_mut(out)?, view(x)?);
        out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = if x > *out { x } else { *out };
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        gpu.each(Self::NAME, &[write(&out), read(x)], &|len| Numbers { len: len as u32 })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/maximum.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let (x, mut out) = (trial.numbers(len)?, trial.numbers(len)?);
        trial.run(|| backend.run(&Maximum, (front_mut(&mut out, len), front(&x, len))))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (x, before) = (numbers(1, 13), numbers(2, 13));
        let got = written(&before, |cpu, out| cpu.run(&Maximum, (out, held(&x).all())));
        close(&got, |e| before[e].max(x[e]));
    }
}
