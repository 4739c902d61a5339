//! A block of steps added to what came before.

use super::*;

pub(super) fn fold<E: Element>(total: &mut [f64], block: &mut [E]) -> Result<()> {
    check("fold", &[(block.len(), total.len())])?;
    total.par_chunks_mut(CHUNK).zip(block.par_chunks_mut(CHUNK)).for_each(|(total, block)| {
        for (total, block) in total.iter_mut().zip(block) {
            *total += block.to_f64();
            *block = E::ZERO;
        }
    });
    Ok(())
}
