//! Layer normalisation and its gradients.

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

pub(super) fn scale_shift<E: Element>(out: &mut [E], x: &[E], weights: &Parameters<'_, E>) -> Result<()> {
    let width = (weights.start.len() / 2).max(1);
    check("scale_shift", &[(out.len(), x.len()), (out.len() % width, 0)])?;
    out.par_chunks_mut(width).zip(x.par_chunks(width)).enumerate().with_min_len(16).for_each(|(row, (out, x))| {
        let step = weights.at(row);
        for j in 0..width {
            out[j] = weight(weights.start, step, j) * x[j] + weight(weights.start, step, width + j);
        }
    });
    Ok(())
}

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
