//! Channels, normalised over all rows of a pass: the one primitive by which rows depend on each other.

use super::*;
use crate::compute::op::{Reciprocal, SizeOf};
use crate::compute::{self, Axis, Side, Start, Strided, Transpose, Weights};

/// Every channel, the first axis, less its mean over the root of its variance, both over all rows of the pass and all
/// positions, as PyTorch's BatchNorm in train mode: `(x - mean) / √(variance + eps)` with the biased variance.
///
/// Channels of all rows are the rows of [`Normalize`](super::Normalize)'s operations. A δ at one row reaches every row, so that
/// the gradient of one row's value is the sum over all base rows of a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNormalize {
    shape: Vec<usize>,
    channels: usize,
    /// Added to the variance.
    eps: f64,
}

impl BatchNormalize {
    /// Of the first axis.
    ///
    /// # Errors
    ///
    /// An input without axes.
    pub fn new(input: &[usize], eps: f64) -> std::result::Result<Self, String> {
        let channels = *input.first().ok_or("the input is a number without axes")?;
        Ok(Self { shape: input.to_vec(), channels, eps })
    }

    /// Positions of a channel in each row.
    pub(crate) fn positions(&self) -> usize {
        count(&self.shape) / self.channels.max(1)
    }

    fn row(&self, rows: usize) -> compute::Normalize {
        compute::Normalize { width: rows * self.positions(), about_mean: true, eps: self.eps }
    }

    /// What a pass of `rows` rows left: the scale of each channel, and the normalised channels.
    fn saved<'p, B: Backend>(&self, rows: usize, seen: &Seen<'p, B>) -> Result<[Slice<'p, B::Buffer>; 2]> {
        let [scale, normal] = seen.saved else {
            return Err(BackendError::Invalid("a normalised batch that saved nothing".into()));
        };
        Ok([Slice::new(scale, 0, self.channels), Slice::new(normal, 0, rows * count(&self.shape))])
    }

    /// The map from `[rows, C, P]` to `[C, rows, P]`, of all rows of a pass.
    fn turning(&self, rows: usize) -> Result<Strided> {
        let (channels, positions) = (self.channels, self.positions());
        let side = Side { start: 0, width: rows * count(&self.shape) };
        let axes = vec![
            Axis { extent: rows, to: positions, from: channels * positions },
            Axis { extent: channels, to: rows * positions, from: positions },
            Axis { extent: positions, to: 1, from: 1 },
        ];
        Strided::new(axes, side, side, 1.0).map_err(BackendError::Invalid)
    }

    /// The channels of some copies of a pass, each with all rows and positions of a copy side by side.
    pub(crate) fn by_channel<B: Backend>(&self, backend: &B, x: Slice<'_, B::Buffer>, rows: usize) -> Result<B::Buffer> {
        let map = self.turning(rows)?;
        fresh(backend, x.len, |out| backend.rearrange(&map, Start::Value(0.0), out, x))
    }

    /// The way back.
    fn by_row<B: Backend>(
        &self,
        backend: &B,
        x: Slice<'_, B::Buffer>,
        rows: usize,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        backend.rearrange(&self.turning(rows)?.transposed(), Start::Value(0.0), out, x)
    }

    /// Of a number that depends on the mean and the unbiased variance of each channel, from its derivatives by these, times a scale,
    /// those by the values that a pass normalised, `[rows, …]`: `mean' / N + 2 variance' (x - mean) / (N - 1)`.
    pub(in crate::graph) fn back_from_statistics<B: Backend>(
        &self,
        backend: &B,
        (rows, seen): (usize, &Seen<'_, B>),
        [mean, variance]: [Slice<'_, B::Buffer>; 2],
        scale: f64,
    ) -> Result<B::Buffer> {
        let [root, normal] = self.saved(rows, seen)?;
        let (channels, length) = (self.channels, rows * self.positions());
        // x - mean is what was normalised over its scale.
        let size = Reciprocal { size: SizeOf::Absolute, correction: 1.0, eps: 0.0 };
        let deviation = fresh(backend, channels, |out| backend.run(&size, (out, root)))?;
        let mut factors = fresh(backend, channels, |out| {
            backend.multiply(out, variance, Slice::new(&deviation, 0, channels))
        })?;
        backend.scale(SliceMut::new(&mut factors, 0, channels), 2.0 * scale / (length as f64 - 1.0))?;
        let mut shift = backend.copied(mean)?;
        backend.scale(SliceMut::new(&mut shift, 0, channels), scale / length as f64)?;
        // Channels last, so that each has its own factor and shift.
        let order = Transpose { batches: 1, rows: channels, columns: length };
        let last = fresh(backend, normal.len, |out| backend.transpose(&order, out, normal))?;
        let last = Slice::new(&last, 0, normal.len);
        let mut found = fresh(backend, normal.len, |out| {
            backend.multiply(out, last, Slice::new(&factors, 0, channels))
        })?;
        let shift = Weights { start: Slice::new(&shift, 0, channels), step: None };
        backend.bias(SliceMut::new(&mut found, 0, normal.len), shift)?;
        let order = Transpose { batches: 1, rows: length, columns: channels };
        let found = Slice::new(&found, 0, normal.len);
        let turned = fresh(backend, normal.len, |out| backend.transpose(&order, out, found))?;
        fresh(backend, normal.len, |out| self.by_row(backend, Slice::new(&turned, 0, normal.len), rows, out))
    }

    /// `normalize_backward` of rows as they are; it is also the forward derivative, since the Jacobian is symmetric.
    fn through<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        delta: Slice<'_, B::Buffer>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let (backend, rows) = (site.backend, site.rows);
        let [scale, normal] = self.saved(rows, seen)?;
        let turned = self.by_channel(backend, delta, rows)?;
        let turned = Slice::new(&turned, 0, delta.len);
        let found = fresh(backend, delta.len, |out| {
            backend.normalize_backward(&self.row(site.rows), out, turned, normal, scale)
        })?;
        self.by_row(backend, Slice::new(&found, 0, delta.len), rows, out)
    }
}

impl Primitive for BatchNormalize {
    fn name(&self) -> &'static str {
        "batch_normalize"
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
        let (backend, x) = (site.backend, first(inputs)?);
        let turned = self.by_channel(backend, x, site.rows)?;
        let (mut normal, mut scale) = (backend.scratch(x.len)?, backend.scratch(self.channels)?);
        backend.normalize(
            &self.row(site.rows),
            SliceMut::new(&mut normal, 0, x.len),
            SliceMut::new(&mut scale, 0, self.channels),
            Slice::new(&turned, 0, x.len),
        )?;
        self.by_row(backend, Slice::new(&normal, 0, x.len), site.rows, out)?;
        Ok(vec![scale, normal])
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
            fresh(site.backend, delta.len, |out| self.through(site, seen, delta, out))
        })
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.through(site, seen, moved.only_slope()?, out)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, rows, len) = (site.backend, site.rows, turning.delta.len);
        let [scale, normal] = self.saved(rows, seen)?;
        back.to_input(|| {
            let through = fresh(backend, len, |out| self.through(site, seen, turning.change(), out))?;
            let Some(slope) = turning.slope() else { return Ok(through) };
            let delta = self.by_channel(backend, turning.delta, rows)?;
            let slopes = self.by_channel(backend, slope, rows)?;
            let (delta, slope) = (Slice::new(&delta, 0, len), Slice::new(&slopes, 0, slope.len));
            let turned = fresh(backend, len, |out| {
                backend.normalize_curvature(&self.row(rows), out, delta, normal, scale, slope)
            })?;
            let curved = fresh(backend, len, |out| self.by_row(backend, Slice::new(&turned, 0, len), rows, out))?;
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

    /// Beside the value, the normalised channels.
    fn work(&self) -> Work {
        Work { kept: count(&self.shape), ..Work::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn channels_of_all_rows() {
        check::against_differences(&[3], BatchNormalize::new(&[3], 1e-3).expect("channels"));
        check::against_differences(&[2, 3], BatchNormalize::new(&[2, 3], 1e-5).expect("channels"));
        check::against_differences(&[2, 2, 2], BatchNormalize::new(&[2, 2, 2], 1e-5).expect("channels"));
    }
}
