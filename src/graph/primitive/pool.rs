//! Pooling: the largest entry or the mean of each window.

use super::*;
use crate::compute::Pooling;

/// The largest entry or the mean of each window of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    window: Window,
    pooling: Pooling,
}

impl Pool {
    /// Of images of a shape; windows lie side by side.
    ///
    /// # Errors
    ///
    /// No images, or a window that does not fit them.
    pub fn new(input: &[usize], kernel: usize, pooling: Pooling) -> std::result::Result<Self, String> {
        Ok(Self { window: window(input, kernel, kernel, 0)?, pooling })
    }

    /// The window over the images.
    pub fn window(&self) -> Window {
        self.window
    }

    /// What it keeps of a window.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }
}

impl Primitive for Pool {
    fn name(&self) -> &'static str {
        match self.pooling {
            Pooling::Max => "max pool",
            Pooling::Average => "average pool",
        }
    }

    fn built(&self) -> Built {
        let shape = [self.window.channels, self.window.out_height(), self.window.out_width()];
        Built::plain(vec![self.window.image()], &shape)
    }

    fn forward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        inputs: &[Slice<'_, B::Buffer>],
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<Vec<B::Buffer>> {
        site.backend.pool(&self.window, self.pooling, site.rows, out, first(inputs)?)?;
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
        let (backend, rows) = (site.backend, back.copies * site.rows);
        let delta = Slice::new(&delta, 0, rows * self.window.channels * self.window.positions());
        back.to_input(|| {
            fresh(backend, rows * self.window.image(), |out| {
                backend.pool_backward(&self.window, self.pooling, rows, out, delta, seen.input()?)
            })
        })
    }

    fn tangent<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        moved: &Moved<'_, B>,
        out: SliceMut<'_, B::Buffer>,
    ) -> Result<()> {
        let (rows, slope) = (moved.directions.len() * site.rows, moved.only_slope()?);
        match self.pooling {
            Pooling::Max => site.backend.pool_directional(&self.window, rows, out, slope, seen.input()?),
            Pooling::Average => site.backend.pool(&self.window, self.pooling, rows, out, slope),
        }
    }

    fn tangent_of_backward<B: Backend>(
        &self,
        site: &Site<'_, B>,
        seen: &Seen<'_, B>,
        back: &Back<'_>,
        turning: Turning<'_, B>,
        visit: &mut Visit<'_, B>,
    ) -> Result<Deltas<B>> {
        // A window keeps its winner.
        let Turning { change, .. } = turning;
        self.backward(site, seen, back, change, visit)
    }

    fn kinks(&self) -> Kinks {
        match self.pooling {
            Pooling::Max => Kinks::Windows(self.window),
            Pooling::Average => Kinks::Nowhere,
        }
    }

    fn degree(&self, before: &[usize]) -> Option<usize> {
        Some(highest(before))
    }

    fn magnitude(&self) -> Magnitude {
        Magnitude::Channel
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
    fn largest_and_means() {
        for pooling in [Pooling::Max, Pooling::Average] {
            check::against_differences(&[2, 4, 5], Pool::new(&[2, 4, 5], 2, pooling).expect("a window that fits"));
        }
        assert!(Pool::new(&[2, 4, 5], 6, Pooling::Max).is_err());
    }
}
