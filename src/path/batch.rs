//! The examples of a step's batch, and their gradient rows.

use super::Spec;
use crate::backend::{Backend, Element, LossBatch, Result, Slice, SliceMut, Transpose};
use crate::network::{Forward, Network};
use crate::tangent::ExampleRows;
use crate::training::{Examples, Step, TargetBuffer};
use std::collections::BTreeMap;
use std::ops::Range;

/// The examples of a tile that a step's batch holds, on the device.
pub(super) struct Batch<B: Backend> {
    /// How many.
    pub count: usize,
    /// Their columns in the tile.
    pub columns: B::Index,
    /// Which examples they are.
    pub examples: B::Index,
    /// What each counts in the loss.
    pub share: B::Buffer,
    /// Their inputs.
    pub inputs: B::Buffer,
    /// Products with the queries' inputs that no step changes, by layer.
    pub constant: BTreeMap<usize, B::Buffer>,
}

impl<B: Backend> Batch<B> {
    /// The part of a step's batch that lies in a range of examples; `None` where there is none.
    pub fn new(backend: &B, inputs: &Examples<B>, range: &Range<usize>, step: &Step) -> Result<Option<Self>> {
        let held: Vec<(usize, f64)> = step.shares(range);
        if held.is_empty() {
            return Ok(None);
        }
        let columns: Vec<u32> = held.iter().map(|&(example, _)| (example - range.start) as u32).collect();
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        let share: Vec<B::Element> = held.iter().map(|&(_, share)| B::Element::from_f64(share)).collect();
        Ok(Some(Self {
            count: held.len(),
            inputs: inputs.gather(backend, &examples)?,
            columns: backend.index(&columns)?,
            examples: backend.index(&examples)?,
            share: backend.upload(&share)?,
            constant: BTreeMap::new(),
        }))
    }
}

/// Which examples a batch holds, and what each counts.
pub(super) struct Held<'a, B: Backend> {
    pub examples: &'a B::Index,
    pub share: &'a B::Buffer,
}

/// The gradient rows of a batch that the outputs ask for.
pub(super) struct StepRows<B: Backend> {
    /// Of the loss, one an example.
    pub loss: Option<ExampleRows<B>>,
    /// Of every output.
    pub kernel: Option<OutputRows<B>>,
}

/// The gradient rows of every output.
pub(super) struct OutputRows<B: Backend> {
    pub rows: ExampleRows<B>,
    /// `[C, examples]`: the loss gradients, each times what its example counts.
    pub weights: Option<B::Buffer>,
}

impl<B: Backend> StepRows<B> {
    /// The rows at the weights of a pass.
    pub fn new(
        backend: &B,
        network: &Network,
        spec: &Spec,
        targets: &TargetBuffer<B>,
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        held: &Held<'_, B>,
    ) -> Result<Self> {
        let (outputs, count) = (network.outputs, pass.rows);
        let size = count * outputs;
        let rows = |seed, copies| ExampleRows::new(backend, network, &spec.contraction, weights, pass, seed, copies);
        let mut gradient = backend.scratch(size)?;
        if spec.attribution || spec.coefficients {
            let mut statistics = backend.scratch(2 * count)?;
            let losses = LossBatch {
                loss: spec.loss,
                rows: count,
                width: outputs,
                outputs: network.outputs(pass),
                targets: targets.targets(),
                examples: held.examples,
                share: Slice::new(held.share, 0, count),
            };
            let statistics = SliceMut::new(&mut statistics, 0, 2 * count);
            backend.loss(&losses, SliceMut::new(&mut gradient, 0, size), statistics)?;
        }
        let kernel = spec.kernel.map(|_| {
            let mut seed = backend.scratch(size * outputs)?;
            backend.seed(count, outputs, SliceMut::new(&mut seed, 0, size * outputs), None)?;
            let weights = spec.coefficients.then(|| {
                let mut weights = backend.scratch(size)?;
                let shape = Transpose { batches: 1, rows: count, columns: outputs };
                backend.transpose(&shape, SliceMut::new(&mut weights, 0, size), Slice::new(&gradient, 0, size))?;
                Ok(weights)
            });
            Ok(OutputRows { rows: rows(seed, outputs)?, weights: weights.transpose()? })
        });
        let kernel = kernel.transpose()?;
        Ok(Self { loss: if spec.attribution { Some(rows(gradient, 1)?) } else { None }, kernel })
    }
}
