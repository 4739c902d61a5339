//! Elements dropped at random, each step and example anew.

use super::*;
use crate::compute::op;
use crate::graph::Draw;
use std::ops::Range;

/// PyTorch's dropout in training: about a share of the elements is 0, and the others are divided by what is left of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout {
    shape: Vec<usize>,
    dropped: Dropped,
}

/// Which elements are dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropped {
    /// The share of them: at least 0 and below 1.
    pub share: f64,
    /// The number of the layer, for which others are drawn than for the rest.
    pub layer: u32,
}

impl Dropped {
    /// What is left of x, copies of some base rows: of each the elements with these numbers.
    pub(super) fn run<B: Backend>(
        &self,
        backend: &B,
        draw: Option<Draw<'_, B>>,
        (rows, elements): (&Range<usize>, Range<usize>),
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let missing = || BackendError::Invalid("dropout: a pass in training has to know its step and its examples".into());
        let (Draw { seed, step, examples }, Self { share, layer }) = (draw.ok_or_else(missing)?, *self);
        let (width, first) = (elements.len(), elements.start);
        let own = op::Dropout { width, first, from: rows.start, rows: rows.len(), seed, step, layer, share };
        backend.run(&own, (out, x, examples))
    }
}

impl Dropout {
    /// Of a value of any shape.
    pub fn new(shape: &[usize], dropped: Dropped) -> Self {
        Self { shape: shape.to_vec(), dropped }
    }

    /// `out = m ∘ x`; x holds copies of the pass's rows.
    fn drop<B: Backend>(
        &self,
        site: &Site<'_, B>,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        self.dropped.run(site.backend, site.draw, (&(0..site.rows), 0..count(&self.shape)), out, x)
    }

    fn through<B: Backend>(
        &self,
        site: &Site<'_, B>,
        back: &Back<'_>,
        delta: Slice<'_, B::Buffer>,
    ) -> Result<Deltas<B>> {
        back.to_input(|| fresh(site.backend, delta.len, |out| self.drop(site, out, delta)))
    }
}

impl Primitive for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn built(&self) -> Built {
        Built { draws: true, ..Built::plain(vec![count(&self.shape)], &self.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        self.drop(site, out, first(inputs)?)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        self.through(site, back, Slice::new(&delta, 0, back.copies * seen.value.len))
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.drop(site, out, moved.only_slope()?)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        self.through(site, back, turning.change())
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(highest(before))
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Element
    }

    fn work(&self) -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn derivatives() {
        for share in [0.0, 0.3, 0.5] {
            check::against_differences(&[2, 5], Dropout::new(&[2, 5], Dropped { share, layer: 3 }));
        }
    }
}
