//! Softmax along an axis, and its logarithm.

use super::*;
use crate::compute::op::{Center, CenterArrays, Softmax as Sums, Visible};
use crate::compute::Start;

/// `eˣ / Σ eˣ` along an axis, or the logarithm of that.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    shape: Vec<usize>,
    sums: Sums,
}

/// What a sum along an axis is taken of: entries less a weighted sum of them, times a factor.
struct Factors<'a, T> {
    own: f64,
    start: Start,
    u: Option<Slice<'a, T>>,
    v: Option<Slice<'a, T>>,
}

impl Softmax {
    /// Along an axis.
    ///
    /// # Errors
    ///
    /// No such axis.
    pub fn new(input: &[usize], axis: usize) -> std::result::Result<Self, String> {
        let (_, from) = input.split_at_checked(axis).ok_or_else(|| no_axis(input, axis))?;
        let (&length, after) = from.split_first().ok_or_else(|| no_axis(input, axis))?;
        let inner = count(after);
        Ok(Self { shape: input.to_vec(), sums: Sums { length, inner, seen: Visible::All, log: false } })
    }

    /// Its logarithm, `x - log Σ eˣ`.
    ///
    /// # Errors
    ///
    /// No such axis.
    pub fn log(input: &[usize], axis: usize) -> std::result::Result<Self, String> {
        let softmax = Self::new(input, axis)?;
        Ok(Self { sums: Sums { log: true, ..softmax.sums }, ..softmax })
    }

    fn center<B: Backend>(
        &self,
        backend: &B,
        out: SliceMut<'_, B::Buffer>,
        h: Slice<'_, B::Buffer>,
        factors: Factors<'_, B::Buffer>,
    ) -> Result<()> {
        let Sums { length, inner, .. } = self.sums;
        let Factors { own, start, u, v } = factors;
        backend.run(&Center { length, inner, own, start }, CenterArrays { out, h, u, v })
    }

    /// s: the value itself, or what was saved beside its logarithm.
    fn softmax<'p, B: Backend>(&self, seen: &Seen<'p, B>) -> Result<Slice<'p, B::Buffer>> {
        if self.sums.log { seen.saved(seen.value.len) } else { Ok(seen.value) }
    }

    /// The derivative along h: `s ∘ (h - Σ s h)`, of the logarithm `h - Σ s h`.
    fn along<B: Backend>(
        &self,
        backend: &B,
        s: Slice<'_, B::Buffer>,
        h: Slice<'_, B::Buffer>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let u = (!self.sums.log).then_some(s);
        self.center(backend, out, h, Factors { own: 1.0, start: Start::Value(0.0), u, v: Some(s) })
    }

    /// A gradient through it: `s ∘ (δ - Σ s δ)`, of the logarithm `δ - s Σ δ`.
    fn through<B: Backend>(
        &self,
        backend: &B,
        s: Slice<'_, B::Buffer>,
        delta: Slice<'_, B::Buffer>,
    ) -> Result<B::Buffer> {
        if !self.sums.log {
            return fresh(backend, delta.len, |out| self.along(backend, s, delta, out));
        }
        let mut found = backend.copied(delta)?;
        self.less_sum(backend, s, delta, &mut found)?;
        Ok(found)
    }

    /// `found -= u Σ δ`.
    fn less_sum<B: Backend>(
        &self,
        backend: &B,
        u: Slice<'_, B::Buffer>,
        delta: Slice<'_, B::Buffer>,
        found: &mut B::Buffer,
    ) -> Result<()> {
        let factors = Factors { own: 0.0, start: Start::Output, u: Some(u), v: None };
        self.center(backend, SliceMut::new(found, 0, delta.len), delta, factors)
    }
}

fn no_axis(shape: &[usize], axis: usize) -> String {
    format!("the shape {shape:?} has no axis {axis}")
}

/// How a gradient through a softmax along the axis of `sums` changes as the softmax s does, added to what is there:
/// `ṡ ∘ (δ - Σ s δ) - s Σ ṡ δ`.
pub(super) fn add_turn<B: Backend>(
    backend: &B,
    sums: Sums,
    (s, change): (Slice<'_, B::Buffer>, Slice<'_, B::Buffer>),
    delta: Slice<'_, B::Buffer>,
    found: &mut B::Buffer,
) -> Result<()> {
    let Sums { length, inner, .. } = sums;
    for (own, u, v) in [(1.0, change, s), (0.0, s, change)] {
        let out = SliceMut::new(&mut *found, 0, delta.len);
        let arrays = CenterArrays { out, h: delta, u: Some(u), v: Some(v) };
        backend.run(&Center { length, inner, own, start: Start::Output }, arrays)?;
    }
    Ok(())
}

impl Primitive for Softmax {
    fn name(&self) -> &'static str {
        if self.sums.log { "log_softmax" } else { "softmax" }
    }

    fn built(&self) -> Built {
        Built::plain(vec![count(&self.shape)], &self.shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        let x = first(inputs)?;
        site.backend.run(&self.sums, (out, x))?;
        if !self.sums.log {
            return Ok(Vec::new());
        }
        let softmax = Sums { log: false, ..self.sums };
        Ok(vec![fresh(site.backend, x.len, |out| site.backend.run(&softmax, (out, x)))?])
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let delta = Slice::new(&delta, 0, back.copies * seen.value.len);
        back.to_input(|| self.through(site.backend, self.softmax(seen)?, delta))
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.along(site.backend, self.softmax(seen)?, moved.only_slope()?, out)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, s) = (site.backend, self.softmax(seen)?);
        back.to_input(|| {
            let mut found = self.through(backend, s, turning.change())?;
            let Some(slope) = turning.slope() else { return Ok(found) };
            // ṡ, whether or not the logarithm is what moves.
            let plain = Self { sums: Sums { log: false, ..self.sums }, ..self.clone() };
            let change = fresh(backend, slope.len, |out| plain.along(backend, s, slope, out))?;
            let change = Slice::new(&change, 0, slope.len);
            if self.sums.log {
                self.less_sum(backend, change, turning.delta, &mut found)?;
            } else {
                add_turn(backend, self.sums, (s, change), turning.delta, &mut found)?;
            }
            Ok(found)
        })
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, _before: &[usize]) -> Option<usize> {
        None
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        if self.sums.log { MinusInfinity::Spoils } else { MinusInfinity::Vanishes }
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    fn work(&self) -> Work {
        Work { kept: if self.sums.log { count(&self.shape) } else { 0 }, ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn along_every_axis() {
        for axis in 0..3 {
            check::against_differences(&[2, 4, 3], Softmax::new(&[2, 4, 3], axis).expect("an axis"));
            check::against_differences(&[2, 4, 3], Softmax::log(&[2, 4, 3], axis).expect("an axis"));
        }
        let problem = Softmax::new(&[2, 3], 2).err();
        assert!(problem.is_some_and(|problem| problem.contains("no axis 2")));
    }
}
