//! Pooling: the largest entry or the mean of each window.

use super::*;
use crate::compute::Pooling;
use crate::compute::cpu::window::Places;

/// The largest entry or the mean of each window of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    sweep: Sweep,
    window: Window,
    pooling: Pooling,
    /// Whether the channels alone are left.
    whole: bool,
}

impl Pool {
    /// Of images or lines of a shape.
    ///
    /// # Errors
    ///
    /// Inputs of another kind, a window that does not fit them, and one that lies in the padding as a whole.
    pub fn new(input: &[usize], sweep: impl Into<Sweep>, pooling: Pooling) -> std::result::Result<Self, String> {
        let sweep = sweep.into();
        let window = sweep.window(input)?;
        let Sweep { kernel, padding, dilation, .. } = sweep;
        if padding.iter().zip(kernel).any(|(&padding, kernel)| padding > kernel / 2) {
            return Err(format!("a padding of {padding:?} is more than half of the kernel {kernel:?}; make it smaller"));
        }
        // Without gaps a padding of half the kernel leaves every window a pixel; with gaps the image can fall between them.
        let has_gaps = padding != [0; 2] && dilation != [1; 2];
        if has_gaps && Places::new(&window).pooled().any(|placed| placed.runs().next().is_none()) {
            return Err(format!(
                "a window of {kernel:?} with dilation {dilation:?} and padding {padding:?} misses the image as a whole; make \
                 one of them smaller"
            ));
        }
        Ok(Self { sweep, window, pooling, whole: false })
    }

    /// Of each channel as a whole, the first axis of an input; the other axes are left out.
    ///
    /// # Errors
    ///
    /// An input without axes, or with more elements than can be counted.
    pub fn whole(input: &[usize], pooling: Pooling) -> std::result::Result<Self, String> {
        let [channels, sides @ ..] = input else { return Err("the input is a number without axes".into()) };
        let len = count(sides);
        let sweep = Sweep { lines: true, kernel: [1, len], stride: [1, len], padding: [0; 2], dilation: [1; 2] };
        Ok(Self { whole: true, ..Self::new(&[*channels, len], sweep, pooling)? })
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
        let shape = self.sweep.output(&self.window, self.window.channels);
        Built::plain(vec![self.window.image()], if self.whole { &shape[..1] } else { &shape })
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

    fn minus_infinity(&self, _input: usize) -> MinusInfinity {
        MinusInfinity::Spoils
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
            let lines = Sweep { lines: true, kernel: [1, 3], stride: [1, 2], padding: [0, 1], dilation: [1, 2] };
            let overlapping = Sweep { stride: [1, 2], dilation: [2, 1], ..Sweep::from((3, 1, 1)) };
            for (shape, sweep) in [(vec![2, 4, 5], Sweep::from(2)), (vec![2, 9], lines), (vec![1, 5, 6], overlapping)] {
                check::against_differences(&shape, Pool::new(&shape, sweep, pooling).expect("a window that fits"));
            }
        }
        assert!(Pool::new(&[2, 4, 5], 6, Pooling::Max).is_err());
        assert!(Pool::new(&[2, 4, 5], (2, 2, 2), Pooling::Max).is_err());
        let gaps = Sweep { dilation: [1, 3], ..Sweep::from((2, 1, 1)) };
        assert!(Pool::new(&[1, 1, 2], gaps, Pooling::Max).is_err());
    }
}
