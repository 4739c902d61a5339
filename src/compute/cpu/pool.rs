//! Pooling.

use super::window::{check_pool, corners, largest, rows_of};
use super::*;

pub(super) fn pool<E: Element>(shape: &Window, kind: Pooling, rows: usize, out: &mut [E], x: &[E]) -> Result<()> {
    check_pool(shape, rows, out.len(), x.len())?;
    let share = E::from_f64(1.0 / (shape.kernel * shape.kernel) as f64);
    out.par_chunks_mut(shape.channels * shape.positions()).zip(x.par_chunks(shape.image())).for_each(|(out, image)| {
        for (corner, out) in corners(shape).zip(out) {
            *out = match kind {
                Pooling::Max => image[largest(shape, image, corner)],
                Pooling::Average => rows_of(shape, corner).flatten().map(|pixel| image[pixel]).sum::<E>() * share,
            };
        }
    });
    Ok(())
}
