//! `out = value`.

use super::*;

/// `out = value`.
#[derive(Debug, Clone, Copy)]
pub struct Fill {
    /// What every element becomes.
    pub value: f64,
}

impl Operation for Fill {
    const NAME: &'static str = "fill";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = SliceMut<'a, T>;

    fn check<T, I: Indices>(&self, _: &Self::Arrays<'_, T, I>) -> Result<()> {
        Ok(())
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, out: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        fill(view_mut(out)?, E::from_f64(self.value));
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, out: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        gpu.each(Self::NAME, &[write(&out)], &|len| Numbers { len: len as u32, value: self.value as f32 })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/fill.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let mut out = trial.numbers(len)?;
        trial.run(|| backend.run(&Fill { value: 0.625 }, front_mut(&mut out, len)))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, value: f32 }
}

/// `out = value`.
pub(in crate::compute) fn fill<E: Element>(out: &mut [E], value: E) {
    out.par_chunks_mut(CHUNK).for_each(|out| out.fill(value));
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let got = written(&[0.0; 13], |cpu, out| cpu.run(&Fill { value: 0.7 }, out));
        close(&got, |_| 0.7);
    }
}
