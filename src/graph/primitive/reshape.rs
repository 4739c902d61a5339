//! The same numbers in another shape.

use super::*;

/// The same numbers in another shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Reshape {
    shape: Vec<usize>,
}

impl Reshape {
    /// Of values of a shape, to one axis.
    pub fn flat(input: &[usize]) -> Self {
        Self { shape: vec![count(input)] }
    }
}

impl Primitive for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn built(&self) -> Built {
        Built { aliases: true, ..Built::plain(vec![count(&self.shape)], &self.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        site.backend.copy(out, first(inputs)?)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        _site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        back.to_input(|| Ok(delta))
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        site.backend.copy(out, moved.only_slope()?)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let Turning { change, .. } = turning;
        self.backward(site, seen, back, change, visit)
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: usize) -> Option<usize> {
        Some(before)
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
    fn the_same_numbers() {
        check::against_differences(&[2, 3], Reshape::flat(&[2, 3]));
    }
}
