//! How the gradients of losses change with the outputs.

#[cfg(feature = "gpu")]
use super::loss::Numbers;
use super::loss::{Rows, Tried};
use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::{LOSS, MATH};
use crate::loss::{OfClasses, OfReals, Visitor};

/// How the gradients of [`BatchLoss`] change as the outputs move along a direction:
/// `change[b, c] = share[b] ω_b Σ_d ∂²L_b/∂f_c∂f_d along[b, d]`.
#[derive(Debug, Clone, Copy)]
pub struct LossCurvature {
    /// The losses.
    pub of: BatchLoss,
}

/// The arrays of [`LossCurvature`].
#[derive(Debug)]
pub struct LossCurvatureArrays<'a, T, I> {
    /// `[rows, width]`.
    pub change: SliceMut<'a, T>,
    /// `[rows, width]`: where the outputs move.
    pub along: Slice<'a, T>,
    /// What the losses are made of.
    pub batch: LossBatch<'a, T, I>,
}

impl Operation for LossCurvature {
    const NAME: &'static str = "loss_curvature";
    const ROUNDINGS: f64 = 400.0;

    type Arrays<'a, T: 'a, I: 'a> = LossCurvatureArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let LossCurvatureArrays { change, along, batch } = arrays;
        fit(Self::NAME, &[(change.len, batch.outputs.len), (along.len, batch.outputs.len)])?;
        batch.check(Self::NAME, &self.of)
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let (rows, along) = (Rows::new(&self.of, arrays.batch)?, view(arrays.along)?);
        self.of.loss.accept(Changes { rows, along, change: view_mut(arrays.change)? });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let own = [write(&arrays.change), read(arrays.along)].map(|array| BlockArray::rows(array, self.of.width));
        arrays.batch.dispatch(gpu, Self::NAME, &self.of, own)
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/loss_curvature.wgsl");
        let texts = [INDEX, MATH, LOSS, &crate::loss::wgsl_of_curvature(), body];
        vec![Shader::new::<Numbers>(Self::NAME, &texts)]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let (backend, tried) = (trial.backend, Tried::new(trial)?);
        let len = tried.rows * Tried::<B>::WIDTH;
        let (along, mut change) = (trial.numbers(len)?, backend.zeros(len)?);
        for (of, batch) in tried.each() {
            trial.run(|| {
                let arrays =
                    LossCurvatureArrays { change: front_mut(&mut change, len), along: front(&along, len), batch };
                backend.run(&LossCurvature { of }, arrays)
            })?;
            trial.wrote(&change, len)?;
        }
        Ok(())
    }
}

/// Changes on the CPU.
struct Changes<'a, E> {
    rows: Rows<'a, E>,
    along: &'a [E],
    change: &'a mut [E],
}

impl<E: Element> Visitor for Changes<'_, E> {
    type Output = ();

    fn of_classes<F: OfClasses>(self) {
        self.each(|rows, (outputs, along), place, change| F::curvature(outputs, rows.aim(place), along, change));
    }

    fn of_reals<F: OfReals>(self) {
        self.each(|rows, (outputs, along), place, change| {
            let moved = outputs.iter().zip(along).zip(rows.reals(place)).zip(rows.numbers);
            for (change, (((&f, &along), &y), &number)) in change.iter_mut().zip(moved) {
                *change = rows.part * F::curvature(f, y, number) * along;
            }
        });
    }
}

impl<'a, E: Element> Changes<'a, E> {
    /// Each row by a function of its outputs, where they move, its place and its change.
    fn each(self, one: impl Fn(&Rows<'a, E>, (&[E], &[E]), usize, &mut [E]) + Sync) {
        let Self { rows, along, change } = self;
        let width = rows.width.max(1);
        let each = change.par_chunks_mut(width).zip(along.par_chunks(width)).enumerate();
        each.with_min_len(64).for_each(|(row, (change, along))| {
            let (place, _, outputs) = rows.row(row);
            one(&rows, (outputs, along), place, change);
            let factor = rows.factor(row);
            for change in change {
                *change = factor * *change;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::loss::{Loss, TargetKind};

    const WIDTH: usize = 3;

    /// Of rows that are the places 3, 0, 2 and 0 of four, the gradient where the outputs have moved by so much, and how it changes.
    fn run(of: BatchLoss, by: f64, classes: Option<&Vec<u32>>) -> [Vec<f64>; 2] {
        let (outputs, along) = (numbers(1, 4 * WIDTH), numbers(4, 4 * WIDTH));
        let moved: Vec<f64> = outputs.iter().zip(&along).map(|(f, along)| f + by * along).collect();
        let (moved, along, reals, share) =
            (held(&moved), held(&along), held(&numbers(2, 4 * WIDTH)), held(&numbers(3, 4)));
        let (weights, of_outputs, places) = (held(&[0.5, 7.0, 1.0, 2.0]), held(&[0.5, 1.0, 2.0]), vec![3, 0, 2, 0]);
        let (outputs, targets) = (moved.all(), classes.map_or(Targets::Reals(reals.all()), Targets::Classes));
        let (weights, numbers, places, share) = (weights.all(), of_outputs.all(), &places, share.all());
        let batch = LossBatch { outputs, targets, weights, numbers, places, share };
        let mut statistics = held(&[0.0; 8]);
        let gradient = written(&[0.0; 4 * WIDTH], |cpu, gradient| {
            cpu.run(&of, BatchLossArrays { gradient, statistics: statistics.all_mut(), batch })
        });
        let change = written(&[0.0; 4 * WIDTH], |cpu, change| {
            cpu.run(&LossCurvature { of }, LossCurvatureArrays { change, along: along.all(), batch })
        });
        [gradient, change]
    }

    /// By differences of the gradient; no output is so near to a jump that it crosses it.
    #[test]
    fn how_gradients_of_the_losses_change() {
        const H: f64 = 1e-5;
        for &loss in Loss::ALL {
            let of_classes = loss.takes() == TargetKind::Classes;
            for (smoothing, classes) in [(0.0, None), (0.3, Some(&vec![1, 0, 2, 2])), (0.3, None)] {
                if classes.is_some() && !of_classes {
                    continue;
                }
                let of = BatchLoss { loss, width: WIDTH, smoothing };
                let [[before, _], [_, change], [after, _]] = [-H, 0.0, H].map(|by| run(of, by, classes));
                for (e, change) in change.into_iter().enumerate() {
                    let want = (after[e] - before[e]) / (2.0 * H);
                    assert!((change - want).abs() < 1e-9, "{loss:?}, {e}: {change} instead of {want}");
                }
            }
        }
    }
}
