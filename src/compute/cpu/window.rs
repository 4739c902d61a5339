//! The pixels of windows, row by row: a window's row is a run of neighbours in its image.

use super::*;
use std::ops::Range;

/// A row of a window that lies in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// The first entry of the patch.
    pub entry: usize,
    /// The pixel that it is.
    pub pixel: usize,
    pub len: usize,
    /// From the pixel of one entry to that of the next.
    pub step: usize,
}

impl Run {
    /// Its pixels.
    pub fn pixels(self) -> impl Iterator<Item = usize> {
        (0..self.len).map(move |k| self.pixel + k * self.step)
    }
}

/// The entries of a window along an axis that lie in the image's side: from where the window begins, less the padding.
fn inside(shape: &Window, axis: usize, start: usize, side: usize) -> Range<usize> {
    let (padding, kernel, dilation) = (shape.padding[axis], shape.kernel[axis], shape.dilation[axis]);
    let from = padding.saturating_sub(start).div_ceil(dilation).min(kernel);
    from..(side + padding).saturating_sub(start).div_ceil(dilation).min(kernel).max(from)
}

/// The window at a position: where it begins, and which of its rows and columns lie in the image.
#[derive(Clone)]
struct Placed<'a> {
    shape: &'a Window,
    start: [usize; 2],
    rows: Range<usize>,
    columns: Range<usize>,
}

impl<'a> Placed<'a> {
    fn new(shape: &'a Window, position: usize) -> Self {
        let [down, across] = shape.stride;
        let start = [position / shape.out_width() * down, position % shape.out_width() * across];
        let (rows, columns) = (inside(shape, 0, start[0], shape.height), inside(shape, 1, start[1], shape.width));
        // A window may lie beside the image as a whole.
        let rows = if columns.is_empty() { 0..0 } else { rows };
        Self { shape, start, rows, columns }
    }

    /// Its runs in a channel, row by row.
    fn runs(self, channel: usize) -> impl Iterator<Item = Run> + 'a {
        let Self { shape, start: [y, x], rows, columns } = self;
        let Window { height, width, kernel, padding, dilation, .. } = *shape;
        rows.map(move |row| Run {
            entry: (channel * kernel[0] + row) * kernel[1] + columns.start,
            pixel: (channel * height + y + row * dilation[0] - padding[0]) * width + x + columns.start * dilation[1]
                - padding[1],
            len: columns.len(),
            step: dilation[1],
        })
    }
}

/// The runs of the window at a position, in the order of the patch.
pub(in crate::compute) fn runs(shape: &Window, position: usize) -> impl Iterator<Item = Run> + '_ {
    let placed = Placed::new(shape, position);
    (0..shape.channels).flat_map(move |channel| placed.clone().runs(channel))
}

/// The runs of the pooling window of an entry of the pooled image, row by row.
pub(crate) fn pooled(shape: &Window, entry: usize) -> impl Iterator<Item = Run> + '_ {
    let positions = shape.positions();
    Placed::new(shape, entry % positions).runs(entry / positions)
}

/// The first largest pixel of the pooling window of an entry of the pooled image.
pub(crate) fn largest<E: Element>(shape: &Window, image: &[E], entry: usize) -> usize {
    let pixels = pooled(shape, entry).flat_map(Run::pixels);
    pixels.reduce(|best, pixel| if image[pixel] > image[best] { pixel } else { best }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::op::testing::pixel;

    #[test]
    fn runs_are_the_pixels_of_the_window() {
        for (side, kernel, stride, padding, dilation) in [
            (5, 3, 1, 1, 1),
            (4, 3, 2, 0, 1),
            (6, 5, 3, 4, 1),
            (3, 1, 1, 0, 1),
            (2, 2, 2, 3, 1),
            (3, 2, 1, 3, 1),
            (1, 1, 1, 2, 1),
            (6, 3, 2, 2, 2),
            (5, 2, 1, 3, 4),
        ] {
            let square = Window::square([2, side, side + 1], kernel, stride, padding);
            let shape = Window { kernel: [kernel, kernel + 1], dilation: [dilation, 1 + dilation / 2], ..square };
            for position in 0..shape.positions() {
                let mut pixels = vec![None; shape.patch()];
                for run in runs(&shape, position) {
                    run.pixels().enumerate().for_each(|(k, pixel)| pixels[run.entry + k] = Some(pixel));
                }
                for (entry, &found) in pixels.iter().enumerate() {
                    assert_eq!(found, pixel(&shape, position, entry), "{shape:?}, position {position}, entry {entry}");
                }
            }
        }
    }
}
