//! Gradients applied to a direction.

use super::*;

pub(super) fn row_dot<E: Element>(
    width: usize,
    scale: f64,
    map: &RowMap<CpuBackend<E>>,
    out: &mut [E],
    delta: &[E],
    values: &[E],
) -> Result<()> {
    let base = map.inputs.iter().max().map_or(0, |&row| row as usize + 1);
    let short = usize::from(values.len() < base * width);
    check("row_dot", &[(out.len(), map.outputs), (delta.len(), map.rows * width), (short, 0)])?;
    out.par_iter_mut().enumerate().with_min_len(16).for_each(|(output, out)| {
        let mut sum = E::ZERO;
        for row in map.offsets[output] as usize..map.offsets[output + 1] as usize {
            let values = &values[map.inputs[row] as usize * width..][..width];
            let delta = &delta[row * width..][..width];
            sum += map.weights[row] * delta.iter().zip(values).map(|(&a, &b)| a * b).sum::<E>();
        }
        *out += E::from_f64(scale) * sum;
    });
    Ok(())
}
