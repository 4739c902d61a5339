//! A scale and a shift for every row.

use super::*;

pub(super) fn scale_shift<E: Element>(out: &mut [E], x: &[E], weights: &Parameters<'_, E>) -> Result<()> {
    let width = (weights.start.len() / 2).max(1);
    check("scale_shift", &[(out.len(), x.len()), (out.len() % width, 0)])?;
    out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, x))| {
        let step = weights.at(row);
        for j in 0..width {
            out[j] = weight(weights.start, step, j) * x[j] + weight(weights.start, step, width + j);
        }
    });
    Ok(())
}
