//! Gradient flow: the path of `dw/dt = -∇L`, and the nodes within its steps.

use super::dormand_prince::{DormandPrince, least_tolerance};
use super::{Kept, Metrics, Recorder, Step, Training, Trajectory};
use crate::backend::{Backend, Element, Slice, SliceMut};
use crate::error::Error;
use crate::path::Quadrature;
use crate::run_file::Flow;
use std::cell::Cell;

/// Steps at the most: a flow that needs more is stiff, and would take days.
const MOST_STEPS: usize = 100_000;

/// The solver's tolerance is this much smaller: an integral sums the errors of many numbers.
const SAFETY: f64 = 4.0;

/// Is called after each step with the time reached and the metrics at the step's start.
pub type OnTime<'a> = dyn FnMut(f64, Metrics) -> Result<(), Error> + 'a;

impl<B: Backend> Training<'_, B> {
    /// Follows the flow from `initial`, all examples in every gradient, and records the weights at the ends of the solver's
    /// steps and, at the nodes of a quadrature within each, the weights and `-∇L`. `full` is a step of the full batch.
    ///
    /// # Errors
    ///
    /// A flow that the solver cannot follow (stiff, or not finite), a device error, a file that cannot be written.
    pub fn flow(
        &self,
        initial: &[B::Element],
        flow: &Flow,
        quadrature: &Quadrature,
        full: &Step,
        mut recorder: Recorder<B::Element>,
        progress: &mut OnTime<'_>,
    ) -> Result<Trajectory, Error> {
        let (backend, len) = (self.backend, self.network.len);
        let least = least_tolerance::<B::Element>();
        if flow.tolerance < least {
            tracing::warn!(
                "training.optimizer.tolerance = {:?} is below what {} can hold, {least:.1e} is taken{}",
                flow.tolerance,
                B::Element::NAME,
                if size_of::<B::Element>() == 4 { "; set run.precision = \"f64\"" } else { "" }
            );
        }
        let solver = DormandPrince {
            backend,
            len,
            count: self.network.parameter_count(),
            time: flow.time,
            tolerance: (flow.tolerance / SAFETY).max(least),
            most_steps: MOST_STEPS,
        };
        recorder.record(Kept::Weights, 0, initial)?;
        let mut steps: Vec<Step> = Vec::new();
        let (_, mut start) = self.slope(&backend.upload(initial)?, full)?;
        // The solver's last slope of a good step is the one at its end.
        let end = Cell::new(start);
        let mut slope = |weights: &B::Buffer| {
            let (slope, metrics) = self.slope(weights, full)?;
            end.set(metrics);
            Ok(slope)
        };
        solver.solve(backend.upload(initial)?, &quadrature.nodes, &mut slope, &mut |accepted| {
            let number = steps.len();
            for (node, weights) in accepted.inside.iter().enumerate() {
                let row = number * quadrature.nodes.len() + node;
                let (slope, _) = self.slope(weights, full)?;
                for (kept, vector) in [(Kept::Nodes, weights), (Kept::Slopes, &slope)] {
                    recorder.record(kept, row, &backend.download(Slice::new(vector, 0, len))?)?;
                }
            }
            recorder.record(Kept::Weights, number + 1, accepted.end_values)?;
            steps.push(Step { learning_rate: accepted.length, ..full.clone() });
            progress(accepted.start + accepted.length, start)?;
            start = end.get();
            Ok(())
        })?;
        recorder.finish(steps)
    }

    /// `-∇L`, and what the step that begins there says of itself.
    fn slope(&self, weights: &B::Buffer, full: &Step) -> Result<(B::Buffer, Metrics), Error> {
        let (mut gradient, statistics) = self.gradient(weights, full)?;
        self.backend.scale(SliceMut::new(&mut gradient, 0, self.network.len), -1.0)?;
        let statistics = self.backend.download(Slice::new(&statistics, 0, 2))?;
        Ok((gradient, Metrics::new(&statistics, full)))
    }
}
