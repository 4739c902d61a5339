//! A factor, and perhaps a shift, for each feature of the last axis.

use super::*;
use crate::graph::Diagonal;

/// `γ ∘ x + β` on the last axis.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleShift {
    diagonal: Diagonal,
    shape: Vec<usize>,
}

impl ScaleShift {
    /// For inputs of a shape, with or without β.
    pub fn new(input: &[usize], shift: bool) -> Self {
        let (width, positions) = last_axis(input);
        Self { diagonal: Diagonal { width, positions, shift }, shape: input.to_vec() }
    }
}

impl Diagonal {
    /// `out = γ ∘ x` for every position, at each row's own place on the segment.
    fn scaled<B: Backend>(
        &self,
        site: &Site<'_, B>,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        site.backend.scale_features(out, x, site.weights(0, self.width, self.positions))
    }

    /// `out = γ ∘ x + β` for every position of the base rows.
    pub(crate) fn values<B: Backend>(
        &self,
        site: &Site<'_, B>,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, len } = out;
        self.scaled(site, SliceMut::new(&mut *buffer, offset, len), x)?;
        if self.shift {
            let shift = site.weights(self.width, self.width, self.positions);
            site.backend.bias(SliceMut::new(buffer, offset, len), shift)?;
        }
        Ok(())
    }
}

impl Primitive for ScaleShift {
    fn name(&self) -> &'static str {
        "scale and shift"
    }

    fn built(&self) -> Built {
        let Diagonal { width, shift, .. } = self.diagonal;
        let drawn = |name, value| Drawn { name, shape: vec![width], initial: Initial::Constant(value) };
        let tensors = [Some(drawn("weight", 1.0)), shift.then(|| drawn("bias", 0.0))].into_iter().flatten().collect();
        let parameters = Some(Parameters { structure: Structure::Diagonal(self.diagonal), tensors });
        Built { parameters, ..Built::plain(vec![count(&self.shape)], &self.shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        self.diagonal.values(site, out, first(inputs)?)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let len = back.copies * seen.value.len;
        let onward = back
            .to_input(|| fresh(site.backend, len, |out| self.diagonal.scaled(site, out, Slice::new(&delta, 0, len))))?;
        visit(site.factor(Structure::Diagonal(self.diagonal), (delta, len), seen.input()?))?;
        Ok(onward)
    }

    /// `ż = γ(τ) ẋ + Δγ x + Δβ`.
    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let SliceMut { buffer, offset, len } = out;
        let x = seen.input()?;
        for (copy, direction) in moved.directions.iter().enumerate() {
            let part = SliceMut::new(&mut *buffer, offset + copy * x.len, x.len);
            self.diagonal.values(&site.at(direction), part, x)?;
        }
        let Some(slope) = moved.slope() else {
            return Ok(());
        };
        let scaled = fresh(site.backend, len, |out| self.diagonal.scaled(site, out, slope))?;
        site.backend.axpy(SliceMut::new(buffer, offset, len), 1.0, Slice::new(&scaled, 0, len))
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, len) = (site.backend, turning.delta.len);
        let onward = back.to_input(|| {
            let scaled = fresh(backend, len, |out| self.diagonal.scaled(site, out, turning.change()))?;
            let at = site.at(turning.direction);
            let moved = fresh(backend, len, |out| self.diagonal.scaled(&at, out, turning.delta))?;
            plus(backend, scaled, &moved, len)
        })?;
        turning.show(site, Structure::Diagonal(self.diagonal), seen.input()?, visit)?;
        Ok(onward)
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(highest(before) + 1)
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    fn work(&self) -> Work {
        let structure = Structure::Diagonal(self.diagonal);
        Work { multiply_adds: structure.len() * self.diagonal.positions, ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn factors_and_shifts() {
        for shift in [false, true] {
            check::against_differences(&[2, 3], ScaleShift::new(&[2, 3], shift));
        }
    }
}
