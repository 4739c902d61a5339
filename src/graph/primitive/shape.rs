//! Shapes of values, and windows over images.

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

/// A square window over images of some shape.
pub(super) fn window(
    shape: &[usize],
    kernel: usize,
    stride: usize,
    padding: usize,
) -> std::result::Result<Window, String> {
    let &[channels, height, width] = shape else {
        return Err(format!("the input has shape {shape:?}; images are [channels, height, width]"));
    };
    let window = Window { channels, height, width, kernel, stride, padding };
    if window.out_height() == 0 || window.out_width() == 0 {
        return Err(format!(
            "a window of {kernel} x {kernel} does not fit an image of {height} x {width} with padding {padding}; \
             make it smaller or drop the layer"
        ));
    }
    // What a convolution unfolds its image to.
    elements(&[channels, kernel, kernel, window.out_height(), window.out_width()])?;
    Ok(window)
}
