//! Gradients through elementwise functions.

use super::*;

/// `out[e] = delta[e] slope[e % slope.len]`; `out` and `delta` hold copies of `slope`.
#[derive(Debug, Clone, Copy)]
pub struct Multiply;

impl Operation for Multiply {
    const NAME: &'static str = "multiply";
    const ROUNDINGS: f64 = 1.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, delta, slope): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, delta.len), (out.len % slope.len.max(1), 0)])
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, delta, slope): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, delta, slope) = (view_mut(out)?, view(delta)?, view(slope)?);
        let width = slope.len().max(1);
        for (out, delta) in out.chunks_mut(width).zip(delta.chunks(width)) {
            if width <= CHUNK {
                product(out, delta, slope);
            } else {
                let parts = out.par_chunks_mut(CHUNK).zip(delta.par_chunks(CHUNK)).zip(slope.par_chunks(CHUNK));
                parts.for_each(|((out, delta), slope)| product(out, delta, slope));
            }
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, delta, slope): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let (delta, period) = (BlockArray::rows(read(delta), 1), slope.len as u32);
        let arrays = [BlockArray::rows(write(&out), 1), delta, BlockArray::repeated(read(slope), 1)];
        gpu.by_rows(Self::NAME, &arrays, out.len, 1, &|block| Numbers { len: block.len() as u32, period })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/multiply.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (copies, base) = (3, trial.rows(3));
        let (delta, slope) = (trial.numbers(copies * base)?, trial.numbers(base)?);
        let mut out = backend.zeros(copies * base)?;
        trial.run(|| {
            let arrays = (front_mut(&mut out, copies * base), front(&delta, copies * base), front(&slope, base));
            backend.run(&Multiply, arrays)
        })?;
        trial.wrote(&out, copies * base)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, period: u32 }
}

fn product<E: Element>(out: &mut [E], delta: &[E], slope: &[E]) {
    for ((out, &delta), &slope) in out.iter_mut().zip(delta).zip(slope) {
        *out = delta * slope;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (delta, slope) = (numbers(1, 15), numbers(2, 5));
        let got = written(&[0.0; 15], |cpu, out| cpu.run(&Multiply, (out, held(&delta).all(), held(&slope).all())));
        close(&got, |e| delta[e] * slope[e % 5]);
    }
}
