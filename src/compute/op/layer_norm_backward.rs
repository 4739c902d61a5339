//! Gradients through the normalisation of rows.

use super::*;

/// The gradient of a normalisation, scale and shift with respect to the input of [`LayerNorm`](super::LayerNorm):
/// `out = scale (h - mean(h) - normal mean(h normal))` with `h = γ delta`.
#[derive(Debug, Clone, Copy)]
pub struct LayerNormBackward;

/// The arrays of [`LayerNormBackward`].
#[derive(Debug)]
pub struct LayerNormBackwardArrays<'a, T> {
    /// The gradient with respect to the input, `[copies * rows, width]`.
    pub out: SliceMut<'a, T>,
    /// The gradient with respect to the output, `[copies * rows, width]`.
    pub delta: Slice<'a, T>,
    /// The normalised rows, `[rows, width]`.
    pub normal: Slice<'a, T>,
    /// Their scales, `[rows]`.
    pub scale: Slice<'a, T>,
    /// `[γ, β]`; β is not used.
    pub weights: Weights<'a, T>,
}

impl Operation for LayerNormBackward {
    const NAME: &'static str = "layer_norm_backward";
    const ROUNDINGS: f64 = 60.0;

    type Arrays<'a, T: 'a, I: 'a> = LayerNormBackwardArrays<'a, T>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let LayerNormBackwardArrays { out, delta, normal, scale, weights } = arrays;
        let width = (weights.start.len / 2).max(1);
        let copies = (delta.len % normal.len.max(1), 0);
        fit(Self::NAME, &[(out.len, delta.len), (normal.len, scale.len * width), copies])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let LayerNormBackwardArrays { out, delta, normal, scale, weights } = arrays;
        let (out, delta, normal, scale) = (view_mut(out)?, view(delta)?, view(normal)?, view(scale)?);
        let weights = Parameters::new(weights)?;
        let width = (weights.start.len() / 2).max(1);
        let base = scale.len().max(1);
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

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let LayerNormBackwardArrays { out, delta, normal, scale, weights } = arrays;
        let width = weights.start.len / 2;
        let Along { step, tau, positions, taus } = gpu.along(&weights);
        let arrays = [
            BlockArray::rows(write(&out), width),
            BlockArray::rows(read(delta), width),
            BlockArray::repeated(read(normal), width),
            BlockArray::repeated(read(scale), 1),
            BlockArray::shared(read(weights.start)),
            step,
            tau,
        ];
        gpu.by_rows(Self::NAME, &arrays, out.len / width.max(1), 1, &|block| Numbers {
            rows: block.len() as u32,
            base: scale.len as u32,
            width: width as u32,
            positions,
            taus,
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/layer_norm_backward.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, copies) = (7, 3);
        let base = trial.rows(copies * width);
        let len = copies * base * width;
        let (delta, normal) = (trial.numbers(len)?, trial.numbers(base * width)?);
        let (scale, start) = (trial.numbers(base)?, trial.numbers(2 * width)?);
        let mut out = backend.zeros(len)?;
        trial.run(|| {
            let arrays = LayerNormBackwardArrays {
                out: front_mut(&mut out, len),
                delta: front(&delta, len),
                normal: front(&normal, base * width),
                scale: front(&scale, base),
                weights: Weights { start: front(&start, 2 * width), step: None },
            };
            backend.run(&LayerNormBackward, arrays)
        })?;
        trial.wrote(&out, len)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { rows: u32, base: u32, width: u32, positions: u32, taus: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (base, copies, width) = (3, 2, 5);
        let len = base * copies * width;
        let (delta, normal, scale) = (numbers(1, len), numbers(2, base * width), numbers(3, base));
        let weights = numbers(4, 2 * width);
        let got = written(&vec![0.0; len], |cpu, out| {
            let (deltas, normals, scales, weights) = (held(&delta), held(&normal), held(&scale), held(&weights));
            let arrays = LayerNormBackwardArrays {
                out,
                delta: deltas.all(),
                normal: normals.all(),
                scale: scales.all(),
                weights: Weights { start: weights.all(), step: None },
            };
            cpu.run(&LayerNormBackward, arrays)
        });
        let h = |row: usize, j: usize| weights[j] * delta[row * width + j];
        let mean = |row: usize| (0..width).map(|j| h(row, j)).sum::<f64>() / width as f64;
        let normal = |row: usize, j: usize| normal[row % base * width + j];
        let along = |row: usize| (0..width).map(|j| h(row, j) * normal(row, j)).sum::<f64>() / width as f64;
        close(&got, |e| {
            let (row, j) = (e / width, e % width);
            scale[row % base] * (h(row, j) - mean(row) - normal(row, j) * along(row))
        });
    }
}
