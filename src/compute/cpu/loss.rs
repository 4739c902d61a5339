//! Losses and their gradients.

use super::*;
use crate::loss::{OfClasses, OfReals, Visitor};

pub(super) fn loss<E: Element>(
    batch: &LossBatch<'_, CpuBackend<E>>,
    gradient: &mut [E],
    statistics: &mut [E],
) -> Result<()> {
    let (outputs, share) = (view(batch.outputs)?, view(batch.share)?);
    let (rows, width) = (batch.rows, batch.width);
    check(
        "loss",
        &[
            (gradient.len(), rows * width),
            (outputs.len(), rows * width),
            (statistics.len(), rows * 2),
            (batch.examples.len(), rows),
            (share.len(), rows),
        ],
    )?;
    batch.loss.accept(Losses { batch, outputs, share, gradient, statistics })
}

struct Losses<'a, E: Element> {
    batch: &'a LossBatch<'a, CpuBackend<E>>,
    outputs: &'a [E],
    share: &'a [E],
    gradient: &'a mut [E],
    statistics: &'a mut [E],
}

impl<E: Element> Visitor for Losses<'_, E> {
    type Output = Result<()>;

    fn of_classes<F: OfClasses>(self) -> Result<()> {
        let Targets::Classes(classes) = self.batch.targets else { return Err(self.batch.wrong_targets()) };
        self.each(|outputs, example, gradient| F::row(outputs, classes[example] as usize, gradient));
        Ok(())
    }

    fn of_reals<F: OfReals>(self) -> Result<()> {
        let Targets::Reals(reals) = self.batch.targets else { return Err(self.batch.wrong_targets()) };
        let (reals, width) = (view(reals)?, self.batch.width);
        self.each(|outputs, example, gradient| {
            let mut total = E::ZERO;
            for ((gradient, &f), &y) in gradient.iter_mut().zip(outputs).zip(&reals[example * width..][..width]) {
                let (value, slope) = F::one(f, y);
                *gradient = slope;
                total += value;
            }
            (total, false)
        });
        Ok(())
    }
}

impl<E: Element> Losses<'_, E> {
    /// Each row by a function of its outputs, its example and its gradient, which gives the loss and whether it is a hit.
    fn each(self, one: impl Fn(&[E], usize, &mut [E]) -> (E, bool) + Sync) {
        let Self { batch, outputs, share, gradient, statistics } = self;
        let width = batch.width;
        let each = gradient.par_chunks_mut(width.max(1)).zip(statistics.par_chunks_mut(2)).enumerate();
        each.with_min_len(64).for_each(|(row, (gradient, statistics))| {
            let (loss, hit) = one(&outputs[row * width..][..width], batch.examples[row] as usize, gradient);
            statistics[0] = loss;
            statistics[1] = if hit { E::ONE } else { E::ZERO };
            for gradient in gradient {
                *gradient = share[row] * *gradient;
            }
        });
    }
}
