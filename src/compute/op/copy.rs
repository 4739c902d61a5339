//! `out = x`.

use super::*;

/// `out = x`: arrays of the same length.
#[derive(Debug, Clone, Copy)]
pub struct Copy;

impl Operation for Copy {
    const NAME: &'static str = "copy";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(x.len, out.len)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        copy(view_mut(out)?, view(x)?);
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        gpu.each(Self::NAME, &[write(&out), read(x)], &|len| Numbers { len: len as u32 })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/copy.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let (x, mut out) = (trial.numbers(len)?, backend.zeros(len)?);
        trial.run(|| backend.run(&Copy, (front_mut(&mut out, len), front(&x, len))))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32 }
}

/// `out = x`, of the same length.
pub(in crate::compute) fn copy<E: Element>(out: &mut [E], x: &[E]) {
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| out.copy_from_slice(x));
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let x = numbers(1, 13);
        let got = written(&[0.0; 13], |cpu, out| cpu.run(&Copy, (out, held(&x).all())));
        close(&got, |e| x[e]);
    }
}
