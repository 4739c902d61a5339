//! Elements dropped at random, by a counter instead of a state.

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::PHILOX;
use crate::compute::philox::philox;

/// `out = x / (1 - share)`, and 0 for about a share of the elements. The arrays are `(out, x, examples)`: x holds copies of
/// rows, of the examples from `from` on.
///
/// Whether an element is dropped depends on nothing but its number, its example and the numbers here: see
/// [`threshold`](Self::threshold).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Elements of a row.
    pub width: usize,
    /// The number of a row's first element within its example.
    pub first: usize,
    /// The first of the examples that the rows are of, and how many they are.
    pub from: usize,
    /// See `from`.
    pub rows: usize,
    /// What is drawn from.
    pub seed: u64,
    /// The step of training.
    pub step: u32,
    /// The number of the layer.
    pub layer: u32,
    /// The share that is dropped: at least 0 and below 1.
    pub share: f64,
}

impl Dropout {
    /// An element is dropped where its random word is below this. The words of elements 4 b to 4 b + 3 are those that
    /// Philox-4x32-10 makes of the counter (b, example, step, layer) and the key (seed mod 2³², seed / 2³²).
    pub fn threshold(&self) -> u32 {
        (self.share * 4_294_967_296.0) as u32
    }

    fn key(&self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }

    fn scale(&self) -> f64 {
        1.0 / (1.0 - self.share)
    }

    /// The numbers of the counters that a row needs: each is of four elements.
    fn quads(&self) -> std::ops::Range<usize> {
        self.first / 4..(self.first + self.width).div_ceil(4)
    }
}

impl Operation for Dropout {
    const NAME: &'static str = "dropout";
    // That of the factor, and that of the product, of numbers up to 1 / (1 - 0.3).
    const ROUNDINGS: f64 = 3.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, &'a I);

    fn check<T, I: Indices>(&self, (out, x, examples): &Self::Arrays<'_, T, I>) -> Result<()> {
        fit(Self::NAME, &[(out.len, x.len), (x.len % (self.rows * self.width).max(1), 0)])?;
        require(Self::NAME, self.from + self.rows <= examples.values().len(), "a row has no example")?;
        require(Self::NAME, (0.0..1.0).contains(&self.share), "the share must be at least 0 and below 1")
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, x, examples): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, x, examples) = (view_mut(out)?, view(x)?, &examples[self.from..][..self.rows]);
        let (width, threshold, scale) = (self.width.max(1), self.threshold(), E::from_f64(self.scale()));
        let rows = out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate();
        rows.with_min_len((CHUNK / width).max(1)).for_each(|(row, (out, x))| {
            let example = examples[row % examples.len()];
            for quad in self.quads() {
                let words = philox([quad as u32, example, self.step, self.layer], self.key());
                let places = (4 * quad..).zip(words).filter_map(|(element, word)| {
                    let place = element.checked_sub(self.first).filter(|&place| place < width)?;
                    Some((place, word))
                });
                for (place, word) in places {
                    out[place] = if word < threshold { E::ZERO } else { x[place] * scale };
                }
            }
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x, examples): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let &Self { width, first, from, rows, step, layer, .. } = self;
        let (quads, [key_low, key_high]) = (self.quads().len(), self.key());
        let examples = BlockArray::repeated(GpuBackend::indices(examples).part(from, rows), 1);
        let arrays = [BlockArray::rows(write(&out), width), BlockArray::rows(read(x), width), examples];
        gpu.by_rows(Self::NAME, &arrays, out.len / width.max(1), quads, &|block| Numbers {
            len: (block.len() * quads) as u32,
            quads: quads as u32,
            width: width as u32,
            first: first as u32,
            rows: rows as u32,
            key_low,
            key_high,
            step,
            layer,
            threshold: self.threshold(),
            scale: self.scale() as f32,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, PHILOX, include_str!("../../../shaders/op/dropout.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, copies) = (7, 3);
        let rows = trial.rows(width * copies);
        let len = copies * rows * width;
        let (x, mut out) = (trial.numbers(len)?, backend.zeros(len)?);
        let examples = backend.index(&(0..rows as u32 + 1).map(|row| 5 * row + 2).collect::<Vec<_>>())?;
        let seed = (3 << 32) + 5;
        let dropout = Dropout { width, first: 6, from: 1, rows, seed, step: 9, layer: 2, share: 0.3 };
        trial.run(|| backend.run(&dropout, (front_mut(&mut out, len), front(&x, len), &examples)))?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers {
        len: u32, quads: u32, width: u32, first: u32, rows: u32, key_low: u32, key_high: u32, step: u32, layer: u32,
        threshold: u32, scale: f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const DROPOUT: Dropout =
        Dropout { width: 5, first: 0, from: 1, rows: 2, seed: (7 << 32) + 11, step: 3, layer: 4, share: 0.4 };

    fn dropped(own: &Dropout, x: &[f64], examples: &[u32]) -> Vec<f64> {
        written(&vec![0.5; x.len()], |cpu, out| cpu.run(own, (out, held(x).all(), &examples.to_vec())))
    }

    /// Copies of rows have the same words, and an element's word is one of four of its counter.
    #[test]
    fn as_plain_loops() {
        let x = numbers(1, 3 * 2 * 5);
        let got = dropped(&DROPOUT, &x, &[8, 21, 6]);
        for (e, &got) in got.iter().enumerate() {
            let (example, element) = ([21, 6][e / 5 % 2], e % 5);
            let words = philox([(element / 4) as u32, example, 3, 4], [11, 7]);
            let uniform = f64::from(words[element % 4]) / 2f64.powi(32);
            assert_eq!(got, if uniform < 0.4 { 0.0 } else { x[e] * (1.0 / (1.0 - 0.4)) });
        }
        assert!(got.contains(&0.0) && got.iter().any(|&value| value != 0.0));
    }

    /// A part of a row is dropped as in the whole of it.
    #[test]
    fn parts_of_rows() {
        let (width, example) = (23, 9);
        let ones = vec![1.0; width];
        let whole = dropped(&Dropout { width, rows: 1, ..DROPOUT }, &ones, &[0, example]);
        for first in 0..width {
            for end in first + 1..=width {
                let part = Dropout { first, width: end - first, rows: 1, from: 0, ..DROPOUT };
                assert_eq!(dropped(&part, &ones[first..end], &[example]), whole[first..end]);
            }
        }
    }

    /// As many are dropped as should be, within five standard deviations; and another seed, step, example or layer drops others.
    #[test]
    fn shares() {
        let count = 40_000;
        let ones = vec![1.0; count];
        let of = |own: Dropout| dropped(&Dropout { width: count, rows: 1, ..own }, &ones, &[0, 1, 2]);
        let dropped = |values: &[f64]| values.iter().filter(|&&value| value == 0.0).count() as f64;
        for share in [0.0, 0.1, 0.5, 0.9] {
            let (got, want) = (dropped(&of(Dropout { share, ..DROPOUT })), share * count as f64);
            assert!((got - want).abs() <= 5.0 * (want * (1.0 - share)).sqrt(), "{got} of {want}");
        }
        let own = of(DROPOUT);
        let others = [
            Dropout { seed: DROPOUT.seed + 1, ..DROPOUT },
            Dropout { seed: DROPOUT.seed + (1 << 32), ..DROPOUT },
            Dropout { step: 2, ..DROPOUT },
            Dropout { layer: 0, ..DROPOUT },
            Dropout { from: 2, ..DROPOUT },
        ];
        for other in others {
            // Independent ones agree that an element is dropped in 0.16 of all places.
            let both = of(other).iter().zip(&own).filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f64;
            let want = 0.16 * count as f64;
            assert!((both - want).abs() <= 5.0 * (want * 0.84).sqrt(), "{both} of {want}");
        }
    }

    #[test]
    fn rows_need_an_example() {
        let (x, mut out) = (held(&[1.0; 10]), held(&[0.0; 10]));
        let mut run = |examples: usize| CpuBackend::new().run(&DROPOUT, (out.all_mut(), x.all(), &vec![0; examples]));
        assert!(run(3).is_ok() && run(2).is_err());
    }
}
