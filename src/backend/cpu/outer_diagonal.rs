//! Gradients of a scale and a shift, materialised.

use super::*;

pub(super) fn outer_diagonal<E: Element>(
    width: usize,
    positions: usize,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    delta: &[E],
    input: &[E],
) -> Result<()> {
    check("outer_diagonal", &[(out.len(), map.outputs * 2 * width), (delta.len(), map.rows * positions * width)])?;
    let size = positions * width;
    out.par_chunks_mut(2 * width).enumerate().for_each(|(output, out)| {
        out.fill(E::ZERO);
        let (scales, shifts) = out.split_at_mut(width);
        for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
            let input = &input[map.inputs[row] as usize * size..][..size];
            for (entry, &delta) in delta[row * size..][..size].iter().enumerate() {
                let weighted = map.weights[row] * delta;
                scales[entry % width] += weighted * input[entry];
                shifts[entry % width] += weighted;
            }
        }
    });
    Ok(())
}
