//! A bias added to every row.

use super::*;

pub(super) fn bias<E: Element>(out: &mut [E], bias: &Parameters<'_, E>) -> Result<()> {
    let width = bias.start.len().max(1);
    check("bias", &[(out.len() % width, 0)])?;
    out.par_chunks_mut(width).with_min_len(64).enumerate().for_each(|(row, out)| {
        let step = bias.at(row);
        for (j, out) in out.iter_mut().enumerate() {
            *out += weight(bias.start, step, j);
        }
    });
    Ok(())
}
