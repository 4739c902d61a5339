//! The pixels of windows, row by row: a window's row is a run of neighbours in its image.

use super::*;
use std::ops::Range;

/// A row of a window that lies in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::compute) struct Run {
    /// The first entry of the patch.
    pub entry: usize,
    /// The pixel that it is.
    pub pixel: usize,
    pub len: usize,
}

/// The part of a window's side that lies in an image's: from where the window begins, less the padding.
fn inside(start: usize, padding: usize, kernel: usize, side: usize) -> Range<usize> {
    let from = padding.saturating_sub(start).min(kernel);
    from..(side + padding).saturating_sub(start).min(kernel).max(from)
}

/// The runs of the window at a position, in the order of the patch.
pub(in crate::compute) fn runs(shape: &Window, position: usize) -> impl Iterator<Item = Run> + '_ {
    let (y, x) = (position / shape.out_width() * shape.stride, position % shape.out_width() * shape.stride);
    let rows = inside(y, shape.padding, shape.kernel, shape.height);
    let columns = inside(x, shape.padding, shape.kernel, shape.width);
    // A window may lie beside the image as a whole.
    let rows = if columns.is_empty() { 0..0 } else { rows };
    (0..shape.channels).flat_map(move |channel| {
        let columns = columns.clone();
        rows.clone().map(move |row| Run {
            entry: (channel * shape.kernel + row) * shape.kernel + columns.start,
            pixel: (channel * shape.height + y + row - shape.padding) * shape.width + x + columns.start - shape.padding,
            len: columns.len(),
        })
    })
}

/// The first pixel of each pooling window, in the order of the pooled entries. A window has no padding.
pub(crate) fn corners(shape: &Window) -> impl Iterator<Item = usize> + '_ {
    (0..shape.channels).flat_map(move |channel| {
        (0..shape.out_height()).flat_map(move |y| {
            let row = (channel * shape.height + y * shape.stride) * shape.width;
            (0..shape.out_width()).map(move |x| row + x * shape.stride)
        })
    })
}

/// The rows of the pooling window that begins at a pixel, in order.
pub(crate) fn rows_of(shape: &Window, corner: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    (0..shape.kernel).map(move |row| {
        let first = corner + row * shape.width;
        first..first + shape.kernel
    })
}

/// The first largest pixel of the pooling window that begins at a pixel.
pub(crate) fn largest<E: Element>(shape: &Window, image: &[E], corner: usize) -> usize {
    let pixels = rows_of(shape, corner).flatten();
    pixels.reduce(|best, pixel| if image[pixel] > image[best] { pixel } else { best }).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_pixels_of_the_window() {
        for (side, kernel, stride, padding) in
            [(5, 3, 1, 1), (4, 3, 2, 0), (6, 5, 3, 4), (3, 1, 1, 0), (2, 2, 2, 3), (3, 2, 1, 3), (1, 1, 1, 2)]
        {
            let shape = Window { channels: 2, height: side, width: side + 1, kernel, stride, padding };
            for position in 0..shape.positions() {
                let (y, x) = (position / shape.out_width() * stride, position % shape.out_width() * stride);
                let mut pixels = vec![None; shape.patch()];
                for Run { entry, pixel, len } in runs(&shape, position) {
                    (0..len).for_each(|k| pixels[entry + k] = Some(pixel + k));
                }
                for (entry, &found) in pixels.iter().enumerate() {
                    let (channel, rest) = (entry / kernel / kernel, entry % (kernel * kernel));
                    let row = (y + rest / kernel).checked_sub(padding).filter(|&row| row < side);
                    let column = (x + rest % kernel).checked_sub(padding).filter(|&column| column < side + 1);
                    let want = row.zip(column).map(|(row, column)| (channel * side + row) * (side + 1) + column);
                    assert_eq!(found, want, "{shape:?}, position {position}, entry {entry}");
                }
            }
        }
    }
}
