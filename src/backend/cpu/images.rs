//! Operations on images and on the two orders of an axis pair.

use super::*;

/// The pixels of a window at output `(y, x)`: `(channel, entry of the patch, pixel of the image)`.
fn patch(shape: &Window, position: usize) -> impl Iterator<Item = (usize, Option<usize>)> + '_ {
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

pub(super) fn im2col<E: Element>(shape: &Window, rows: usize, out: &mut [E], x: &[E]) -> Result<()> {
    let (positions, width) = (shape.positions(), shape.patch());
    check("im2col", &[(out.len(), rows * positions * width), (x.len(), rows * shape.image())])?;
    out.par_chunks_mut(positions * width).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
        for (position, out) in out.chunks_mut(width).enumerate() {
            for (entry, pixel) in patch(shape, position) {
                out[entry] = pixel.map_or(E::ZERO, |pixel| image[pixel]);
            }
        }
    });
    Ok(())
}

pub(super) fn col2im<E: Element>(shape: &Window, rows: usize, out: &mut [E], patches: &[E]) -> Result<()> {
    let (positions, width) = (shape.positions(), shape.patch());
    check("col2im", &[(patches.len(), rows * positions * width), (out.len(), rows * shape.image())])?;
    out.par_chunks_mut(shape.image()).zip(patches.par_chunks(positions * width)).for_each(|(image, patches)| {
        image.fill(E::ZERO);
        for (position, values) in patches.chunks(width).enumerate() {
            for (entry, pixel) in patch(shape, position) {
                if let Some(pixel) = pixel {
                    image[pixel] += values[entry];
                }
            }
        }
    });
    Ok(())
}

pub(super) fn transpose<E: Element>(shape: &Transpose, out: &mut [E], x: &[E]) -> Result<()> {
    let size = shape.rows * shape.columns;
    check("transpose", &[(out.len(), shape.batches * size), (x.len(), out.len())])?;
    out.par_chunks_mut(size.max(1)).zip(x.par_chunks(size.max(1))).for_each(|(out, x)| {
        for (j, out) in out.chunks_mut(shape.rows).enumerate() {
            for (i, out) in out.iter_mut().enumerate() {
                *out = x[i * shape.columns + j];
            }
        }
    });
    Ok(())
}

/// The pixels of a pooling window, in row order.
fn window(shape: &Window, entry: usize) -> impl Iterator<Item = usize> + '_ {
    let (channel, position) = (entry / shape.positions(), entry % shape.positions());
    let (y, x) = (position / shape.out_width() * shape.stride, position % shape.out_width() * shape.stride);
    (0..shape.kernel * shape.kernel)
        .map(move |k| (channel * shape.height + y + k / shape.kernel) * shape.width + x + k % shape.kernel)
}

/// The first largest pixel of a window.
fn largest<E: Element>(image: &[E], pixels: impl Iterator<Item = usize>) -> usize {
    pixels.reduce(|best, pixel| if image[pixel] > image[best] { pixel } else { best }).unwrap_or(0)
}

fn check_pool(shape: &Window, rows: usize, pooled: usize, images: usize) -> Result<()> {
    check("pool", &[(pooled, rows * shape.channels * shape.positions()), (images, rows * shape.image())])
}

pub(super) fn pool<E: Element>(shape: &Window, kind: Pooling, rows: usize, out: &mut [E], x: &[E]) -> Result<()> {
    check_pool(shape, rows, out.len(), x.len())?;
    let share = E::from_f64(1.0 / (shape.kernel * shape.kernel) as f64);
    out.par_chunks_mut(shape.channels * shape.positions()).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
        for (entry, out) in out.iter_mut().enumerate() {
            *out = match kind {
                Pooling::Max => image[largest(image, window(shape, entry))],
                Pooling::Average => window(shape, entry).map(|pixel| image[pixel]).sum::<E>() * share,
            };
        }
    });
    Ok(())
}

pub(super) fn pool_backward<E: Element>(
    shape: &Window,
    kind: Pooling,
    rows: usize,
    out: &mut [E],
    delta: &[E],
    x: &[E],
) -> Result<()> {
    check_pool(shape, rows, delta.len(), out.len())?;
    check("pool_backward", &[(out.len() % x.len().max(1), 0)])?;
    let (size, pooled) = (shape.image(), shape.channels * shape.positions());
    let share = E::from_f64(1.0 / (shape.kernel * shape.kernel) as f64);
    let base = x.len() / size;
    out.par_chunks_mut(size).zip(delta.par_chunks(pooled)).enumerate().for_each(|(row, (out, delta))| {
        let image = &x[row % base * size..][..size];
        out.fill(E::ZERO);
        for (entry, &delta) in delta.iter().enumerate() {
            match kind {
                Pooling::Max => out[largest(image, window(shape, entry))] = delta,
                Pooling::Average => window(shape, entry).for_each(|pixel| out[pixel] = delta * share),
            }
        }
    });
    Ok(())
}
