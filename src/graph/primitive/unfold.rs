//! Images and lines unfolded into patches, and patches folded back into their sum.

use super::*;

/// The patches of a window, `[positions, channels * kernel]`, or the other way the sum of patches at each pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfold {
    sweep: Sweep,
    window: Window,
    /// Whether patches are folded.
    folds: bool,
}

impl Unfold {
    /// The patches of images or lines of a shape; where the window lies in the padding they are 0.
    ///
    /// # Errors
    ///
    /// Inputs of another kind, or a window that does not fit them.
    pub fn new(input: &[usize], sweep: impl Into<Sweep>) -> std::result::Result<Self, String> {
        let sweep = sweep.into();
        Ok(Self { sweep, window: sweep.window(input)?, folds: false })
    }

    /// Images or lines of a shape, each pixel the sum of the patches' entries that hold it.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn fold(output: &[usize], sweep: impl Into<Sweep>) -> std::result::Result<Self, String> {
        Ok(Self { folds: true, ..Self::new(output, sweep)? })
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Elements of an image, and of its patches.
    fn lens(&self) -> (usize, usize) {
        (self.window.image(), self.window.positions() * self.window.patch())
    }

    /// One way or the other, of `rows` values.
    fn write<B: Backend>(
        &self,
        backend: &B,
        folds: bool,
        rows: usize,
        out: SliceMut<'_, B::Buffer>,
        x: Slice<'_, B::Buffer>,
    ) -> Result<()> {
        match folds {
            true => backend.col2im(&self.window, rows, out, x),
            false => backend.im2col(&self.window, rows, out, x),
        }
    }
}

impl Primitive for Unfold {
    fn name(&self) -> &'static str {
        if self.folds { "fold" } else { "unfold" }
    }

    fn built(&self) -> Built {
        let Window { channels, height, width, .. } = self.window;
        let ((image, patches), sides) = (self.lens(), [height, width]);
        if self.folds {
            let shape = [&[channels], &sides[usize::from(self.sweep.lines)..]].concat();
            return Built::plain(vec![patches], &shape);
        }
        Built::plain(vec![image], &[self.window.positions(), self.window.patch()])
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        self.write(site.backend, self.folds, site.rows, out, first(inputs)?)?;
        Ok(Vec::new())
    }

    fn backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        back: &Back<'_>,
        delta: B::Buffer,
        _visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        let (rows, (image, patches)) = (back.copies * site.rows, self.lens());
        let (own, input) = if self.folds { (image, patches) } else { (patches, image) };
        let delta = Slice::new(&delta, 0, rows * own);
        back.to_input(|| {
            fresh(site.backend, rows * input, |out| self.write(site.backend, !self.folds, rows, out, delta))
        })
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        _seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        self.write(site.backend, self.folds, moved.directions.len() * site.rows, out, moved.only_slope()?)
    }

    /// The backward pass of a linear function does not turn: what changes is δ.
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

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(highest(before))
    }

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Mixed
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
    fn patches_and_back() {
        let lines = Sweep { lines: true, kernel: [1, 3], stride: [1, 2], padding: [0, 2], dilation: [1, 2] };
        for (shape, sweep) in [(vec![2, 4, 5], Sweep::from((2, 1, 1))), (vec![2, 7], lines)] {
            let unfold = Unfold::new(&shape, sweep).expect("a window that fits");
            let patches = unfold.built().shape;
            check::against_differences(&shape, unfold);
            check::against_differences(&patches, Unfold::fold(&shape, sweep).expect("a window that fits"));
        }
    }
}
