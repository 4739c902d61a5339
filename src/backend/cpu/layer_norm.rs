//! Rows normalised.

use super::*;

/// Added to the variance, as PyTorch does by default.
const EPSILON: f64 = 1e-5;

pub(super) fn layer_norm<E: Element>(width: usize, normal: &mut [E], scale: &mut [E], x: &[E]) -> Result<()> {
    check("layer_norm", &[(normal.len(), x.len()), (scale.len() * width, x.len())])?;
    let share = E::from_f64(1.0 / width as f64);
    normal.par_chunks_mut(width).zip(scale).zip(x.par_chunks(width)).with_min_len(16).for_each(
        |((normal, scale), x)| {
            let mean = x.iter().copied().sum::<E>() * share;
            let variance = x.iter().map(|&x| (x - mean) * (x - mean)).sum::<E>() * share;
            *scale = E::ONE / (variance + E::from_f64(EPSILON)).sqrt();
            for (normal, &x) in normal.iter_mut().zip(x) {
                *normal = (x - mean) * *scale;
            }
        },
    );
    Ok(())
}
