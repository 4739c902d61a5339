//! Rows, normalised.

use super::*;
use crate::compute::{self, Element};

/// Rows of neighbouring elements, each divided by its root mean square, about its mean or about 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalize {
    shape: Vec<usize>,
    /// Elements of a row.
    width: usize,
    about_mean: bool,
    /// Added to the mean square; `None`: the distance from 1 to the next number of the arithmetic.
    eps: Option<f64>,
}

impl Normalize {
    /// Of the last axis about each row's mean, as PyTorch's LayerNorm: `(x - mean) / √(variance + 1e-5)` with the biased
    /// variance.
    pub fn about_mean(input: &[usize]) -> Self {
        Self { shape: input.to_vec(), width: last_axis(input).0, about_mean: true, eps: Some(1e-5) }
    }

    /// Of the last axis about 0, as PyTorch's RMSNorm: `x / √(mean x² + eps)` with the distance from 1 to the next number as
    /// eps.
    pub fn about_zero(input: &[usize]) -> Self {
        Self { shape: input.to_vec(), width: last_axis(input).0, about_mean: false, eps: None }
    }

    /// The same of rows of `width` elements, which an example must be a multiple of.
    pub fn of_rows(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// The same with another eps.
    pub fn with_eps(self, eps: f64) -> Self {
        Self { eps: Some(eps), ..self }
    }

    /// Rows of an example.
    fn count(&self) -> usize {
        count(&self.shape) / self.width.max(1)
    }

    fn row<B: Backend>(&self) -> compute::Normalize {
        let eps = self.eps.unwrap_or(2.0 * B::Element::ROUNDING);
        compute::Normalize { width: self.width, about_mean: self.about_mean, eps }
    }

    /// The scale of each row of a forward pass.
    fn scale<'p, B: Backend>(&self, site: &Site<'_, B>, seen: &Seen<'p, B>) -> Result<Slice<'p, B::Buffer>> {
        seen.saved(site.rows * self.count())
    }
}

impl Primitive for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
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
        let scale = fresh(site.backend, site.rows * self.count(), |scale| {
            site.backend.normalize(&self.row::<B>(), out, scale, x)
        })?;
        Ok(vec![scale])
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
        back.to_input(|| {
            fresh(site.backend, delta.len, |out| {
                site.backend.normalize_backward(&self.row::<B>(), out, delta, seen.value, self.scale(site, seen)?)
            })
        })
    }

    /// The Jacobian is symmetric, so that a backward pass is also the forward one.
    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let (slope, scale) = (moved.only_slope()?, self.scale(site, seen)?);
        site.backend.normalize_backward(&self.row::<B>(), out, slope, seen.value, scale)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, row, scale) = (site.backend, self.row::<B>(), self.scale(site, seen)?);
        let len = turning.delta.len;
        back.to_input(|| {
            let through =
                fresh(backend, len, |out| backend.normalize_backward(&row, out, turning.change(), seen.value, scale))?;
            let Some(slope) = turning.slope() else { return Ok(through) };
            let curved = fresh(backend, len, |out| {
                backend.normalize_curvature(&row, out, turning.delta, seen.value, scale, slope)
            })?;
            plus(backend, through, &curved, len)
        })
    }

    fn kinks(&self) -> Kinks {
        Kinks::Nowhere
    }

    fn degree(&self, _before: &[usize]) -> Option<usize> {
        None
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
    }

    fn work(&self) -> Work {
        Work { kept: self.count(), ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn rows_about_their_mean() {
        check::against_differences(&[2, 5], Normalize::about_mean(&[2, 5]));
        check::against_differences(&[2, 3, 2], Normalize::about_mean(&[2, 3, 2]).of_rows(6).with_eps(1e-3));
    }

    #[test]
    fn rows_about_zero() {
        check::against_differences(&[2, 5], Normalize::about_zero(&[2, 5]));
    }
}
