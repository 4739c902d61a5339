//! The pixels of windows.

use super::*;

/// The pixels of a window at output `(y, x)`: `(channel, entry of the patch, pixel of the image)`.
pub(super) fn patch(shape: &Window, position: usize) -> impl Iterator<Item = (usize, Option<usize>)> + '_ {
    let (y, x) = (position / shape.out_width() * shape.stride, position % shape.out_width() * shape.stride);
    let side = shape.kernel;
    (0..shape.patch()).map(move |entry| {
        let (channel, rest) = (entry / (side * side), entry % (side * side));
        let row = (y + rest / side).checked_sub(shape.padding).filter(|&row| row < shape.height);
        let column = (x + rest % side).checked_sub(shape.padding).filter(|&column| column < shape.width);
        let pixel = row.zip(column).map(|(row, column)| (channel * shape.height + row) * shape.width + column);
        (entry, pixel)
    })
}

/// The pixels of a pooling window, in row order.
pub(super) fn pooled(shape: &Window, entry: usize) -> impl Iterator<Item = usize> + '_ {
    let (channel, position) = (entry / shape.positions(), entry % shape.positions());
    let (y, x) = (position / shape.out_width() * shape.stride, position % shape.out_width() * shape.stride);
    (0..shape.kernel * shape.kernel)
        .map(move |k| (channel * shape.height + y + k / shape.kernel) * shape.width + x + k % shape.kernel)
}

/// The first largest pixel of a window.
pub(super) fn largest<E: Element>(image: &[E], pixels: impl Iterator<Item = usize>) -> usize {
    pixels.reduce(|best, pixel| if image[pixel] > image[best] { pixel } else { best }).unwrap_or(0)
}

pub(super) fn check_pool(shape: &Window, rows: usize, pooled: usize, images: usize) -> Result<()> {
    check("pool", &[(pooled, rows * shape.channels * shape.positions()), (images, rows * shape.image())])
}
