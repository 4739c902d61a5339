//! `out = x`.

use super::*;

pub(super) fn copy<E: Element>(out: &mut [E], x: &[E]) -> Result<()> {
    check("copy", &[(x.len(), out.len())])?;
    out.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(out, x)| out.copy_from_slice(x));
    Ok(())
}
