//! The sums of a tile, to which each step adds.

use super::batch::Batch;
use super::integrate::Setting;
use super::rows::GroupNodes;
use super::windows::Windows;
use super::{Account, Finished, Rule, Tile, larger};
use crate::compute::{Accumulator, Backend, Entries, Result, Slice, SliceMut, widen};
use crate::readout::Readout;
use crate::tangent::{ExampleMomentum, QueryFactors, Sum};

/// The sums of one kind of result: one for all layers, or one for each.
pub(super) struct Sums<B: Backend>(pub Vec<Sum<B>>);

impl<B: Backend> Sums<B> {
    fn new(backend: &B, wanted: bool, groups: usize, len: usize) -> Result<Self> {
        let count = if wanted { groups } else { 0 };
        Ok(Self((0..count).map(|_| Sum::new(backend, len)).collect::<Result<_>>()?))
    }

    pub fn fold(&mut self, backend: &B) -> Result<()> {
        self.0.iter_mut().try_for_each(|sum| sum.fold(backend))
    }

    /// The first group of layers with a number in its block that is not finite.
    fn first_not_finite(&self, backend: &B) -> Result<Option<usize>> {
        for (group, sum) in self.0.iter().enumerate() {
            if !sum.is_finite(backend)? {
                return Ok(Some(group));
            }
        }
        Ok(None)
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

/// Queries that one product for both orders of two outputs is worth: a panel's rows.
const FEWEST_EXCHANGED: usize = 8;

/// The sums of a tile.
pub(super) struct State<'a, B: Backend> {
    /// The full batch, once a step has asked for it.
    pub full: Option<Vec<Batch<B>>>,
    /// ψ.
    pub psi: QueryFactors<'a, B>,
    /// The examples' momentum, on the way forwards.
    pub momentum: Option<ExampleMomentum<B>>,
    /// The nodes of the rule, with what the last step added to ψ, in each group of parameters.
    pub nodes: Option<(Vec<f64>, Vec<GroupNodes<B>>)>,
    pub sums: PairSums<B>,
    /// `None` where windows of training are not kept apart.
    pub windows: Option<Windows>,
    /// `None` where the values that belong to single queries are not wanted.
    pub certificate: Option<Certificate<B>>,
}

/// Sums for each pair of a query and an example.
pub(super) struct PairSums<B: Backend> {
    pub attribution: Sums<B>,
    /// Of the examples' positions.
    pub positions: Sums<B>,
    pub kernel: Sums<B>,
    pub numerator: Sums<B>,
}

impl<B: Backend> PairSums<B> {
    /// The sums of every kind.
    pub fn all(&self) -> [&Sums<B>; 4] {
        [&self.attribution, &self.positions, &self.kernel, &self.numerator]
    }

    /// The same, to be changed.
    pub fn all_mut(&mut self) -> [&mut Sums<B>; 4] {
        [&mut self.attribution, &mut self.positions, &mut self.kernel, &mut self.numerator]
    }

    /// The first group of layers with a number in a block that is not finite.
    pub fn first_not_finite(&self, backend: &B) -> Result<Option<usize>> {
        for sums in self.all() {
            if let Some(group) = sums.first_not_finite(backend)? {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }
}

impl<'a, B: Backend> State<'a, B> {
    /// Zeros.
    pub fn new(setting: &Setting<'a, B>, tile: &Tile) -> Result<Self> {
        let (backend, spec, network) = (setting.backend, setting.spec, setting.network);
        let (queries, examples, rows) = (tile.queries.len(), tile.examples.len(), setting.rows());
        let groups = if spec.layers { network.layers().len() } else { 1 };
        let kernel_len = spec.kernel.map_or(0, |entries| entries.len(rows, network.outputs, queries, examples));
        let attribution_len = Entries::Loss.len(rows, 1, queries, examples);
        let positions_len = spec.positions.map_or(0, |positions| Entries::Full.len(rows, positions, queries, examples));
        let psi = QueryFactors::new(network, setting.contraction, rows, queries);
        let beside = spec.rule == Rule::Left && spec.readout.is_identity() && !setting.in_training.draws();
        // A product for each two outputs fills panels with fewer rows: of all queries, since no bit depends on the tile.
        let fills = setting.queries.len() >= FEWEST_EXCHANGED * network.input_len();
        Ok(Self {
            full: None,
            psi: if beside && fills { psi.beside_examples() } else { psi },
            momentum: None,
            nodes: None,
            sums: PairSums {
                attribution: Sums::new(backend, spec.attribution, groups, attribution_len)?,
                positions: Sums::new(backend, spec.positions.is_some(), groups, positions_len)?,
                kernel: Sums::new(backend, spec.kernel.is_some(), groups, kernel_len)?,
                numerator: Sums::new(backend, spec.coefficients, 1, kernel_len)?,
            },
            windows: None,
            certificate: None,
        })
    }

    /// Folds the sums of a block of steps.
    pub fn fold(&mut self, backend: &B) -> Result<()> {
        self.sums.all_mut().into_iter().try_for_each(|sums| sums.fold(backend))
    }

    /// Ends a block of `count` steps from `first` on. The only block is the sum.
    pub fn end_block(&mut self, backend: &B, first: usize, count: usize, account: &mut Account) -> Result<()> {
        if count < account.residuals.len() {
            self.fold(backend)?;
        }
        self.certificate.as_mut().map_or(Ok(()), |certificate| certificate.settle(backend, first, count, account))
    }

    /// Ends a window of training that is kept apart.
    pub fn end_window(&mut self, backend: &B, window: usize) -> Result<()> {
        self.windows.as_mut().map_or(Ok(()), |windows| windows.take(backend, window, &mut self.sums.attribution))
    }

    /// Copies the sums to the host; the last block must have been ended.
    pub fn download(&mut self, backend: &B, finished: &mut Finished) -> Result<()> {
        [finished.attribution, finished.windows] = match self.windows.take() {
            Some(windows) => windows.finish(),
            None => [self.sums.attribution.download(backend)?, Vec::new()],
        };
        finished.positions = self.sums.positions.download(backend)?;
        finished.kernel = self.sums.kernel.download(backend)?;
        finished.numerator = self.sums.numerator.download(backend)?;
        Ok(())
    }

    /// Ends a way along the path: copies what belongs to queries to the host.
    pub fn end(&mut self, backend: &B, finished: &mut Finished) -> Result<()> {
        self.momentum = None;
        if let Some(certificate) = self.certificate.take() {
            finished.account.regularizer = certificate.download(backend, &certificate.regularizer)?;
            finished.account.statistics = certificate.download(backend, &certificate.statistics)?;
            finished.account.earlier = certificate.download(backend, &certificate.earlier)?;
        }
        Ok(())
    }
}

/// The values that belong to single queries: the terms of weight decay, of running statistics and of gradients before the first step, and for each step of a block
/// `φ_s · Δw_s` and the part of it that the optimizer does not explain, `[steps, R, queries]`, and the readout,
/// `[steps + 1, queries, R]`.
pub(super) struct Certificate<B: Backend> {
    pub regularizer: Sum<B>,
    pub statistics: Sum<B>,
    pub earlier: Sum<B>,
    pub explained: B::Buffer,
    pub unexplained: B::Buffer,
    /// Squares of the bound on what rounding may do, `[steps, R, queries]`; see [`super::rounding`].
    pub reached: B::Buffer,
    pub values: B::Buffer,
    /// For a readout other than the outputs, the sum of the outputs' squares, `[steps + 1, queries]`.
    pub outputs: B::Buffer,
    readout: Readout,
    /// Layers that have parameters.
    layers: usize,
    queries: usize,
    rows: usize,
    /// Steps of a block.
    block: usize,
}

impl<B: Backend> Certificate<B> {
    /// Zeros, for blocks of `block` steps of a tile's queries.
    pub fn new(setting: &Setting<'_, B>, queries: usize, block: usize) -> Result<Self> {
        let (backend, rows, network) = (setting.backend, setting.rows(), setting.network);
        let size = queries * rows;
        Ok(Self {
            regularizer: Sum::new(backend, size)?,
            statistics: Sum::new(backend, size)?,
            earlier: Sum::new(backend, size)?,
            explained: backend.zeros(block * size)?,
            unexplained: backend.zeros(block * size)?,
            reached: backend.zeros(block * size)?,
            values: backend.scratch((block + 1) * size)?,
            outputs: backend.zeros((block + 1) * queries)?,
            readout: setting.spec.readout,
            layers: network.blocks.len() + network.held.len(),
            queries,
            rows,
            block,
        })
    }

    /// The number of values of all queries.
    pub fn size(&self) -> usize {
        self.queries * self.rows
    }

    /// The lengths of `explained` and `unexplained`, `values` and `outputs`.
    pub fn lens(&self) -> [usize; 3] {
        let size = self.size();
        [self.block * size, (self.block + 1) * size, (self.block + 1) * self.queries]
    }

    /// Copies a sum, `[R, queries]`, to the host, where it is `[queries, R]`.
    fn download(&self, backend: &B, sum: &Sum<B>) -> Result<Vec<f64>> {
        let Self { queries, rows, .. } = *self;
        let values = sum.download(backend)?;
        Ok((0..queries * rows).map(|place| values[place % rows * queries + place / rows]).collect())
    }

    /// The readout's values at a place in the block, on the host.
    pub fn values_at(&self, backend: &B, place: usize) -> Result<Vec<f64>> {
        let size = self.size();
        Ok(widen(&backend.download(Slice::new(&self.values, place * size, size))?))
    }

    /// Reads the results of a block of `count` steps from `first` on into the account.
    pub fn settle(&mut self, backend: &B, first: usize, count: usize, account: &mut Account) -> Result<()> {
        self.regularizer.fold(backend)?;
        self.statistics.fold(backend)?;
        self.earlier.fold(backend)?;
        let Self { layers, queries, rows, block, .. } = *self;
        let size = queries * rows;
        let values = widen(&backend.download(Slice::new(&self.values, 0, (count + 1) * size))?);
        let explained = widen(&backend.download(Slice::new(&self.explained, 0, block * size))?);
        let unexplained = widen(&backend.download(Slice::new(&self.unexplained, 0, block * size))?);
        let reached = widen(&backend.download(Slice::new(&self.reached, 0, block * size))?);
        let outputs = widen(&backend.download(Slice::new(&self.outputs, 0, (count + 1) * queries))?);
        for step in 0..count {
            let [mut largest, mut largest_unexplained] = [0.0f64; 2];
            for (entry, missed) in account.missed.iter_mut().enumerate() {
                let place = step * size + entry % rows * queries + entry / rows;
                let change = values[(step + 1) * size + entry] - values[step * size + entry];
                let rest = change - explained[place];
                *missed += rest;
                largest = larger(rest.abs(), largest);
                account.unexplained[entry] += unexplained[place];
                largest_unexplained = larger(unexplained[place].abs(), largest_unexplained);
                // A sum over layers is at most the root of their number times the root of the sum of squares. A bound that is
                // beyond the precision's range is none: it becomes infinite.
                let ends = [step, step + 1].map(|at| {
                    let outputs = outputs[at * queries + entry / rows].sqrt();
                    self.readout.roundings(values[at * size + entry], outputs)
                });
                let reached = (layers as f64 * reached[place]).sqrt() + ends[0] + ends[1];
                account.sensitivity[entry] += if reached.is_nan() { f64::INFINITY } else { reached };
            }
            account.residuals[first + step] = largest;
            account.unexplained_steps[first + step] = largest_unexplained;
        }
        backend.fill(SliceMut::new(&mut self.explained, 0, block * size), 0.0)?;
        backend.fill(SliceMut::new(&mut self.unexplained, 0, block * size), 0.0)?;
        backend.fill(SliceMut::new(&mut self.reached, 0, block * size), 0.0)?;
        if first + count == account.residuals.len() {
            account.prediction.copy_from_slice(&values[count * size..]);
        }
        if first == 0 {
            account.initial.copy_from_slice(&values[..size]);
        }
        Ok(())
    }
}
