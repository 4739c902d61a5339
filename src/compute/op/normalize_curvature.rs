//! How gradients through the normalisation of rows change with its input.

use super::normalize::LONG_TRIAL;
#[cfg(feature = "gpu")]
use super::normalize::rows_of;
use super::*;

/// How [`NormalizeBackward`](super::NormalizeBackward) of a fixed `delta` changes as the input moves along `slope`.
///
/// With `y = normal`, `ẏ = scale (ẋ - mean ẋ - y mean(ẋ y))` and `g = scale (h - mean h - y mean(h y))`: the scale changes by
/// `-scale² mean(y ẋ)`, so that g changes by `-scale (mean(y ẋ) g + ẏ mean(h y) + y mean(h ẏ))`.
#[derive(Debug, Clone, Copy)]
pub struct NormalizeCurvature {
    /// How the rows were normalised.
    pub shape: Normalize,
}

/// The arrays of [`NormalizeCurvature`].
#[derive(Debug)]
pub struct NormalizeCurvatureArrays<'a, T> {
    /// `[copies * rows, width]`.
    pub out: SliceMut<'a, T>,
    /// h, `[copies * rows, width]`.
    pub delta: Slice<'a, T>,
    /// y, `[rows, width]`.
    pub normal: Slice<'a, T>,
    /// `[rows]`.
    pub scale: Slice<'a, T>,
    /// ẋ, `[rows, width]`.
    pub slope: Slice<'a, T>,
}

impl Operation for NormalizeCurvature {
    const NAME: &'static str = "normalize_curvature";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = NormalizeCurvatureArrays<'a, T>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let NormalizeCurvatureArrays { out, delta, normal, scale, slope } = arrays;
        let (width, copies) = (self.shape.width.max(1), (delta.len % normal.len.max(1), 0));
        fit(Self::NAME, &[(out.len, delta.len), (normal.len, scale.len * width), (slope.len, normal.len), copies])
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let NormalizeCurvatureArrays { out, delta, normal, scale, slope } = arrays;
        let (out, delta, normal) = (view_mut(out)?, view(delta)?, view(normal)?);
        let (scale, slope) = (view(scale)?, view(slope)?);
        let width = self.shape.width.max(1);
        let base = scale.len().max(1);
        let share = E::from_f64(1.0 / width as f64);
        let mean_share = if self.shape.about_mean { share } else { E::ZERO };
        out.par_chunks_mut(width).zip(delta.par_chunks(width)).enumerate().with_min_len(16).for_each(
            |(row, (out, h))| {
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
            },
        );
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let NormalizeCurvatureArrays { out, delta, normal, scale, slope } = arrays;
        let width = self.shape.width;
        let arrays = [
            BlockArray::rows(write(&out), width),
            BlockArray::rows(read(delta), width),
            BlockArray::repeated(read(normal), width),
            BlockArray::repeated(read(scale), 1),
            BlockArray::repeated(read(slope), width),
        ];
        let (shader, invocations) = self.shape.shader(Self::NAME, "normalize_curvature_long");
        gpu.by_rows(shader, &arrays, out.len / width.max(1), invocations, &|block| Numbers {
            rows: block.len() as u32,
            base: scale.len as u32,
            width: width as u32,
            about_mean: u32::from(self.shape.about_mean),
        })
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        rows_of::<Numbers>(
            [Self::NAME, "normalize_curvature_long"],
            include_str!("../../../shaders/op/normalize_curvature.wgsl"),
        )
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let copies = 3;
        for (width, about_mean) in [(7, false), (7, true), (LONG_TRIAL, false), (LONG_TRIAL, true)] {
            let base = trial.rows(copies * width);
            let (len, own) = (copies * base * width, base * width);
            let (delta, normal, slope) = (trial.numbers(len)?, trial.numbers(own)?, trial.numbers(own)?);
            let (scale, mut out) = (trial.numbers(base)?, backend.zeros(len)?);
            let curvature = NormalizeCurvature { shape: Normalize { width, about_mean, eps: 1e-5 } };
            trial.run(|| {
                let (out, delta, normal) = (front_mut(&mut out, len), front(&delta, len), front(&normal, own));
                let (scale, slope) = (front(&scale, base), front(&slope, own));
                backend.run(&curvature, NormalizeCurvatureArrays { out, delta, normal, scale, slope })
            })?;
            trial.wrote(&out, len)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { rows: u32, base: u32, width: u32, about_mean: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// By differences of the gradient, at inputs on either side.
    #[test]
    fn how_the_gradient_changes() {
        let (base, copies, width) = (3, 2, 5);
        let len = base * copies * width;
        let (delta, x, slope) = (numbers(1, len), numbers(2, base * width), numbers(3, base * width));
        for about_mean in [false, true] {
            let shape = Normalize { width, about_mean, eps: 1e-3 };
            let normalized = |by: f64| {
                let x: Vec<f64> = x.iter().zip(&slope).map(|(x, slope)| x + by * slope).collect();
                let (mut normal, mut scale) = (held(&vec![0.0; base * width]), held(&vec![0.0; base]));
                let arrays = (normal.all_mut(), scale.all_mut(), held(&x));
                CpuBackend::new().run(&shape, (arrays.0, arrays.1, arrays.2.all())).expect("arrays that fit");
                (normal, scale)
            };
            let gradient = |by: f64| {
                let (normal, scale) = normalized(by);
                written(&vec![0.0; len], |cpu, out| {
                    cpu.run(&NormalizeBackward { shape }, (out, held(&delta).all(), normal.all(), scale.all()))
                })
            };
            let (low, high, (normal, scale)) = (gradient(-1e-5), gradient(1e-5), normalized(0.0));
            let (deltas, slopes) = (held(&delta), held(&slope));
            let got = written(&vec![0.0; len], |cpu, out| {
                let (delta, normal, scale, slope) = (deltas.all(), normal.all(), scale.all(), slopes.all());
                cpu.run(&NormalizeCurvature { shape }, NormalizeCurvatureArrays { out, delta, normal, scale, slope })
            });
            for (e, got) in got.iter().enumerate() {
                let want = (high[e] - low[e]) / 2e-5;
                assert!((got - want).abs() < 1e-7, "{about_mean}, {e}: {got} instead of {want}");
            }
        }
    }
}
