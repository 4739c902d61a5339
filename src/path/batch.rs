//! The examples of a step's batch, and their gradient rows.

use super::Setting;
use crate::compute::{Backend, Element, Result, Slice, SliceMut, Transpose};
use crate::graph::{Forward, Graph};
use crate::loss::Loss;
use crate::tangent::ExampleRows;
use crate::tape::Step;
use crate::training::{Examples, TargetBuffer};
use std::collections::BTreeMap;
use std::ops::Range;

/// Some of a tile's examples that a step's batch holds, on the device: as many as pass at once.
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
    /// Products with the queries' inputs that no step changes, by layer, each with its length.
    pub constant: BTreeMap<usize, (B::Buffer, usize)>,
}

/// Elements that the rows of the examples of one pass may have: a device's memory bounds the number of examples nowhere
/// else. A constant, so that it depends on no machine.
const ELEMENTS_AT_ONCE: usize = 1 << 25;
/// Examples of one pass at the least: fewer would leave processors idle.
const LEAST_AT_ONCE: usize = 64;

/// Examples that pass at once, each with `copies` gradient rows.
pub(crate) fn examples_at_once(network: &Graph, copies: usize) -> usize {
    let factors: usize = network.parameters.iter().map(|own| own.len().max(own.positions * own.height)).sum();
    let each = network.forward_len() + copies * (network.backward_len() + factors);
    (ELEMENTS_AT_ONCE / each.max(1)).max(LEAST_AT_ONCE)
}

impl<B: Backend> Batch<B> {
    /// The part of a step's batch that lies in a range of examples, in parts of `at_once`.
    pub fn all(
        backend: &B,
        inputs: &Examples<B>,
        range: &Range<usize>,
        step: &Step,
        at_once: usize,
    ) -> Result<Vec<Self>> {
        let held: Vec<(usize, f64)> = step.shares(range);
        held.chunks(at_once).map(|held| Self::new(backend, inputs, range.start, held)).collect()
    }

    fn new(backend: &B, inputs: &Examples<B>, first: usize, held: &[(usize, f64)]) -> Result<Self> {
        let columns: Vec<u32> = held.iter().map(|&(example, _)| (example - first) as u32).collect();
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        let share: Vec<B::Element> = held.iter().map(|&(_, share)| B::Element::from_f64(share)).collect();
        Ok(Self {
            count: held.len(),
            inputs: inputs.gather(backend, &examples)?,
            columns: backend.index(&columns)?,
            examples: backend.index(&examples)?,
            share: backend.upload(&share)?,
            constant: BTreeMap::new(),
        })
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
        setting: &Setting<'_, B>,
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        held: &Held<'_, B>,
    ) -> Result<Self> {
        let Setting { backend, network, spec, contraction, targets, .. } = *setting;
        let (outputs, count) = (network.outputs, pass.rows);
        let size = count * outputs;
        let rows = |seed, copies| ExampleRows::new(backend, network, contraction, weights, pass, seed, copies);
        let wanted = spec.attribution || spec.coefficients;
        let gradient = wanted.then(|| loss_gradient(backend, network, spec.loss, targets, pass, held)).transpose()?;
        let kernel = spec.kernel.map(|_| {
            let mut seed = backend.scratch(size * outputs)?;
            backend.seed(count, outputs, SliceMut::new(&mut seed, 0, size * outputs), None)?;
            let weights = gradient.as_ref().filter(|_| spec.coefficients).map(|gradient| {
                let mut weights = backend.scratch(size)?;
                let shape = Transpose { batches: 1, rows: count, columns: outputs };
                backend.transpose(&shape, SliceMut::new(&mut weights, 0, size), Slice::new(gradient, 0, size))?;
                Ok(weights)
            });
            Ok(OutputRows { rows: rows(seed, outputs)?, weights: weights.transpose()? })
        });
        let kernel = kernel.transpose()?;
        let loss = gradient.filter(|_| spec.attribution).map(|gradient| rows(gradient, 1)).transpose()?;
        Ok(Self { loss, kernel })
    }
}

/// `[examples, C]`: the gradients of the losses of a pass with respect to its outputs, each times what its example counts.
pub(super) fn loss_gradient<B: Backend>(
    backend: &B,
    network: &Graph,
    loss: Loss,
    targets: &TargetBuffer<B>,
    pass: &Forward<'_, B>,
    held: &Held<'_, B>,
) -> Result<B::Buffer> {
    let outputs = (network.outputs(pass), pass.rows);
    targets.losses(backend, loss, outputs, held.examples, held.share).map(|(gradient, _)| gradient)
}
