//! A factor for each feature of every row.

use super::*;

pub(super) fn scale_features<E: Element>(out: &mut [E], x: &[E], factors: &Parameters<'_, E>) -> Result<()> {
    let width = factors.start.len().max(1);
    check("scale_features", &[(out.len(), x.len()), (out.len() % width, 0)])?;
    out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, x))| {
        let step = factors.at(row);
        for (j, (out, x)) in out.iter_mut().zip(x).enumerate() {
            *out = weight(factors.start, step, j) * *x;
        }
    });
    Ok(())
}
