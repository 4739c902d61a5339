//! A factor, and perhaps a shift, for each feature of the last axes.

use super::*;
use crate::graph::Diagonal;

/// `γ ∘ x + β` on the last axes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleShift {
    diagonal: Diagonal,
    shape: Vec<usize>,
    /// How many axes have factors.
    axes: usize,
}

impl ScaleShift {
    /// On the last axis of inputs of a shape, with or without β.
    pub fn new(input: &[usize], shift: bool) -> Self {
        Self::of_axes(input, 1, shift)
    }

    /// On the last axes, as many as there are at the most.
    pub fn of_axes(input: &[usize], axes: usize, shift: bool) -> Self {
        let axes = axes.min(input.len());
        let (positions, width) = input.split_at(input.len() - axes);
        let diagonal = Diagonal { width: count(width), positions: count(positions), shift };
        Self { diagonal, shape: input.to_vec(), axes }
    }

    /// The same without β.
    pub(super) fn without_shift(&self) -> Self {
        Self { diagonal: Diagonal { shift: false, ..self.diagonal }, ..self.clone() }
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
        let shift = self.diagonal.shift;
        let shape = &self.shape[self.shape.len() - self.axes..];
        let drawn = |name, value| Drawn { name, shape: shape.to_vec(), initial: Initial::Constant(value) };
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

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
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
            check::against_differences(&[2, 3, 2], ScaleShift::of_axes(&[2, 3, 2], 2, shift));
        }
    }
}
