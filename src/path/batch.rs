//! The examples of a step's batch, and their gradient rows.

use super::Setting;
use super::readout::each_alone;
use crate::compute::{Backend, Result, RowMap, Slice, SliceMut, Transpose};
use crate::graph::{Block, Forward, Graph};
use crate::loss::Loss;
use crate::tangent::{Contraction, ExampleRows};
use crate::tape::Step;
use crate::training::{Places, TargetBuffer};
use std::collections::BTreeMap;
use std::ops::Range;

/// A part of the examples that lie in both a step's batch and a tile, on the device: as many as pass at once.
pub(super) struct Batch<B: Backend> {
    /// The number of examples.
    pub count: usize,
    /// Their columns in the tile.
    pub columns: B::Index,
    /// Where their targets are, and the factor of each one's loss.
    pub places: Places<B>,
    /// Their inputs.
    pub inputs: B::Buffer,
    /// Their numbers among all examples, where the network draws by them.
    pub drawn: Option<B::Index>,
    /// By layer, products with the queries' inputs that are the same in every step, each with its length.
    pub constant: BTreeMap<usize, (B::Buffer, usize)>,
}

/// Elements that one pass of examples may take. Nothing else bounds the number of examples by a device's memory. It is a
/// constant, so that results depend on no machine.
const ELEMENTS_AT_ONCE: usize = 1 << 25;
/// The least number of examples in a pass: fewer would leave processors idle.
const LEAST_AT_ONCE: usize = 64;
/// Elements that the whole gradient rows of the least number may have. Where they have more, fewer examples pass, down to those of
/// a panel: a tile that holds fewer queries would cost more.
const WHOLE_AT_ONCE: usize = 1 << 28;
const FEWEST_AT_ONCE: usize = 8;

/// The number of examples that pass at once, each with `copies` gradient rows.
pub(crate) fn examples_at_once(network: &Graph, contraction: &[Contraction], copies: usize) -> usize {
    let blocks = network.blocks.iter().zip(contraction);
    let whole = blocks.filter(|(_, choice)| **choice == Contraction::Materialised).map(|(block, _)| block.len());
    let rows = WHOLE_AT_ONCE / copies.saturating_mul(whole.sum()).max(1);
    let least = (rows / FEWEST_AT_ONCE * FEWEST_AT_ONCE).clamp(FEWEST_AT_ONCE, LEAST_AT_ONCE);
    (ELEMENTS_AT_ONCE / elements(network, contraction, copies).max(1)).max(least)
}

/// The number of examples whose gradients pass at once, layer by layer.
pub(super) fn gradients_at_once(network: &Graph) -> usize {
    let whole = vec![Contraction::Materialised; network.blocks.len()];
    (ELEMENTS_AT_ONCE / elements(network, &whole, 1).max(1)).max(LEAST_AT_ONCE)
}

/// Elements of an example's pass with so many gradient rows, whole where layers are materialised.
fn elements(network: &Graph, contraction: &[Contraction], copies: usize) -> usize {
    let deltas = |block: &Block| block.uses.iter().map(|one| one.structure.delta_len()).sum();
    let of = |(block, choice): (&Block, &Contraction)| match choice {
        Contraction::Materialised => block.len().max(deltas(block)),
        _ => deltas(block),
    };
    let factors: usize = network.blocks.iter().zip(contraction).map(of).sum();
    network.forward_len() + copies * (network.backward_len() + factors)
}

impl<B: Backend> Batch<B> {
    /// The examples of a step's batch that lie in a range, in parts of `at_once`.
    /// Columns of a part ascend.
    pub fn all(setting: &Setting<'_, B>, range: &Range<usize>, step: &Step, at_once: usize) -> Result<Vec<Self>> {
        let passes = match setting.groups {
            None => vec![step.shares(range)],
            Some(groups) => groups.passes(range, &step.shares(&(0..setting.examples.count()))),
        };
        let parts = passes.iter().flat_map(|held| held.chunks(at_once));
        parts.map(|held| Self::new(setting, range.start, held)).collect()
    }

    fn new(setting: &Setting<'_, B>, first: usize, held: &[(usize, f64)]) -> Result<Self> {
        let Setting { backend, in_training, examples: inputs, targets, groups, .. } = *setting;
        let column = |example: usize| groups.map_or(example, |groups| groups.column(example));
        let columns: Vec<u32> = held.iter().map(|&(example, _)| (column(example) - first) as u32).collect();
        let examples: Vec<u32> = held.iter().map(|&(example, _)| example as u32).collect();
        Ok(Self {
            count: held.len(),
            inputs: inputs.gather(backend, &examples)?,
            drawn: in_training.draws().then(|| backend.index(&examples)).transpose()?,
            columns: backend.index(&columns)?,
            places: targets.places(backend, held)?,
            constant: BTreeMap::new(),
        })
    }
}

/// The gradients of a batch's losses with respect to the outputs, as far as the run's results ask for them.
pub(super) struct OutputGradients<B: Backend> {
    /// `[examples, C]`, times each example's factor.
    pub gradient: Option<B::Buffer>,
    /// The same as `[C, examples]`, for coefficients.
    pub weights: Option<B::Buffer>,
}

impl<B: Backend> OutputGradients<B> {
    /// Takes them at the outputs of a pass.
    pub fn new(setting: &Setting<'_, B>, pass: &Forward<'_, B>, places: &Places<B>) -> Result<Self> {
        let Setting { backend, in_training: network, spec, targets, .. } = *setting;
        let wanted = spec.attribution || spec.coefficients;
        let gradient = wanted.then(|| loss_gradient(backend, network, spec.loss, targets, pass, places)).transpose()?;
        let turned = gradient.as_ref().filter(|_| spec.kernel.is_some() && spec.coefficients).map(|gradient| {
            let size = pass.rows * network.outputs;
            let mut weights = backend.scratch(size)?;
            let shape = Transpose { batches: 1, rows: pass.rows, columns: network.outputs };
            backend.transpose(&shape, SliceMut::new(&mut weights, 0, size), Slice::new(gradient, 0, size))?;
            Ok(weights)
        });
        let weights = turned.transpose()?;
        Ok(Self { gradient, weights })
    }
}

/// The gradient rows of a batch, as far as the run's results ask for them.
pub(super) struct StepRows<B: Backend> {
    /// One row an example: the gradient of its loss.
    pub loss: Option<ExampleRows<B>>,
    /// A row for each position of an example: the gradient of its part of the loss.
    pub positions: Option<ExampleRows<B>>,
    /// A row for each output of an example.
    pub kernel: Option<OutputRows<B>>,
}

/// The gradient rows of every output.
pub(super) struct OutputRows<B: Backend> {
    pub rows: ExampleRows<B>,
    /// `[C, examples]`: the losses' gradients with respect to the outputs, times each example's factor.
    pub weights: Option<B::Buffer>,
}

impl<B: Backend> StepRows<B> {
    /// Takes the rows of the blocks that are wanted, at the weights of a pass.
    pub fn new(
        setting: &Setting<'_, B>,
        wanted: &[bool],
        weights: &B::Buffer,
        pass: &Forward<'_, B>,
        places: &Places<B>,
    ) -> Result<Self> {
        let Setting { backend, in_training: network, spec, contraction, targets, .. } = *setting;
        let (outputs, count) = (network.outputs, pass.rows);
        let rows = |seed, copies| {
            let map = RowMap::each(backend, copies, count, 1.0)?;
            ExampleRows::mapped(backend, network, (contraction, wanted), weights, pass, (seed, copies), &map)
        };
        let OutputGradients { gradient, weights } = OutputGradients::new(setting, pass, places)?;
        let kernel = spec.kernel.map(|_| {
            let size = count * outputs * outputs;
            let mut seed = backend.scratch(size)?;
            backend.seed(count, outputs, SliceMut::new(&mut seed, 0, size), None)?;
            Ok(OutputRows { rows: rows(seed, outputs)?.of_outputs(), weights })
        });
        let kernel = kernel.transpose()?;
        let positions = gradient.as_ref().filter(|_| spec.positions.is_some()).map(|gradient| {
            let of_row = targets.of_row();
            let all: Vec<u32> = (0..of_row.0 as u32).collect();
            rows(each_alone(backend, gradient, count, of_row, &all)?, of_row.0)
        });
        let positions = positions.transpose()?;
        let loss = gradient.filter(|_| spec.attribution).map(|gradient| rows(gradient, 1)).transpose()?;
        Ok(Self { loss, positions, kernel })
    }
}

/// `[examples, C]`: the gradients of a pass's losses with respect to its outputs, times each example's factor.
pub(super) fn loss_gradient<B: Backend>(
    backend: &B,
    network: &Graph,
    loss: Loss,
    targets: &TargetBuffer<B>,
    pass: &Forward<'_, B>,
    places: &Places<B>,
) -> Result<B::Buffer> {
    targets.losses(backend, loss, network.outputs(pass), places).map(|losses| losses.gradient)
}
