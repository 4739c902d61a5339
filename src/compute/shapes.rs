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
    /// Entries of the window, down and across.
    pub kernel: [usize; 2],
    /// Steps of the window.
    pub stride: [usize; 2],
    /// Pixels added on each side.
    pub padding: [usize; 2],
    /// Pixels from one entry of the window to the next.
    pub dilation: [usize; 2],
}

impl Window {
    /// A square window over images of channels, height and width.
    pub const fn square(image: [usize; 3], kernel: usize, stride: usize, padding: usize) -> Self {
        let [channels, height, width] = image;
        let (kernel, stride, padding) = ([kernel; 2], [stride; 2], [padding; 2]);
        Self { channels, height, width, kernel, stride, padding, dilation: [1; 2] }
    }

    /// Height of the output; 0 where the window does not fit.
    pub fn out_height(&self) -> usize {
        self.steps(0, self.height)
    }

    /// Width of the output; 0 where the window does not fit.
    pub fn out_width(&self) -> usize {
        self.steps(1, self.width)
    }

    /// How often the window fits a side.
    fn steps(&self, axis: usize, side: usize) -> usize {
        let padded = side.saturating_add(self.padding[axis].saturating_mul(2));
        let reach = self.kernel[axis].saturating_sub(1).saturating_mul(self.dilation[axis]).saturating_add(1);
        padded.checked_sub(reach).map_or(0, |room| room / self.stride[axis].max(1) + 1)
    }

    /// Entries of the window in one channel.
    pub fn area(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether a gradient through it needs no patches: it steps from pixel to pixel, without gaps, and no window lies in the
    /// padding as a whole.
    pub fn is_dense(&self) -> bool {
        let narrow = self.padding.iter().zip(&self.kernel).all(|(padding, kernel)| padding < kernel);
        self.stride == [1; 2] && self.dilation == [1; 2] && narrow
    }

    /// Whether its places cut the images into parts: each pixel lies in one.
    pub fn cuts(&self) -> bool {
        let whole = self.height.is_multiple_of(self.kernel[0]) && self.width.is_multiple_of(self.kernel[1]);
        self.kernel == self.stride && self.padding == [0; 2] && self.dilation == [1; 2] && whole
    }

    /// Positions of the window.
    pub fn positions(&self) -> usize {
        self.out_height() * self.out_width()
    }

    /// Entries of one patch.
    pub fn patch(&self) -> usize {
        self.channels * self.area()
    }

    /// Elements of one image.
    pub fn image(&self) -> usize {
        self.channels * self.height * self.width
    }
}
