//! Gradients through pooling.

use super::window::{check_pool, corners, largest, rows_of};
use super::*;

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
    let (size, width) = (shape.image(), shape.channels * shape.positions());
    let share = E::from_f64(1.0 / (shape.kernel * shape.kernel) as f64);
    let base = x.len() / size;
    out.par_chunks_mut(size).zip(delta.par_chunks(width)).enumerate().for_each(|(row, (out, delta))| {
        let image = &x[row % base * size..][..size];
        out.fill(E::ZERO);
        for (corner, &delta) in corners(shape).zip(delta) {
            match kind {
                Pooling::Max => out[largest(shape, image, corner)] = delta,
                Pooling::Average => rows_of(shape, corner).for_each(|row| out[row].fill(delta * share)),
            }
        }
    });
    Ok(())
}
