//! What a tile's steps add to.

use super::batch::Batch;
use super::integrate::Setting;
use super::{Finished, Tile};
use crate::backend::{Accumulator, Backend, Element, Entries, Result, Slice, SliceMut};
use crate::tangent::Sum;

/// The sums that one kind of output needs: one for all layers, or one a layer.
pub(super) struct Sums<B: Backend>(Vec<Sum<B>>);

impl<B: Backend> Sums<B> {
    fn new(backend: &B, wanted: bool, groups: usize, len: usize) -> Result<Self> {
        let count = if wanted { groups } else { 0 };
        Ok(Self((0..count).map(|_| Sum::new(backend, len)).collect::<Result<_>>()?))
    }

    pub fn fold(&mut self, backend: &B) -> Result<()> {
        self.0.iter_mut().try_for_each(|sum| sum.fold(backend))
    }

    pub fn download(&self, backend: &B) -> Result<Vec<Vec<f64>>> {
        self.0.iter().map(|sum| sum.download(backend)).collect()
    }

    /// The accumulator of a group of layers.
    pub fn of(&mut self, group: usize, scale: f64) -> Option<Accumulator<'_, B::Buffer>> {
        let group = if self.0.len() > 1 { group } else { 0 };
        self.0.get_mut(group).map(|sum| Accumulator { out: sum.block(), scale, weights: None })
    }
}

/// The sums of a tile.
pub(super) struct State<B: Backend> {
    /// The batch that holds every example, once a step has asked for it.
    pub full: Option<Batch<B>>,
    pub attribution: Sums<B>,
    pub kernel: Sums<B>,
    pub numerator: Sums<B>,
    /// Of the tile that also computes what belongs to its queries alone.
    pub certificate: Option<Certificate<B>>,
}

impl<B: Backend> State<B> {
    /// Zeros.
    pub fn new(setting: &Setting<'_, B>, tile: &Tile) -> Result<Self> {
        let (backend, spec, network) = (setting.backend, setting.spec, setting.network);
        let (queries, examples, outputs) = (tile.queries.len(), tile.examples.len(), network.outputs);
        let groups = if spec.layers { network.parameters.len() } else { 1 };
        let kernel_len = spec.kernel.map_or(0, |entries| entries.len(outputs, queries, examples));
        let attribution_len = Entries::Loss.len(outputs, queries, examples);
        Ok(Self {
            full: None,
            attribution: Sums::new(backend, spec.attribution, groups, attribution_len)?,
            kernel: Sums::new(backend, spec.kernel.is_some(), groups, kernel_len)?,
            numerator: Sums::new(backend, spec.coefficients, 1, kernel_len)?,
            certificate: None,
        })
    }

    /// Ends a block of steps.
    pub fn fold(&mut self, backend: &B) -> Result<()> {
        self.attribution.fold(backend)?;
        self.kernel.fold(backend)?;
        self.numerator.fold(backend)
    }
}

/// What belongs to the queries alone: the term of weight decay, and for each step of a block `φ_s · Δw_s`,
/// `[steps, C, queries]`, and the outputs, `[steps + 1, queries, C]`.
pub(super) struct Certificate<B: Backend> {
    pub regularizer: Sum<B>,
    pub explained: B::Buffer,
    pub values: B::Buffer,
    queries: usize,
    outputs: usize,
    /// Steps of a block.
    block: usize,
}

impl<B: Backend> Certificate<B> {
    /// Zeros, for blocks of `block` steps.
    pub fn new(backend: &B, queries: usize, outputs: usize, block: usize) -> Result<Self> {
        Ok(Self {
            regularizer: Sum::new(backend, outputs * queries)?,
            explained: backend.zeros(block * outputs * queries)?,
            values: backend.scratch((block + 1) * outputs * queries)?,
            queries,
            outputs,
            block,
        })
    }

    /// Reads what a block of `count` steps left.
    pub fn settle(&mut self, backend: &B, count: usize, finished: &mut Finished) -> Result<()> {
        self.regularizer.fold(backend)?;
        let Self { queries, outputs, block, .. } = *self;
        let size = queries * outputs;
        let values = widen::<B>(&backend.download(Slice::new(&self.values, 0, (count + 1) * size))?);
        let explained = widen::<B>(&backend.download(Slice::new(&self.explained, 0, block * size))?);
        finished.missed.resize(size, 0.0);
        for step in 0..count {
            let mut largest = 0.0f64;
            for (entry, missed) in finished.missed.iter_mut().enumerate() {
                let (query, output) = (entry / outputs, entry % outputs);
                let change = values[(step + 1) * size + entry] - values[step * size + entry];
                let rest = change - explained[step * size + output * queries + query];
                *missed += rest;
                // Written so that NaN is the largest of all.
                largest = if rest.abs() <= largest { largest } else { rest.abs() };
            }
            finished.residuals.push(largest);
        }
        backend.fill(SliceMut::new(&mut self.explained, 0, block * size), 0.0)?;
        if finished.initial.is_empty() {
            finished.initial = values[..size].to_vec();
        }
        finished.prediction = values[count * size..].to_vec();
        Ok(())
    }
}

fn widen<B: Backend>(values: &[B::Element]) -> Vec<f64> {
    values.iter().map(|&value| value.to_f64()).collect()
}
