//! One step of a tile forwards in time: what the examples' momentum meets of it.

use super::Account;
use super::at::At;
use super::batch::{Batch, StepRows, examples_at_once};
use super::integrate::Setting;
use super::pass::Pass;
use super::sums::State;
use crate::compute::{Backend, BackendError, Indices, Phase, Result, Slice};
use crate::graph::Segment;
use crate::optimizer::Forth;
use crate::tangent::{ExampleMomentum, QueryFactors};

impl<'a, B: Backend> Pass<'a, B> {
    /// The momentum of the tile's examples before the first step.
    pub fn momentum(&self) -> Result<ExampleMomentum<B>> {
        let Setting { backend, network, contraction, examples, .. } = *self.setting;
        let columns = &self.tile.examples;
        let mut momentum = ExampleMomentum::new(backend, network, contraction, columns.len())?;
        // Constant inputs depend on no weights, so any weights will do.
        let zeros = backend.zeros(network.len)?;
        let at_once = examples_at_once(network, contraction, 1);
        for first in columns.clone().step_by(at_once) {
            let held: Vec<u32> = (first as u32..columns.end.min(first + at_once) as u32).collect();
            let inputs = examples.gather(backend, &held)?;
            let input = Slice::new(&inputs, 0, held.len() * network.input_len());
            let pass = network.forward(backend, Segment::at(&zeros), input, held.len())?;
            momentum.take(backend, network, &pass, first - columns.start)?;
        }
        Ok(momentum)
    }

    /// Adds one step.
    pub fn add_forwards(&self, state: &mut State<'a, B>, at: &At<'_, B>, account: &mut Account) -> Result<()> {
        let Setting { backend, network, spec, contraction, .. } = *self.setting;
        let recursions = spec.optimizer.recursions(at.number, at.rate, at.step.clip);
        let without = || BackendError::Invalid("gradients that are preconditioned before they are summed".into());
        let forths: Vec<Forth> = recursions.iter().map(|own| own.forth().ok_or_else(without)).collect::<Result<_>>()?;
        let group = |block: usize| spec.optimizer.group_of(block);
        let number = |block: usize| forths[group(block)];
        let mut batches = self.batches(state, at.step)?;
        let missing =
            || BackendError::Invalid("a sweep forwards in time without momentum, or without a preconditioner".into());
        let (momentum, held) = state.momentum.as_mut().zip(at.preconditioner()).ok_or_else(missing)?;
        let idle = batches.is_empty() && state.certificate.is_none() && !momentum.is_left();
        momentum.begin(backend, number)?;
        if idle {
            return Ok(());
        }
        let added: Vec<f64> = recursions.iter().map(|own| own.add).collect();
        let rows = self.rows(state, at, &added, account)?;
        let mut phi = QueryFactors::new(network, contraction, self.setting.rows(), self.tile.queries.len());
        let mut certifying = self.certifying(&mut state.certificate, at)?;
        for rows in &rows {
            self.query_gradients(&mut certifying, at, rows, &mut |factor| {
                phi.add(backend, &rows.nodes[group(factor.block)], factor, None)
            })?;
        }
        let momentum = state.momentum.as_mut().ok_or_else(missing)?;
        for batch in &mut batches {
            let Batch { count, columns, places, inputs, drawn, .. } = batch;
            let in_training = self.setting.in_training;
            let input = Slice::new(inputs, 0, *count * in_training.input_len());
            let draw = in_training.drawing(at.number, drawn.as_ref());
            let pass = in_training.forward_drawing(backend, Segment::at(at.weights()), input, *count, draw)?;
            let rows = StepRows::new(self.setting, &self.wanted, at.weights(), &pass, places)?;
            if let Some(rows) = &rows.loss {
                momentum.add(backend, number, rows, columns.values())?;
            }
        }
        let before = backend.enter(Phase::Contraction);
        for (sum, blocks) in &self.sets {
            if let Some(mut into) = state.sums.attribution.of(*sum, -1.0) {
                momentum.contract(backend, blocks, (&phi, &self.constant), held, &mut into)?;
            }
        }
        backend.enter(before);
        if at.step.batch.is_none() && self.setting.groups.is_none() {
            state.full = Some(batches);
        }
        Ok(())
    }
}
