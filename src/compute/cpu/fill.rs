//! `out = value`.

use super::*;

pub(super) fn fill<E: Element>(out: &mut [E], value: E) -> Result<()> {
    out.par_chunks_mut(CHUNK).for_each(|out| out.fill(value));
    Ok(())
}
