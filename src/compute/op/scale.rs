//! `out *= factor`.

use super::*;

/// `out *= factor`.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// What every element is multiplied by.
    pub factor: f64,
}

impl Operation for Scale {
    const NAME: &'static str = "scale";
    const ROUNDINGS: f64 = 2.0;

    type Arrays<'a, T: 'a, I: 'a> = SliceMut<'a, T>;

    fn check<T, I: Indices>(&self, _: &Self::Arrays<'_, T, I>) -> Result<()> {
        Ok(())
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, out: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let factor = E::from_f64(self.factor);
        view_mut(out)?.par_chunks_mut(CHUNK).for_each(|out| out.iter_mut().for_each(|out| *out = factor * *out));
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, out: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let factor = self.factor as f32;
        gpu.each(Self::NAME, &[write(&out)], &|len| Numbers { len: len as u32, factor })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/scale.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let len = trial.size;
        let mut out = trial.numbers(len)?;
        trial.run(|| backend.run(&Scale { factor: -0.75 }, front_mut(&mut out, len)))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, factor: f32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let before = numbers(1, 13);
        let got = written(&before, |cpu, out| cpu.run(&Scale { factor: -0.3 }, out));
        close(&got, |e| -0.3 * before[e]);
    }
}
