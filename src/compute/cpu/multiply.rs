//! Gradients through elementwise functions.

use super::*;

pub(super) fn multiply<E: Element>(out: &mut [E], delta: &[E], slope: &[E]) -> Result<()> {
    check("multiply", &[(out.len(), delta.len()), (out.len() % slope.len().max(1), 0)])?;
    let width = slope.len().max(1);
    for (out, delta) in out.chunks_mut(width).zip(delta.chunks(width)) {
        if width <= CHUNK {
            product(out, delta, slope);
        } else {
            let parts = out.par_chunks_mut(CHUNK).zip(delta.par_chunks(CHUNK)).zip(slope.par_chunks(CHUNK));
            parts.for_each(|((out, delta), slope)| product(out, delta, slope));
        }
    }
    Ok(())
}

fn product<E: Element>(out: &mut [E], delta: &[E], slope: &[E]) {
    for ((out, &delta), &slope) in out.iter_mut().zip(delta).zip(slope) {
        *out = delta * slope;
    }
}
