//! Gradients through the normalisation of rows.

use super::*;

pub(super) fn layer_norm_backward<E: Element>(
    out: &mut [E],
    delta: &[E],
    normal: &[E],
    scale: &[E],
    weights: &Parameters<'_, E>,
) -> Result<()> {
    let width = (weights.start.len() / 2).max(1);
    let base = scale.len().max(1);
    check(
        "layer_norm_backward",
        &[(out.len(), delta.len()), (normal.len(), scale.len() * width), (delta.len() % normal.len().max(1), 0)],
    )?;
    let share = E::from_f64(1.0 / width as f64);
    out.par_chunks_mut(width).zip(delta.par_chunks(width)).enumerate().with_min_len(16).for_each(
        |(row, (out, delta))| {
            let normal = &normal[row % base * width..][..width];
            let step = weights.at(row % base);
            let (mut mean, mut along) = (E::ZERO, E::ZERO);
            for j in 0..width {
                out[j] = weight(weights.start, step, j) * delta[j];
                mean += out[j] * share;
                along += out[j] * normal[j] * share;
            }
            for j in 0..width {
                out[j] = scale[row % base] * (out[j] - mean - normal[j] * along);
            }
        },
    );
    Ok(())
}
