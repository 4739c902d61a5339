//! Entries less a weighted sum of them: what derivatives of softmax are made of.

use super::*;

/// `out = start + u ∘ (own h - Σ v h)`, the sum along an axis, as in [`Softmax`](super::Softmax): with u and v both the
/// softmax s, the derivative of s along h and, since it is symmetric, a gradient h through it. u and v are those of the base
/// rows, and 1 where there are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Center {
    /// Entries of a sum.
    pub length: usize,
    /// From one entry of a sum to the next.
    pub inner: usize,
    /// What an entry's own h counts.
    pub own: f64,
    /// What the result is added to.
    pub start: Start,
}

/// The arrays of [`Center`].
#[derive(Debug)]
pub struct CenterArrays<'a, T> {
    /// `[copies * rows, .., length, inner]`.
    pub out: SliceMut<'a, T>,
    /// `[copies * rows, .., length, inner]`.
    pub h: Slice<'a, T>,
    /// `[rows, .., length, inner]`.
    pub u: Option<Slice<'a, T>>,
    /// `[rows, .., length, inner]`.
    pub v: Option<Slice<'a, T>>,
}

impl Operation for Center {
    const NAME: &'static str = "center";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = CenterArrays<'a, T>;

    fn check<T, I: Indices>(&self, CenterArrays { out, h, u, v }: &Self::Arrays<'_, T, I>) -> Result<()> {
        let whole = (self.length * self.inner).max(1);
        fit(Self::NAME, &[(out.len, h.len)])?;
        for factor in [u, v].into_iter().flatten() {
            fit(Self::NAME, &[(h.len % factor.len.max(1), 0), (factor.len % whole, 0)])?;
        }
        fit(Self::NAME, &[(h.len % whole, 0)])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let CenterArrays { out, h, u, v } = arrays;
        let (out, h, u, v) = (view_mut(out)?, view(h)?, u.map(view).transpose()?, v.map(view).transpose()?);
        let whole = (self.length * self.inner).max(1);
        let own = E::from_f64(self.own);
        let parts = out.par_chunks_mut(whole).zip(h.par_chunks(whole)).enumerate();
        parts.with_min_len((CHUNK / whole).max(1)).for_each(|(part, (out, h))| {
            let of = |factor: Option<&[E]>, e: usize| {
                factor.map_or(E::ONE, |factor| factor[(part * whole + e) % factor.len()])
            };
            for first in 0..self.inner {
                let entries = || (first..whole).step_by(self.inner);
                let sum: E = entries().map(|e| of(v, e) * h[e]).sum();
                for e in entries() {
                    let value = of(u, e) * (own * h[e] - sum);
                    out[e] = match self.start {
                        Start::Value(start) => E::from_f64(start) + value,
                        Start::Output => out[e] + value,
                    };
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let CenterArrays { out, h, u, v } = arrays;
        let whole = self.length * self.inner;
        let (u, u_lines) = lines(gpu, u, whole);
        let (v, v_lines) = lines(gpu, v, whole);
        let arrays = [BlockArray::rows(write(&out), whole), BlockArray::rows(read(h), whole), u, v];
        let (keep, start) = start_numbers(self.start);
        gpu.by_rows(Self::NAME, &arrays, out.len / whole.max(1), self.inner, &|block| Numbers {
            lines: block.len() as u32,
            length: self.length as u32,
            inner: self.inner as u32,
            u_lines,
            v_lines,
            keep,
            start,
            own: self.own as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/center.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (length, inner, copies) = (5, 2, 3);
        let base = trial.rows(copies * length * inner) * length * inner;
        let len = copies * base;
        let (h, u, v) = (trial.numbers(len)?, trial.numbers(base)?, trial.numbers(base)?);
        let mut out = trial.numbers(len)?;
        for (inner, own, start, (with_u, with_v)) in [
            (inner, 1.0, Start::Value(0.5), (true, true)),
            (1, 0.0, Start::Output, (true, false)),
            (inner, 1.0, Start::Output, (false, true)),
        ] {
            trial.run(|| {
                let (u, v) = (with_u.then(|| front(&u, base)), with_v.then(|| front(&v, base)));
                let arrays = CenterArrays { out: front_mut(&mut out, len), h: front(&h, len), u, v };
                backend.run(&Center { length, inner, own, start }, arrays)
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

/// A factor with its number of lines, 0 where there is none.
#[cfg(feature = "gpu")]
fn lines<'a>(gpu: &'a GpuBackend, factor: Option<Slice<'a, gpu::Buffer>>, whole: usize) -> (BlockArray<'a>, u32) {
    match factor {
        None => (BlockArray::shared(gpu.nothing()), 0),
        Some(factor) => (BlockArray::repeated(read(factor), whole), (factor.len / whole.max(1)) as u32),
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        lines: u32, length: u32, inner: u32, u_lines: u32, v_lines: u32, keep: u32, start: f32, own: f32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (length, inner, copies) = (3, 2, 2);
        let base = 2 * length * inner;
        let len = copies * base;
        let (h, u, v, before) = (numbers(1, len), numbers(2, base), numbers(3, base), numbers(4, len));
        for (own, start, with_u, with_v) in
            [(1.0, Start::Value(0.5), true, true), (0.0, Start::Output, true, false), (1.0, Start::Output, false, true)]
        {
            let (held_u, held_v) = (held(&u), held(&v));
            let got = written(&before, |cpu, out| {
                let (u, v) = (with_u.then(|| held_u.all()), with_v.then(|| held_v.all()));
                cpu.run(&Center { length, inner, own, start }, CenterArrays { out, h: held(&h).all(), u, v })
            });
            close(&got, |e| {
                let first = e / (length * inner) * length * inner + e % inner;
                let v = |e: usize| if with_v { v[e % base] } else { 1.0 };
                let sum: f64 = (0..length).map(|j| first + j * inner).map(|e| v(e) * h[e]).sum();
                let value = if with_u { u[e % base] } else { 1.0 } * (own * h[e] - sum);
                value + if start == Start::Output { before[e] } else { 0.5 }
            });
        }
    }
}
