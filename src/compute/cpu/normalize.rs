//! Rows normalised.

use super::*;

pub(super) fn normalize<E: Element>(shape: &Normalize, normal: &mut [E], scale: &mut [E], x: &[E]) -> Result<()> {
    let width = shape.width.max(1);
    check("normalize", &[(normal.len(), x.len()), (scale.len() * width, x.len())])?;
    let about_mean = if shape.about_mean { 1.0 } else { 0.0 };
    normal.par_chunks_mut(width).zip(scale).zip(x.par_chunks(width)).with_min_len(16).for_each(
        |((normal, scale), x)| {
            // In f64 whatever the precision: where a row is nearly constant, the rounding of its mean would count.
            let share = 1.0 / width as f64;
            let mean = about_mean * x.iter().map(|x| x.to_f64()).sum::<f64>() * share;
            let variance = x.iter().map(|x| (x.to_f64() - mean).powi(2)).sum::<f64>() * share;
            let factor = 1.0 / (variance + shape.eps).sqrt();
            *scale = E::from_f64(factor);
            for (normal, x) in normal.iter_mut().zip(x) {
                *normal = E::from_f64((x.to_f64() - mean) * factor);
            }
        },
    );
    Ok(())
}
