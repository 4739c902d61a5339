//! Derivatives along directions, through pooling.

use super::window::{check_pool, corners, largest};
use super::*;

pub(super) fn pool_directional<E: Element>(
    shape: &Window,
    rows: usize,
    out: &mut [E],
    slope: &[E],
    x: &[E],
) -> Result<()> {
    check_pool(shape, rows, out.len(), slope.len())?;
    check("pool_directional", &[(slope.len() % x.len().max(1), 0)])?;
    let (size, width) = (shape.image(), shape.channels * shape.positions());
    let base = x.len() / size;
    out.par_chunks_mut(width).zip(slope.par_chunks(size)).enumerate().for_each(|(row, (out, slope))| {
        let image = &x[row % base * size..][..size];
        for (corner, out) in corners(shape).zip(out) {
            *out = slope[largest(shape, image, corner)];
        }
    });
    Ok(())
}
