//! Rows brought together.

use super::*;

pub(super) fn gather<E: Element>(out: &mut [E], x: &[E], rows: &[u32], width: usize) -> Result<()> {
    check("gather", &[(out.len(), rows.len() * width)])?;
    let largest = rows.iter().max().map_or(0, |&row| row as usize + 1);
    if largest * width > x.len() {
        return Err(BackendError::Invalid(format!("gather: row {largest} of an array of {} elements", x.len())));
    }
    for (out, &row) in out.chunks_mut(width.max(1)).zip(rows) {
        out.copy_from_slice(&x[row as usize * width..][..width]);
    }
    Ok(())
}
