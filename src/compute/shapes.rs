//! Shapes that several operations take.

/// What a product is added to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// A constant: the output is overwritten.
    Value(f64),
    /// What the output holds.
    Output,
}

/// A square window moving over images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Channels of the images.
    pub channels: usize,
    /// Height of the images.
    pub height: usize,
    /// Width of the images.
    pub width: usize,
    /// Side of the window.
    pub kernel: usize,
    /// Step of the window.
    pub stride: usize,
    /// Zeros added on each side.
    pub padding: usize,
}

impl Window {
    /// Height of the output; 0 where the window does not fit.
    pub fn out_height(&self) -> usize {
        steps(self.height, self)
    }

    /// Width of the output; 0 where the window does not fit.
    pub fn out_width(&self) -> usize {
        steps(self.width, self)
    }

    /// Positions of the window.
    pub fn positions(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Entries of one patch.
    pub fn patch(&self) -> usize {
        self.channels * self.kernel * self.kernel
    }

    /// Elements of one image.
    pub fn image(&self) -> usize {
        self.channels * self.height * self.width
    }
}

fn steps(side: usize, window: &Window) -> usize {
    (side + 2 * window.padding).checked_sub(window.kernel).map_or(0, |room| room / window.stride.max(1) + 1)
}
