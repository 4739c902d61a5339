//! Gradient flow: the path of `dw/dt = -∇L`, and the nodes within its steps.

use super::Training;
use super::descent::Taken;
use super::dormand_prince::{DormandPrince, least_tolerance};
use crate::compute::{Backend, Element, Slice, SliceMut};
use crate::error::Error;
use crate::keeper::Keeper;
use crate::path::Quadrature;
use crate::tape::{Kept, Metrics, Recorder, Step};
use std::cell::Cell;
use std::time::Instant;

/// The largest number of steps: a flow that needs more is stiff, and would take days.
const MOST_STEPS: usize = 100_000;

/// The solver's tolerance is smaller than the run's by this factor: an integral sums the errors of many numbers.
const SAFETY: f64 = 4.0;

impl<B: Backend> Training<'_, B> {
    /// Follows the flow from `initial` for a time, to a tolerance, or goes on where an earlier attempt was left. Every gradient
    /// takes all examples: `full` is a step of the full batch. Records the weights at the ends of the solver's steps and, at
    /// the nodes of a quadrature within each step, the weights and `-∇L`.
    ///
    /// # Errors
    ///
    /// A flow that the solver cannot follow (stiff, or not finite), a device error, a file that cannot be written, or an error
    /// of the keeper.
    pub fn flow(
        &self,
        initial: &[B::Element],
        (time, tolerance): (f64, f64),
        quadrature: &Quadrature,
        full: &Step,
        recorder: &mut dyn Recorder<B::Element>,
        keeper: &mut dyn Keeper,
    ) -> Result<(), Error> {
        let (backend, len) = (self.backend, self.network.len);
        let least = least_tolerance::<B::Element>();
        if tolerance < least {
            tracing::warn!(
                "training.optimizer.tolerance = {tolerance:?} is below what {} can hold, {least:.1e} is taken{}",
                B::Element::NAME,
                if size_of::<B::Element>() == 4 { "; set run.precision = \"f64\"" } else { "" }
            );
        }
        let solver = DormandPrince {
            backend,
            len,
            count: self.network.parameter_count(),
            time,
            tolerance: (tolerance / SAFETY).max(least),
            most_steps: MOST_STEPS,
        };
        // Metrics of the last evaluation. In an accepted step that is the evaluation at its end.
        let met = Cell::new(Metrics { loss: 0.0, accuracy: 0.0 });
        let mut slope = |weights: &B::Buffer| {
            let (slope, metrics) = self.slope(weights, full)?;
            met.set(metrics);
            Ok(slope)
        };
        let mut course = match keeper.earlier()? {
            None => {
                recorder.record(Kept::Weights, 0, initial)?;
                let course = solver.begin(backend.upload(initial)?, &mut slope)?;
                let (_, metrics) = self.slope(&backend.upload(initial)?, full)?;
                met.set(metrics);
                course
            }
            Some(mut reader) => {
                recorder.restore(&mut reader, &|_| full.clone())?;
                let metrics: Vec<f64> = reader.take_exactly("metrics", 2)?;
                met.set(Metrics { loss: metrics[0], accuracy: metrics[1] });
                solver.restore(&mut reader)?
            }
        };
        let (begun, before) = (Instant::now(), recorder.history().seconds());
        while !solver.is_done(&course) {
            let (number, start) = (recorder.history().steps.len(), met.get());
            let (mut length, mut reached) = (0.0, 0.0);
            solver.advance(&mut course, &quadrature.nodes, &mut slope, &mut |accepted| {
                for (node, weights) in accepted.inside.iter().enumerate() {
                    let row = number * quadrature.nodes.len() + node;
                    let (slope, _) = self.slope(weights, full)?;
                    for (kept, vector) in [(Kept::Nodes, weights), (Kept::Slopes, &slope)] {
                        recorder.record(kept, row, &backend.download(Slice::new(vector, 0, len))?)?;
                    }
                }
                recorder.record(Kept::Weights, number + 1, accepted.end_values)?;
                (length, reached) = (accepted.length, accepted.start + accepted.length);
                Ok(())
            })?;
            let step = Step { learning_rate: length, ..full.clone() };
            recorder.made(step, start, before + begun.elapsed().as_secs_f64());
            keeper.step(reached / time, &mut |writer| {
                recorder.save(writer)?;
                writer.put("metrics", &[met.get().loss, met.get().accuracy])?;
                solver.save(&course, writer)
            })?;
        }
        Ok(())
    }

    /// `-∇L` at some weights, and the metrics there. Nothing is drawn: a flow has no steps that could.
    fn slope(&self, weights: &B::Buffer, full: &Step) -> Result<(B::Buffer, Metrics), Error> {
        let Taken { mut gradient, statistics, .. } = self.gradient(weights, (0, full))?;
        self.backend.scale(SliceMut::new(&mut gradient, 0, self.network.len), -1.0)?;
        let statistics = self.backend.download(Slice::new(&statistics, 0, 2))?;
        Ok((gradient, Metrics::new(&statistics, full)))
    }
}
