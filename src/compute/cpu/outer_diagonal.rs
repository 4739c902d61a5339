//! Gradients of a scale and a shift, materialised.

use super::matmul::put;
use super::outer::Factors;
use super::*;

pub(super) fn outer_diagonal<E: Element>(
    shape: &OuterDiagonal,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    factors: &Factors<'_, E>,
) -> Result<()> {
    let &OuterDiagonal { width, positions, shift, start } = shape;
    let length = shape.row();
    let &Factors { delta, input, preconditioner } = factors;
    let base = map.inputs.iter().max().map_or(0, |&row| row as usize + 1);
    let short = usize::from(input.len() < base * positions * width);
    check(
        "outer_diagonal",
        &[
            (out.len(), map.outputs * length),
            (delta.len(), map.rows * positions * width),
            (short, 0),
            (preconditioner.map_or(length, <[E]>::len), length),
        ],
    )?;
    let size = positions * width;
    out.par_chunks_mut(length.max(1)).enumerate().for_each(|(output, out)| {
        let mut sums = vec![E::ZERO; length];
        let (scales, shifts) = sums.split_at_mut(width);
        for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
            let input = &input[map.inputs[row] as usize * size..][..size];
            for (entry, &delta) in delta[row * size..][..size].iter().enumerate() {
                let weighted = map.weights[row] * delta;
                scales[entry % width] += weighted * input[entry];
                if shift {
                    shifts[entry % width] += weighted;
                }
            }
        }
        factors.precondition(0, &mut sums);
        put(start, out, &sums);
    });
    Ok(())
}
