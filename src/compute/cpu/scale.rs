//! `out *= factor`.

use super::*;

pub(super) fn scale<E: Element>(out: &mut [E], factor: E) -> Result<()> {
    out.par_chunks_mut(CHUNK).for_each(|out| out.iter_mut().for_each(|out| *out = factor * *out));
    Ok(())
}
