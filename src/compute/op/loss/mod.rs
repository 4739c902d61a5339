//! Losses and their gradients.

mod batch;

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::{LOSS, MATH};
use crate::loss::{Loss, OfClasses, OfReals, Visitor};
pub use batch::LossBatch;
#[cfg(feature = "gpu")]
pub(super) use batch::Numbers;
pub(super) use batch::{Rows, Tried};

/// Losses of a batch, their gradients and the hits: row `b` is place `places[b]` of `targets`;
/// `gradient[b, c] = share[b] ω_b ∂L_b/∂f_c`, `statistics[b] = [ω_b L_b, ω_b w_y if the largest output is the class y]` (0 without
/// classes), ω being the place's weight and w the classes' numbers.
#[derive(Debug, Clone, Copy)]
pub struct BatchLoss {
    /// Which loss.
    pub loss: Loss,
    /// Outputs of a row.
    pub width: usize,
    /// The share of each target of classes that is spread over all of them.
    pub smoothing: f64,
}

/// The targets of a set of places, on the device.
#[derive(Debug)]
pub enum Targets<'a, T, I> {
    /// `[places]` class numbers.
    Classes(&'a I),
    /// `[places, width]` reals; with a loss of classes their probabilities.
    Reals(Slice<'a, T>),
}

impl<T, I> Clone for Targets<'_, T, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, I> std::marker::Copy for Targets<'_, T, I> {}

/// The arrays of [`BatchLoss`].
#[derive(Debug)]
pub struct BatchLossArrays<'a, T, I> {
    /// `[rows, width]`.
    pub gradient: SliceMut<'a, T>,
    /// `[rows, 2]`.
    pub statistics: SliceMut<'a, T>,
    /// What the losses are made of.
    pub batch: LossBatch<'a, T, I>,
}

impl BatchLoss {
    /// The share of a target that stays, and what every class gets of the rest.
    fn smoothed(&self) -> [f64; 2] {
        [1.0 - self.smoothing, self.smoothing / self.width.max(1) as f64]
    }

    /// What each output's loss is multiplied by.
    fn part(&self) -> f64 {
        if self.loss.is_mean() { 1.0 / self.width.max(1) as f64 } else { 1.0 }
    }
}

impl Operation for BatchLoss {
    const NAME: &'static str = "loss";
    const ROUNDINGS: f64 = 400.0;

    type Arrays<'a, T: 'a, I: 'a> = BatchLossArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let BatchLossArrays { gradient, statistics, batch } = arrays;
        let rows = batch.places.values().len();
        fit(Self::NAME, &[(gradient.len, rows * self.width), (statistics.len, rows * 2)])?;
        batch.check(Self::NAME, self)
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let BatchLossArrays { gradient, statistics, batch } = arrays;
        let (gradient, statistics) = (view_mut(gradient)?, view_mut(statistics)?);
        self.loss.accept(Losses { rows: Rows::new(self, batch)?, gradient, statistics });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let own =
            [BlockArray::rows(write(&arrays.gradient), self.width), BlockArray::rows(write(&arrays.statistics), 2)];
        arrays.batch.dispatch(gpu, Self::NAME, self, own)
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../../shaders/op/loss.wgsl");
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, MATH, LOSS, &crate::loss::wgsl(), body])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let (backend, tried) = (trial.backend, Tried::new(trial)?);
        let (len, of_rows) = (tried.rows * Tried::<B>::WIDTH, tried.rows * 2);
        let (mut gradient, mut statistics) = (backend.zeros(len)?, backend.zeros(of_rows)?);
        for (of, batch) in tried.each() {
            trial.run(|| {
                let (gradient, statistics) = (front_mut(&mut gradient, len), front_mut(&mut statistics, of_rows));
                backend.run(&of, BatchLossArrays { gradient, statistics, batch })
            })?;
            trial.wrote(&gradient, len)?;
            trial.wrote(&statistics, of_rows)?;
        }
        Ok(())
    }
}

/// Losses on the CPU.
struct Losses<'a, E> {
    rows: Rows<'a, E>,
    gradient: &'a mut [E],
    statistics: &'a mut [E],
}

impl<E: Element> Visitor for Losses<'_, E> {
    type Output = ();

    fn of_classes<F: OfClasses>(self) {
        self.each(|rows, outputs, place, gradient| {
            let (loss, best) = F::row(outputs, rows.aim(place), gradient);
            (loss, if rows.class(place) == Some(best) { rows.numbers[best] } else { E::ZERO })
        });
    }

    fn of_reals<F: OfReals>(self) {
        self.each(|rows, outputs, place, gradient| {
            let mut total = E::ZERO;
            let each = gradient.iter_mut().zip(outputs).zip(rows.reals(place)).zip(rows.numbers);
            for (((gradient, &f), &y), &number) in each {
                let (value, slope) = F::one(f, y, number);
                *gradient = rows.part * slope;
                total += rows.part * value;
            }
            (total, E::ZERO)
        });
    }
}

impl<'a, E: Element> Losses<'a, E> {
    /// Each row by a function of its outputs, its place and its gradient, which gives the loss and what a hit counts.
    fn each(self, one: impl Fn(&Rows<'a, E>, &[E], usize, &mut [E]) -> (E, E) + Sync) {
        let Self { rows, gradient, statistics } = self;
        let each = gradient.par_chunks_mut(rows.width.max(1)).zip(statistics.par_chunks_mut(2)).enumerate();
        each.with_min_len(64).for_each(|(row, (gradient, statistics))| {
            let (place, weight, outputs) = rows.row(row);
            let (loss, hit) = one(&rows, outputs, place, gradient);
            statistics[0] = weight * loss;
            statistics[1] = weight * hit;
            let factor = rows.factor(row);
            for gradient in gradient {
                *gradient = factor * *gradient;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::loss::TargetKind;

    const WIDTH: usize = 3;

    /// The gradient and the statistics of four rows, which are the places 3, 0, 2 and 0 of four.
    fn run(loss: Loss, smoothing: f64, outputs: &[f64], classes: Option<&Vec<u32>>) -> (Vec<f64>, Vec<f64>) {
        let (outputs, reals, share) = (held(outputs), held(&numbers(2, 4 * WIDTH)), held(&numbers(3, 4)));
        let (weights, of_outputs, places) = (held(&[0.5, 7.0, 1.0, 2.0]), held(&[0.5, 1.0, 2.0]), vec![3, 0, 2, 0]);
        let targets = classes.map_or(Targets::Reals(reals.all()), Targets::Classes);
        let mut statistics = held(&[0.0; 8]);
        let gradient = written(&[0.0; 4 * WIDTH], |cpu, gradient| {
            let batch = LossBatch {
                outputs: outputs.all(),
                targets,
                weights: weights.all(),
                numbers: of_outputs.all(),
                places: &places,
                share: share.all(),
            };
            let arrays = BatchLossArrays { gradient, statistics: statistics.all_mut(), batch };
            cpu.run(&BatchLoss { loss, width: WIDTH, smoothing }, arrays)
        });
        (gradient, statistics.values())
    }

    /// The gradient is the loss's, by differences, times each row's share.
    #[test]
    fn gradients_of_the_losses() {
        let (outputs, share, classes) = (numbers(1, 4 * WIDTH), numbers(3, 4), vec![1, 0, 2, 2]);
        for &loss in Loss::ALL {
            let of_classes = loss.takes() == TargetKind::Classes;
            for (smoothing, classes) in [(0.0, None), (0.3, Some(&classes)), (0.3, None)] {
                if classes.is_some() && !of_classes {
                    continue;
                }
                let at = |outputs: &[f64]| run(loss, smoothing, outputs, classes);
                for (e, gradient) in at(&outputs).0.into_iter().enumerate() {
                    let shifted = |by: f64| {
                        let mut outputs = outputs.clone();
                        outputs[e] += by;
                        at(&outputs).1[e / WIDTH * 2]
                    };
                    let want = share[e / WIDTH] * (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                    assert!((gradient - want).abs() < 1e-9, "{loss:?}, {e}: {gradient} instead of {want}");
                }
            }
        }
    }

    /// A hit counts by the weights of its place and of its class.
    #[test]
    fn hits_are_weighted() {
        let outputs = [0.0, 0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 3.0, 0.0, 1.0, 0.0, 0.0];
        let (_, statistics) = run(Loss::CrossEntropy, 0.0, &outputs, Some(&vec![0, 0, 2, 2]));
        let hits: Vec<f64> = statistics.into_iter().skip(1).step_by(2).collect();
        assert_eq!(hits, [2.0 * 2.0, 0.5 * 0.5, 0.0, 0.5 * 0.5]);
    }

    #[test]
    fn what_has_no_target_is_refused() {
        let taken = |loss: Loss, classes: &[u32], place: u32| {
            let (outputs, share, classes, places) = (held(&[0.5; 2]), held(&[1.0]), classes.to_vec(), vec![place]);
            let (mut gradient, mut statistics, ones) = (held(&[0.0; 2]), held(&[0.0; 2]), held(&[1.0; 2]));
            let batch = LossBatch {
                outputs: outputs.all(),
                targets: Targets::Classes(&classes),
                weights: ones.all(),
                numbers: ones.all(),
                places: &places,
                share: share.all(),
            };
            let arrays = BatchLossArrays { gradient: gradient.all_mut(), statistics: statistics.all_mut(), batch };
            CpuBackend::new().run(&BatchLoss { loss, width: 2, smoothing: 0.0 }, arrays).is_ok()
        };
        assert!(taken(Loss::CrossEntropy, &[0, 1], 1));
        assert!(!taken(Loss::CrossEntropy, &[0, 2], 1));
        assert!(!taken(Loss::CrossEntropy, &[0, 1], 2));
        assert!(!taken(Loss::SquaredError, &[0, 1], 1));
    }
}
