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

/// One place of a window along an axis: which of its entries lie in the image, and where the first of them does.
struct Side {
    entries: Range<usize>,
    first: usize,
}

/// The places of a window along an axis of the image.
fn sides(shape: &Window, axis: usize, count: usize, side: usize) -> Vec<Side> {
    let (padding, kernel, dilation) = (shape.padding[axis], shape.kernel[axis], shape.dilation[axis]);
    let place = |place: usize| {
        let start = place * shape.stride[axis];
        let from = padding.saturating_sub(start).div_ceil(dilation).min(kernel);
        let to = (side + padding).saturating_sub(start).div_ceil(dilation).min(kernel).max(from);
        Side { entries: from..to, first: (start + from * dilation).saturating_sub(padding) }
    };
    (0..count).map(place).collect()
}

/// The places of a window over an image, worked out once for all images.
pub(crate) struct Places<'a> {
    shape: &'a Window,
    down: Vec<Side>,
    across: Vec<Side>,
}

impl<'a> Places<'a> {
    pub fn new(shape: &'a Window) -> Self {
        let down = sides(shape, 0, shape.out_height(), shape.height);
        Self { shape, down, across: sides(shape, 1, shape.out_width(), shape.width) }
    }

    /// The window over all channels, at each position in order.
    pub fn patches(&self) -> impl Iterator<Item = Placed<'_>> {
        self.over(0..self.shape.channels)
    }

    /// The window over one channel, for each entry of the pooled image in order.
    pub fn pooled(&self) -> impl Iterator<Item = Placed<'_>> {
        (0..self.shape.channels).flat_map(|channel| self.over(channel..channel + 1))
    }

    fn over(&self, channels: Range<usize>) -> impl Iterator<Item = Placed<'_>> {
        let Self { shape, down, across } = self;
        down.iter().flat_map(move |down| {
            let channels = channels.clone();
            across.iter().map(move |across| Placed { shape, channels: channels.clone(), down, across })
        })
    }
}

/// The window over some channels at one place.
pub(crate) struct Placed<'a> {
    shape: &'a Window,
    channels: Range<usize>,
    down: &'a Side,
    across: &'a Side,
}

impl<'a> Placed<'a> {
    /// Its runs, in the order of the patch.
    pub fn runs(&self) -> impl Iterator<Item = Run> + use<'a> {
        let Self { shape, ref channels, down, across } = *self;
        let Window { height, width, kernel, dilation, .. } = *shape;
        let (columns, len) = (across.entries.start, across.entries.len());
        // A window may lie beside the image as a whole.
        let rows = if len == 0 { 0..0 } else { down.entries.clone() };
        channels.clone().flat_map(move |channel| {
            rows.clone().map(move |row| Run {
                entry: (channel * kernel[0] + row) * kernel[1] + columns,
                pixel: (channel * height + down.first + (row - down.entries.start) * dilation[0]) * width
                    + across.first,
                len,
                step: dilation[1],
            })
        })
    }

    /// Its pixels in the image.
    pub fn pixels(&self) -> impl Iterator<Item = usize> + use<'a> {
        self.runs().flat_map(Run::pixels)
    }

    /// The first largest of its pixels.
    pub fn largest<E: Element>(&self, image: &[E]) -> usize {
        self.pixels().reduce(|best, pixel| if image[pixel] > image[best] { pixel } else { best }).unwrap_or(0)
    }
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
            let places = Places::new(&shape);
            assert_eq!(places.patches().count(), shape.positions());
            for (position, placed) in places.patches().enumerate() {
                let mut pixels = vec![None; shape.patch()];
                for run in placed.runs() {
                    run.pixels().enumerate().for_each(|(k, pixel)| pixels[run.entry + k] = Some(pixel));
                }
                for (entry, &found) in pixels.iter().enumerate() {
                    assert_eq!(found, pixel(&shape, position, entry), "{shape:?}, position {position}, entry {entry}");
                }
            }
        }
    }
}
