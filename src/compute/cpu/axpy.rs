//! `out += scale x`.

use super::*;

pub(super) fn axpy<E: Element>(out: &mut [E], scale: E, x: &[E]) -> Result<()> {
    check("axpy", &[(x.len(), out.len())])?;
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| {
        for (out, &x) in out.iter_mut().zip(x) {
            *out += scale * x;
        }
    });
    Ok(())
}
