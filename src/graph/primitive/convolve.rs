//! A convolution, as a product with patches.

use super::*;
use crate::compute::op::{ConvolveBackwardPooled, ConvolveBackwardPooledArrays};
use crate::compute::{Convolution, Pooling, Start, Transpose};
use crate::graph::{Factor, Matrix, Pooled};

/// A convolution, as a product with patches.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolve {
    sweep: Sweep,
    window: Window,
    matrix: Matrix,
}

/// A node's δ: as its values lie, and with the channels last.
struct Turned<'a, T> {
    lying: Slice<'a, T>,
    turned: Slice<'a, T>,
}

impl Convolve {
    /// Of images or lines of a shape, to `channels` channels.
    ///
    /// # Errors
    ///
    /// Inputs of another kind, or a window that does not fit them.
    pub fn new(
        input: &[usize],
        channels: usize,
        sweep: impl Into<Sweep>,
        bias: bool,
    ) -> std::result::Result<Self, String> {
        let sweep = sweep.into();
        let window = sweep.window(input)?;
        let matrix = Matrix { height: channels, width: window.patch(), positions: window.positions(), bias };
        Ok(Self { sweep, window, matrix })
    }

    /// The same without bias.
    pub(super) fn without_bias(&self) -> Self {
        Self { matrix: Matrix { bias: false, ..self.matrix }, ..self.clone() }
    }

    /// The window over the images.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The product with patches.
    pub(in crate::graph) fn matrix(&self) -> Matrix {
        self.matrix
    }

    /// As [`backward`](Primitive::backward), from δ of the values that its own are pooled to.
    pub(in crate::graph) fn backward_pooled<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        (delta, pooled): (B::Buffer, Pooled<'_, B::Buffer>),
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (rows, structure) = (back.copies * site.rows, Structure::Outer(self.matrix));
        let len = rows * pooled.delta_len();
        let onward = back.to_input(|| self.through_pooled(site, rows, Slice::new(&delta, 0, len), &pooled))?;
        let input = seen.saved(self.patches_len(site.rows))?;
        let factor = site.factor(structure, (delta, len), input);
        visit(Factor { pooled: Some(pooled), ..factor })?;
        Ok(onward)
    }

    /// The δ of the images, from δ of the pooled values.
    fn through_pooled<B: Backend>(
        &self,
        site: &Site<'_, B>,
        rows: usize,
        delta: Slice<'_, B::Buffer>,
        pooled: &Pooled<'_, B::Buffer>,
    ) -> Result<B::Buffer> {
        let (backend, window, Pooled { window: pool, slopes }) = (site.backend, self.window, *pooled);
        if self.skips_patches(site) && pool.positions() == 1 {
            let convolution = Convolution { window, channels: self.matrix.height, rows };
            let weight = self.weight(site);
            return fresh(backend, rows * window.image(), |out| {
                let arrays = ConvolveBackwardPooledArrays { out, delta, slopes, weight };
                backend.run(&ConvolveBackwardPooled { convolution }, arrays)
            });
        }
        let len = rows * pool.image();
        let spread =
            fresh(backend, len, |out| backend.pool_backward(&pool, Pooling::Average, rows, out, delta, slopes))?;
        let whole = fresh(backend, len, |out| backend.multiply(out, Slice::new(&spread, 0, len), slopes))?;
        let lying = Slice::new(&whole, 0, len);
        let turned = self.turned(backend, rows, lying)?;
        self.through(site, rows, &Turned { lying, turned: Slice::new(&turned, 0, len) })
    }

    /// Whether the δ of the images is found without patches: the product then goes over every pixel and margin, a gain where the
    /// outputs are nearly as many.
    fn skips_patches<B: Backend>(&self, site: &Site<'_, B>) -> bool {
        let window = &self.window;
        let dense = window.height * (window.width + window.kernel[1] - 1) <= 2 * self.matrix.positions;
        site.segment.step.is_none() && window.is_dense() && dense
    }

    /// The weights at a segment's start.
    fn weight<'a, B: Backend>(&self, site: &Site<'a, B>) -> Slice<'a, B::Buffer> {
        site.weights(0, self.matrix.height * self.matrix.width, self.matrix.positions).start
    }

    /// Elements of the patches of `rows` images.
    fn patches_len(&self, rows: usize) -> usize {
        rows * self.matrix.positions * self.matrix.width
    }

    fn patches<B: Backend>(&self, backend: &B, rows: usize, x: Slice<'_, B::Buffer>) -> Result<B::Buffer> {
        fresh(backend, self.patches_len(rows), |out| backend.im2col(&self.window, rows, out, x))
    }

    /// From channels last to images.
    fn to_images<B: Backend>(
        &self,
        backend: &B,
        rows: usize,
        out: SliceMut<'_, B::Buffer>,
        pixels: &B::Buffer,
    ) -> Result<()> {
        let Matrix { height, positions, .. } = self.matrix;
        let shape = Transpose { batches: rows, rows: positions, columns: height };
        backend.transpose(&shape, out, Slice::new(pixels, 0, rows * positions * height))
    }

    /// From images to channels last.
    fn turned<B: Backend>(&self, backend: &B, rows: usize, delta: Slice<'_, B::Buffer>) -> Result<B::Buffer> {
        let Matrix { height, positions, .. } = self.matrix;
        let shape = Transpose { batches: rows, rows: height, columns: positions };
        fresh(backend, delta.len, |out| backend.transpose(&shape, out, delta))
    }

    /// `δ W` at each row's own weights, folded back into images.
    fn through<B: Backend>(&self, site: &Site<'_, B>, rows: usize, delta: &Turned<'_, B::Buffer>) -> Result<B::Buffer> {
        let (backend, window) = (site.backend, &self.window);
        let Matrix { height, width, positions, .. } = self.matrix;
        let (size, height, width) = (window.image(), positions * height, positions * width);
        let mut image = backend.scratch(rows * size)?;
        if self.skips_patches(site) {
            let (shape, weight) =
                (Convolution { window: *window, channels: self.matrix.height, rows }, self.weight(site));
            backend.convolve_backward(&shape, SliceMut::new(&mut image, 0, rows * size), delta.lying, weight)?;
            return Ok(image);
        }
        // The patches of some images at a time, so that they are folded while they are near. Rows that have their own
        // place on a segment stay together.
        let stretch = (backend.stretch() / width.max(1)).clamp(1, rows.max(1));
        let at_once = if site.segment.step.is_some() { rows } else { stretch };
        let mut patches = backend.scratch(at_once * width)?;
        for first in (0..rows).step_by(at_once.max(1)) {
            let count = at_once.min(rows - first);
            let part = delta.turned.part(first * height, count * height);
            let out = SliceMut::new(&mut patches, 0, count * width);
            self.matrix.through(site, count, Start::Value(0.0), part, out)?;
            let out = SliceMut::new(&mut image, first * size, count * size);
            backend.col2im(window, count, out, Slice::new(&patches, 0, count * width))?;
        }
        Ok(image)
    }
}

impl Primitive for Convolve {
    fn name(&self) -> &'static str {
        "convolve"
    }

    fn built(&self) -> Built {
        let Window { channels, kernel, .. } = self.window;
        let height = self.matrix.height;
        let weight = [&[height, channels], &kernel[usize::from(self.sweep.lines)..]].concat();
        let shape = self.sweep.output(&self.window, height);
        Built { parameters: Some(self.matrix.parameters(weight)), ..Built::plain(vec![self.window.image()], &shape) }
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        let (backend, rows) = (site.backend, site.rows);
        let patches = self.patches(backend, rows, first(inputs)?)?;
        let input = Slice::new(&patches, 0, self.patches_len(rows));
        let pixels = fresh(backend, out.len, |out| self.matrix.values(site, out, input))?;
        self.to_images(backend, rows, out, &pixels)?;
        Ok(vec![patches])
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (rows, structure) = (back.copies * site.rows, Structure::Outer(self.matrix));
        let len = rows * structure.delta_len();
        let lying = Slice::new(&delta, 0, len);
        let turned = self.turned(site.backend, rows, lying)?;
        let delta = Turned { lying, turned: Slice::new(&turned, 0, len) };
        let onward = back.to_input(|| self.through(site, rows, &delta))?;
        let input = seen.saved(self.patches_len(site.rows))?;
        visit(site.factor(structure, (turned, len), input))?;
        Ok(onward)
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let (backend, rows) = (site.backend, moved.directions.len() * site.rows);
        let patches = moved.slope().map(|slope| self.patches(backend, rows, slope)).transpose()?;
        let slope = patches.as_ref().map(|patches| Slice::new(patches, 0, self.patches_len(rows)));
        let input = seen.saved(self.patches_len(site.rows))?;
        let pixels = fresh(backend, out.len, |out| self.matrix.derivative(site, moved, out, input, slope))?;
        self.to_images(backend, rows, out, &pixels)
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (backend, rows) = (site.backend, back.copies * site.rows);
        let (structure, len) = (Structure::Outer(self.matrix), turning.delta.len);
        let [delta, change] = [turning.delta, turning.change()].map(|lying| self.turned(backend, rows, lying));
        let (delta, change) = (delta?, change?);
        let onward = back.to_input(|| {
            let of = |lying, turned| Turned { lying, turned: Slice::new(turned, 0, len) };
            let image = self.through(site, rows, &of(turning.change(), &change))?;
            let moved = self.through(&site.at(turning.direction), rows, &of(turning.delta, &delta))?;
            plus(backend, image, &moved, rows * self.window.image())
        })?;
        let patches = turning.slope().map(|slope| self.patches(backend, site.rows, slope)).transpose()?;
        let size = self.patches_len(site.rows);
        let slopes = [patches.as_ref().map(|patches| Slice::new(patches, 0, size))];
        let direction = turning.direction;
        let turned = Turning { direction, slopes: &slopes, delta: Slice::new(&delta, 0, len), change };
        turned.show(site, structure, seen.saved(size)?, visit)?;
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
        Magnitude::Channels(self.matrix.height)
    }

    fn work(&self) -> Work {
        self.matrix.work()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_product_with_patches() {
        for window in [(2, 1, 0), (3, 2, 1), (3, 1, 1)] {
            check::against_differences(
                &[2, 4, 5],
                Convolve::new(&[2, 4, 5], 3, window, true).expect("a window that fits"),
            );
        }
        assert!(Convolve::new(&[2, 4], 3, (2, 1, 0), true).is_err());
        let sweep = Sweep { lines: true, kernel: [1, 3], stride: [1, 2], padding: [0, 2], dilation: [1, 2] };
        check::against_differences(&[2, 7], Convolve::new(&[2, 7], 3, sweep, true).expect("a window that fits"));
        let sweep = Sweep { lines: false, kernel: [2, 3], stride: [1, 1], padding: [0, 2], dilation: [2, 1] };
        check::against_differences(&[2, 4, 3], Convolve::new(&[2, 4, 3], 3, sweep, false).expect("a window that fits"));
    }
}
