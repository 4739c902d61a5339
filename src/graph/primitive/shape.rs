//! Shapes of values, and windows over images and lines.

use crate::compute::Window;
use crate::graph::build::elements;

/// Elements of a shape that the graph has counted before.
pub(super) fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// The length of the last axis, and the product of those before it.
pub(super) fn last_axis(shape: &[usize]) -> (usize, usize) {
    let width = shape.last().copied().unwrap_or(1);
    (width, count(shape) / width.max(1))
}

/// How a window goes over images or over lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// Whether over lines, `[channels, length]`, of which the numbers across are those; or over images.
    pub lines: bool,
    /// Entries of the window, down and across.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// Pixels on each side.
    pub padding: [usize; 2],
    /// From one entry of the window to the next.
    pub dilation: [usize; 2],
}

/// A square of a kernel, a stride and a padding.
impl From<(usize, usize, usize)> for Sweep {
    fn from((kernel, stride, padding): (usize, usize, usize)) -> Self {
        let (kernel, stride, padding) = ([kernel; 2], [stride; 2], [padding; 2]);
        Self { lines: false, kernel, stride, padding, dilation: [1; 2] }
    }
}

/// Squares side by side.
impl From<usize> for Sweep {
    fn from(kernel: usize) -> Self {
        Self::from((kernel, kernel, 0))
    }
}

impl Sweep {
    /// Its window over inputs of a shape.
    ///
    /// # Errors
    ///
    /// Another number of axes, or a window that does not fit.
    pub(super) fn window(&self, shape: &[usize]) -> std::result::Result<Window, String> {
        let (channels, height, width) = match (self.lines, shape) {
            (true, &[channels, length]) => (channels, 1, length),
            (true, _) => return Err(format!("the input has shape {shape:?}; lines are [channels, length]")),
            (false, &[channels, height, width]) => (channels, height, width),
            (false, _) => return Err(format!("the input has shape {shape:?}; images are [channels, height, width]")),
        };
        let Self { kernel, stride, padding, dilation, .. } = *self;
        if [kernel, stride, dilation].into_iter().flatten().any(|number| number == 0) {
            return Err("a kernel, a stride or a dilation of 0; each is at least 1".into());
        }
        let window = Window { channels, height, width, kernel, stride, padding, dilation };
        if window.out_height() == 0 || window.out_width() == 0 {
            let gaps = if dilation == [1; 2] { String::new() } else { format!(" and dilation {}", by(dilation)) };
            return Err(format!(
                "a window of {} does not fit an image of {height} x {width} with padding {}{gaps}; \
                 make it smaller or drop the layer",
                by(kernel),
                number(padding)
            ));
        }
        // What a convolution unfolds its image to, and the places that a device counts in its padding.
        elements(&[channels, kernel[0], kernel[1], window.out_height(), window.out_width()])?;
        for (side, padding) in [height, width].into_iter().zip(padding) {
            elements(&[side.saturating_add(padding.saturating_mul(2))])?;
        }
        Ok(window)
    }

    /// The shape of `channels` values at each position of its window.
    pub(crate) fn output(&self, window: &Window, channels: usize) -> Vec<usize> {
        let sides = [window.out_height(), window.out_width()];
        [&[channels], &sides[usize::from(self.lines)..]].concat()
    }
}

fn by([down, across]: [usize; 2]) -> String {
    format!("{down} x {across}")
}

fn number(of: [usize; 2]) -> String {
    if of[0] == of[1] { of[0].to_string() } else { by(of) }
}
