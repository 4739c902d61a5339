//! Losses and their gradients.

use super::*;
#[cfg(feature = "gpu")]
use crate::compute::gpu::MATH;
use crate::loss::{Loss, OfClasses, OfReals, TargetKind, Visitor};

/// Losses of a batch, their gradients and the hits: row `b` is example `examples[b]` of `targets`;
/// `gradient[b, c] = share[b] ∂L_b/∂f_c`, `statistics[b] = [L_b, 1 if the largest output is the class]` (0 for real targets).
#[derive(Debug, Clone, Copy)]
pub struct BatchLoss {
    /// Which loss.
    pub loss: Loss,
    /// Outputs C of the network.
    pub width: usize,
}

/// The targets of a set of examples, on the device.
#[derive(Debug)]
pub enum Targets<'a, T, I> {
    /// `[m]` class numbers.
    Classes(&'a I),
    /// `[m, C]` reals.
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
    /// `[rows, C]`.
    pub gradient: SliceMut<'a, T>,
    /// `[rows, 2]`.
    pub statistics: SliceMut<'a, T>,
    /// f, `[rows, C]`.
    pub outputs: Slice<'a, T>,
    /// The targets of all examples.
    pub targets: Targets<'a, T, I>,
    /// `[rows]`: which example each row is.
    pub examples: &'a I,
    /// `[rows]`: what each counts in the loss.
    pub share: Slice<'a, T>,
}

impl Operation for BatchLoss {
    const NAME: &'static str = "loss";
    const ROUNDINGS: f64 = 200.0;

    type Arrays<'a, T: 'a, I: 'a> = BatchLossArrays<'a, T, I>;

    fn check<T, I: Indices>(&self, arrays: &Self::Arrays<'_, T, I>) -> Result<()> {
        let BatchLossArrays { gradient, statistics, outputs, targets, examples, share } = arrays;
        let examples = examples.values();
        let len = examples.len() * self.width;
        let lengths = [(gradient.len, len), (outputs.len, len), (statistics.len, examples.len() * 2)];
        fit(Self::NAME, &lengths)?;
        fit(Self::NAME, &[(share.len, examples.len())])?;
        let end = examples.iter().max().map_or(0, |&example| example as usize + 1);
        match (self.loss.takes(), targets) {
            (TargetKind::Classes, Targets::Classes(classes)) => {
                let classes = classes.values();
                let is_output = |&example: &u32| (classes[example as usize] as usize) < self.width;
                let fits = end <= classes.len() && examples.iter().all(is_output);
                require(Self::NAME, fits, "an example without a class, or a class without an output")
            }
            (TargetKind::Reals, Targets::Reals(reals)) => {
                require(Self::NAME, end * self.width <= reals.len, "an example without targets")
            }
            (TargetKind::Classes, Targets::Reals(_)) | (TargetKind::Reals, Targets::Classes(_)) => {
                let problem = format!("{} takes {:?}, and has others", self.loss.name(), self.loss.takes());
                require(Self::NAME, false, &problem)
            }
        }
    }

    fn cpu<E: Element>(&self, _: &CpuBackend<E>, arrays: Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>) -> Result<()> {
        let BatchLossArrays { gradient, statistics, outputs, targets, examples, share } = arrays;
        let (classes, reals): (&[u32], &[E]) = match targets {
            Targets::Classes(classes) => (classes, &[]),
            Targets::Reals(reals) => (&[], view(reals)?),
        };
        self.loss.accept(Rows {
            width: self.width,
            outputs: view(outputs)?,
            classes,
            reals,
            examples,
            share: view(share)?,
            gradient: view_mut(gradient)?,
            statistics: view_mut(statistics)?,
        });
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, arrays: Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let BatchLossArrays { gradient, statistics, outputs, targets, examples, share } = arrays;
        let (rows, width, nothing) = (examples.values().len(), self.width, gpu.nothing());
        // The targets, and elements of an example's.
        let (all, size) = match targets {
            Targets::Classes(classes) => (GpuBackend::indices(classes), 1),
            Targets::Reals(reals) => (read(reals), width),
        };
        for cut in gpu.cuts(&[BlockArray::rows(all, size)], all.len / size.max(1)) {
            let some = all.part(cut.start * size, cut.len() * size);
            let (classes, reals) = match targets {
                Targets::Classes(_) => (some, nothing),
                Targets::Reals(_) => (nothing, some),
            };
            let arrays = [
                BlockArray::rows(write(&gradient), width),
                BlockArray::rows(write(&statistics), 2),
                BlockArray::rows(read(outputs), width),
                BlockArray::shared(classes),
                BlockArray::shared(reals),
                BlockArray::rows(GpuBackend::indices(examples), 1),
                BlockArray::rows(read(share), 1),
            ];
            gpu.by_rows(Self::NAME, &arrays, rows, 1, &|block| Numbers {
                rows: block.len() as u32,
                width: width as u32,
                kind: self.loss as u32,
                of_classes: u32::from(self.loss.takes() == TargetKind::Classes),
                first: cut.start as u32,
                count: cut.len() as u32,
            })?;
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        let body = include_str!("../../../shaders/op/loss.wgsl");
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, MATH, &crate::loss::wgsl(), body])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let width = 3;
        let rows = trial.rows(width);
        let len = rows * width;
        let (outputs, reals, share) = (trial.numbers(len)?, trial.numbers(len)?, trial.numbers(rows)?);
        let classes = backend.index(&(0..rows).map(|example| (example * 7 % width) as u32).collect::<Vec<_>>())?;
        let examples = backend.index(&(0..rows as u32).rev().collect::<Vec<_>>())?;
        let (mut gradient, mut statistics) = (backend.zeros(len)?, backend.zeros(2 * rows)?);
        for &loss in Loss::ALL {
            trial.run(|| {
                let targets = match loss.takes() {
                    TargetKind::Classes => Targets::Classes(&classes),
                    TargetKind::Reals => Targets::Reals(front(&reals, len)),
                };
                let arrays = BatchLossArrays {
                    gradient: front_mut(&mut gradient, len),
                    statistics: front_mut(&mut statistics, 2 * rows),
                    outputs: front(&outputs, len),
                    targets,
                    examples: &examples,
                    share: front(&share, rows),
                };
                backend.run(&BatchLoss { loss, width }, arrays)
            })?;
            trial.wrote(&gradient, len)?;
            trial.wrote(&statistics, 2 * rows)?;
        }
        Ok(())
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { rows: u32, width: u32, kind: u32, of_classes: u32, first: u32, count: u32 }
}

/// A batch on the CPU; of classes and reals, those that the loss does not take are empty.
struct Rows<'a, E> {
    width: usize,
    outputs: &'a [E],
    classes: &'a [u32],
    reals: &'a [E],
    examples: &'a [u32],
    share: &'a [E],
    gradient: &'a mut [E],
    statistics: &'a mut [E],
}

impl<E: Element> Visitor for Rows<'_, E> {
    type Output = ();

    fn of_classes<F: OfClasses>(self) {
        let classes = self.classes;
        self.each(|outputs, example, gradient| F::row(outputs, classes[example] as usize, gradient));
    }

    fn of_reals<F: OfReals>(self) {
        let (reals, width) = (self.reals, self.width);
        self.each(|outputs, example, gradient| {
            let mut total = E::ZERO;
            for ((gradient, &f), &y) in gradient.iter_mut().zip(outputs).zip(&reals[example * width..][..width]) {
                let (value, slope) = F::one(f, y);
                *gradient = slope;
                total += value;
            }
            (total, false)
        });
    }
}

impl<E: Element> Rows<'_, E> {
    /// Each row by a function of its outputs, its example and its gradient, which gives the loss and whether it is a hit.
    fn each(self, one: impl Fn(&[E], usize, &mut [E]) -> (E, bool) + Sync) {
        let Self { width, outputs, examples, share, gradient, statistics, .. } = self;
        let each = gradient.par_chunks_mut(width.max(1)).zip(statistics.par_chunks_mut(2)).enumerate();
        each.with_min_len(64).for_each(|(row, (gradient, statistics))| {
            let (loss, hit) = one(&outputs[row * width..][..width], examples[row] as usize, gradient);
            statistics[0] = loss;
            statistics[1] = if hit { E::ONE } else { E::ZERO };
            for gradient in gradient {
                *gradient = share[row] * *gradient;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    /// The gradient is the loss's, by differences, times each row's share.
    #[test]
    fn gradients_of_the_losses() {
        let (rows, width) = (4, 3);
        let (outputs, reals, share) = (numbers(1, rows * width), numbers(2, rows * width), numbers(3, rows));
        let (classes, examples) = (vec![1, 0, 2, 2], vec![3, 0, 2, 0]);
        for &loss in Loss::ALL {
            let at = |outputs: &[f64]| {
                let (outputs, reals, share) = (held(outputs), held(&reals), held(&share));
                let targets = match loss.takes() {
                    TargetKind::Classes => Targets::Classes(&classes),
                    TargetKind::Reals => Targets::Reals(reals.all()),
                };
                let mut statistics = held(&[0.0; 8]);
                let gradient = written(&[0.0; 12], |cpu, gradient| {
                    let (outputs, share) = (outputs.all(), share.all());
                    let examples = &examples;
                    let statistics = statistics.all_mut();
                    let arrays = BatchLossArrays { gradient, statistics, outputs, targets, examples, share };
                    cpu.run(&BatchLoss { loss, width }, arrays)
                });
                (gradient, statistics.values())
            };
            let (gradient, _) = at(&outputs);
            for (e, gradient) in gradient.iter().enumerate() {
                let shifted = |by: f64| {
                    let mut outputs = outputs.clone();
                    outputs[e] += by;
                    at(&outputs).1[e / width * 2]
                };
                let want = share[e / width] * (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
                assert!((gradient - want).abs() < 1e-9, "{loss:?}, {e}: {gradient} instead of {want}");
            }
        }
    }

    #[test]
    fn what_has_no_target_is_refused() {
        let taken = |loss: Loss, classes: &[u32], example: u32| {
            let (outputs, share, classes, examples) = (held(&[0.5; 2]), held(&[1.0]), classes.to_vec(), vec![example]);
            let (mut gradient, mut statistics) = (held(&[0.0; 2]), held(&[0.0; 2]));
            let arrays = BatchLossArrays {
                gradient: gradient.all_mut(),
                statistics: statistics.all_mut(),
                outputs: outputs.all(),
                targets: Targets::Classes(&classes),
                examples: &examples,
                share: share.all(),
            };
            CpuBackend::new().run(&BatchLoss { loss, width: 2 }, arrays).is_ok()
        };
        assert!(taken(Loss::CrossEntropy, &[0, 1], 1));
        assert!(!taken(Loss::CrossEntropy, &[0, 2], 1));
        assert!(!taken(Loss::CrossEntropy, &[0, 1], 2));
        assert!(!taken(Loss::SquaredError, &[0, 1], 1));
    }
}
