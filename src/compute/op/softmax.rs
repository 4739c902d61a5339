//! Softmax along an axis.

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::MATH;

/// `out = eˣ / Σ eˣ` along an axis, or its logarithm `x - log Σ eˣ`. The arrays are `(out, x)`, `[.., length, inner]`: the sums
/// are over the `length` entries that lie `inner` apart. Where all of them are -∞, the result is no number, as in PyTorch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softmax {
    /// Entries of a sum.
    pub length: usize,
    /// From one entry of a sum to the next.
    pub inner: usize,
    /// Which entries there are.
    pub seen: Visible,
    /// Whether the logarithm is taken.
    pub log: bool,
}

/// Which entries of a line a [`Softmax`] sees; the others count as -∞.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible {
    /// Every one.
    All,
    /// Those up to the line's own number: `first` for the first line, counted up and begun anew after `lines`.
    Causal {
        /// The number of the first line.
        first: usize,
        /// How many lines there are.
        lines: usize,
    },
}

impl Visible {
    /// How many entries of a line are seen.
    fn count(self, line: usize, length: usize) -> usize {
        match self {
            Visible::All => length,
            Visible::Causal { first, lines } => length.min(first + line % lines.max(1) + 1),
        }
    }
}

impl Operation for Softmax {
    const NAME: &'static str = "softmax";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>);

    fn check<T, I: Indices>(&self, (out, x): &Self::Arrays<'_, T, I>) -> Result<()> {
        let whole = (self.length * self.inner).max(1);
        fit(Self::NAME, &[(out.len, x.len), (x.len % whole, 0)])?;
        require(Self::NAME, self.seen == Visible::All || self.inner == 1, "causal lines lie side by side")
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, (out, x): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (out, x) = (view_mut(out)?, view(x)?);
        let whole = (self.length * self.inner).max(1);
        let parts = out.par_chunks_mut(whole).zip(x.par_chunks(whole)).enumerate();
        parts.with_min_len((CHUNK / 16 / whole).max(1)).for_each(|(line, (out, x))| {
            let count = self.seen.count(line, self.length);
            (0..self.inner).for_each(|first| self.line(&mut out[first..], &x[first..], count));
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { length, inner, seen, log } = self;
        let whole = length * inner;
        let (first, lines) = match seen {
            Visible::All => (length, 1),
            Visible::Causal { first, lines } => (first + 1, lines.max(1)),
        };
        let arrays = [BlockArray::rows(write(&out), whole), BlockArray::rows(read(x), whole)];
        gpu.by_rows(Self::NAME, &arrays, out.len / whole.max(1), inner, &|block| Numbers {
            lines: block.len() as u32,
            length: length as u32,
            inner: inner as u32,
            start: (block.start % lines) as u32,
            first: first as u32,
            period: lines as u32,
            log: u32::from(log),
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, MATH, include_str!("../../../shaders/op/softmax.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (length, lines) = (5, 3);
        let len = trial.rows(length * lines) * length * lines;
        let (x, mut out) = (trial.numbers(len)?, backend.zeros(len)?);
        for (inner, seen) in [(1, Visible::All), (3, Visible::All), (1, Visible::Causal { first: 1, lines })] {
            for log in [false, true].into_iter().filter(|log| !log || seen == Visible::All) {
                let softmax = Softmax { length, inner, seen, log };
                trial.run(|| backend.run(&softmax, (front_mut(&mut out, len), front(&x, len))))?;
                trial.wrote(&out, len)?;
            }
        }
        Ok(())
    }
}

impl Softmax {
    /// One sum; the slices begin with its first entry.
    fn line<E: Element>(&self, out: &mut [E], x: &[E], count: usize) {
        let inner = self.inner;
        let seen = |x| <[E]>::iter(x).step_by(inner).take(count);
        let top = seen(x).copied().fold(E::from_f64(f64::NEG_INFINITY), |top, x| if x > top { x } else { top });
        let mut sum = E::ZERO;
        for (out, &x) in out.iter_mut().step_by(inner).zip(seen(x)) {
            *out = (x - top).exp();
            sum += *out;
        }
        if self.log {
            let normalizer = top + sum.ln();
            out.iter_mut().step_by(inner).zip(seen(x)).for_each(|(out, &x)| *out = x - normalizer);
        } else {
            let share = E::ONE / sum;
            out.iter_mut().step_by(inner).take(count).for_each(|out| *out = share * *out);
        }
        let unseen = if self.log { E::from_f64(f64::NEG_INFINITY) } else { E::ZERO };
        out.iter_mut().step_by(inner).take(self.length).skip(count).for_each(|out| *out = unseen);
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { lines: u32, length: u32, inner: u32, start: u32, first: u32, period: u32, log: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn run(softmax: Softmax, x: &[f64]) -> Vec<f64> {
        written(&vec![9.0; x.len()], |cpu, out| cpu.run(&softmax, (out, held(x).all())))
    }

    #[test]
    fn as_plain_loops() {
        let (length, inner) = (4, 3);
        let x = numbers(1, 2 * length * inner);
        let sum = |e: usize| {
            let first = e / (length * inner) * length * inner + e % inner;
            (0..length).map(|j| x[first + j * inner].exp()).sum::<f64>()
        };
        let softmax = Softmax { length, inner, seen: Visible::All, log: false };
        close(&run(softmax, &x), |e| x[e].exp() / sum(e));
        close(&run(Softmax { log: true, ..softmax }, &x), |e| x[e] - sum(e).ln());
    }

    #[test]
    fn causal_lines_see_what_comes_before() {
        let (length, lines) = (5, 3);
        let x = numbers(1, 2 * lines * length);
        let softmax = Softmax { length, inner: 1, seen: Visible::Causal { first: 1, lines }, log: false };
        close(&run(softmax, &x), |e| {
            let (line, j) = (e / length, e % length);
            let seen = 1 + line % lines + 1;
            let sum: f64 = (0..seen).map(|j| x[line * length + j].exp()).sum();
            if j < seen { x[e].exp() / sum } else { 0.0 }
        });
    }

    /// Large numbers do not overflow, what is masked counts nothing, and where all is masked there is no number.
    #[test]
    fn infinities() {
        let none = f64::NEG_INFINITY;
        let softmax = Softmax { length: 3, inner: 1, seen: Visible::All, log: false };
        let got = run(softmax, &[1e300, none, 1e300, 0.0, none, none, none, none, none]);
        assert_eq!(got[..6], [0.5, 0.0, 0.5, 1.0, 0.0, 0.0]);
        assert!(got[6..].iter().all(|value| value.is_nan()));
        assert_eq!(run(Softmax { log: true, ..softmax }, &[0.0, none, none]), [0.0, none, none]);
    }
}
