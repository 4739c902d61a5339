//! Gradients through the normalisation of rows.

use super::*;

pub(super) fn normalize_backward<E: Element>(
    shape: &Normalize,
    out: &mut [E],
    delta: &[E],
    normal: &[E],
    scale: &[E],
) -> Result<()> {
    let width = shape.width.max(1);
    let base = scale.len().max(1);
    check(
        "normalize_backward",
        &[(out.len(), delta.len()), (normal.len(), scale.len() * width), (delta.len() % normal.len().max(1), 0)],
    )?;
    let share = E::from_f64(1.0 / width as f64);
    let mean_share = if shape.about_mean { share } else { E::ZERO };
    out.par_chunks_mut(width).zip(delta.par_chunks(width)).enumerate().with_min_len(16).for_each(
        |(row, (out, delta))| {
            let normal = &normal[row % base * width..][..width];
            let (mut mean, mut along) = (E::ZERO, E::ZERO);
            for (delta, normal) in delta.iter().zip(normal) {
                mean += *delta * mean_share;
                along += *delta * *normal * share;
            }
            for j in 0..width {
                out[j] = scale[row % base] * (delta[j] - mean - normal[j] * along);
            }
        },
    );
    Ok(())
}
