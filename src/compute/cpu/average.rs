//! Rows averaged over quadrature nodes.

use super::*;

pub(super) fn average<E: Element>(
    width: usize,
    start: Start,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    x: &[E],
) -> Result<()> {
    check("average", &[(out.len(), map.outputs * width), (x.len(), map.rows * width)])?;
    out.par_chunks_mut(width.max(1)).with_min_len(CHUNK.div_ceil(width.max(1))).enumerate().for_each(
        |(output, out)| {
            if let Start::Value(value) = start {
                out.fill(E::from_f64(value));
            }
            for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
                let omega = map.weights[row];
                out.iter_mut().zip(&x[row * width..][..width]).for_each(|(out, &x)| *out += omega * x);
            }
        },
    );
    Ok(())
}
