//! The rows that pick out each output.

use super::*;

pub(super) fn seed<E: Element>(rows: usize, outputs: usize, out: &mut [E], scale: Option<&[E]>) -> Result<()> {
    check("seed", &[(out.len(), rows * outputs * outputs)])?;
    if let Some(scale) = scale {
        check("seed", &[(scale.len(), rows * outputs)])?;
    }
    out.fill(E::ZERO);
    for d in 0..outputs {
        for b in 0..rows {
            out[(d * rows + b) * outputs + d] = scale.map_or(E::ONE, |scale| scale[b * outputs + d]);
        }
    }
    Ok(())
}
