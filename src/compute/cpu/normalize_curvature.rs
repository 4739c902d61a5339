//! How gradients through the normalisation of rows change with its input.

use super::*;

/// With `y = normal`, `ẏ = scale (ẋ - mean ẋ - y mean(ẋ y))` and `g = scale (h - mean h - y mean(h y))`: the scale changes by
/// `-scale² mean(y ẋ)`, so that g changes by `-scale (mean(y ẋ) g + ẏ mean(h y) + y mean(h ẏ))`.
pub(super) fn normalize_curvature<E: Element>(shape: &Normalize, out: &mut [E], row: &Curved<'_, E>) -> Result<()> {
    let width = shape.width.max(1);
    let &Curved { delta, normal, scale, slope } = row;
    let base = scale.len().max(1);
    check(
        "normalize_curvature",
        &[
            (out.len(), delta.len()),
            (normal.len(), scale.len() * width),
            (slope.len(), normal.len()),
            (delta.len() % normal.len().max(1), 0),
        ],
    )?;
    let share = E::from_f64(1.0 / width as f64);
    let mean_share = if shape.about_mean { share } else { E::ZERO };
    out.par_chunks_mut(width).zip(delta.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, h))| {
        let of_base = row % base * width..(row % base + 1) * width;
        let (y, x, scale) = (&normal[of_base.clone()], &slope[of_base], scale[row % base]);
        let sum = |term: &dyn Fn(usize) -> E| (0..width).fold(E::ZERO, |sum, j| sum + term(j));
        let (mean_x, along_x) = (sum(&|j| x[j] * mean_share), sum(&|j| x[j] * y[j] * share));
        let (mean_h, along_h) = (sum(&|j| h[j] * mean_share), sum(&|j| h[j] * y[j] * share));
        let moved = |j: usize| scale * (x[j] - mean_x - y[j] * along_x);
        let turned = sum(&|j| h[j] * moved(j) * share);
        for j in 0..width {
            let back = scale * (h[j] - mean_h - y[j] * along_h);
            out[j] = -(scale * (along_x * back + moved(j) * along_h + y[j] * turned));
        }
    });
    Ok(())
}

/// What [`normalize_curvature`] reads.
pub(super) struct Curved<'a, E> {
    pub delta: &'a [E],
    pub normal: &'a [E],
    pub scale: &'a [E],
    pub slope: &'a [E],
}
