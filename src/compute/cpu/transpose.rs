//! The two orders of an axis pair.

use super::*;

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
