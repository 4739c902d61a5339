//! What influences cost, and of how many queries a tile of them is.

use super::cost::Cost;
use super::own::Demand;
use super::tiles::{most_queries, workers};
use super::{Cut, Device, cost, real, sizes};
use crate::path::Tile;
use crate::problem::{InfluenceTiles, Problem};
use crate::tangent::{Contraction, Sizes};

/// Tiles of influences: some queries each, with all columns.
#[derive(Debug, Clone, Default)]
pub struct Slices {
    /// Queries of a tile; 0 where influences are not asked for.
    pub side: usize,
    /// The tiles.
    pub tiles: Vec<Tile>,
    /// How many of them are computed at once, each on an equal part of the device's threads.
    pub workers: usize,
}

/// Buffers are taken in sizes of four an octave, so that up to a quarter of one lies idle.
const SLACK: f64 = 1.25;
/// Flat vectors that the way back through a step takes, whatever the rows: the step's weights, gradient and change, and those of the
/// row that passes: ψ, q and what comes back of it.
const VECTORS: f64 = 8.0;
/// What a pass along a direction and its way back hold, for what one pass forward and back does.
const DIRECTED: f64 = 2.0;
/// Bytes of a sum on the host.
const SUM: f64 = 8.0;
/// Trainings that the certificate takes: two at each of two radii.
const RETRAININGS: f64 = 4.0;

/// The influences of a problem.
pub(super) struct Influences<'a> {
    problem: &'a Problem,
    contraction: &'a [Contraction],
    sizes: Sizes,
    device: &'a Device,
}

impl<'a> Influences<'a> {
    pub fn new(problem: &'a Problem, contraction: &'a [Contraction], device: &'a Device) -> Self {
        Self { problem, contraction, sizes: sizes(problem, device.rounding), device }
    }

    /// Vectors of a row: λ, and what it has of each vector that the optimizer keeps.
    fn carried(&self) -> f64 {
        1.0 + real(self.problem.spec.optimizer.whole().keeps().len())
    }

    /// Bytes that are held whatever the tile: the batch's passes, and the block of steps whose vectors are recalled.
    fn fixed_bytes(&self) -> f64 {
        let Self { problem, sizes, device, .. } = self;
        let network = &problem.network;
        let passes = real(network.forward_len()) + real(network.backward_len());
        let passes = (1.0 + DIRECTED) * passes * real(sizes.examples);
        let vectors = (VECTORS + self.recalled()) * real(network.len);
        // With another weight the problem is there a second time.
        let again = if self.is_apart() { SUM * real(problem.inputs.len()) } else { 0.0 };
        (passes + vectors) * real(device.bytes) * SLACK + again
    }

    /// Whether the influence is taken along a path of its own.
    fn is_apart(&self) -> bool {
        self.problem.influence.is_some_and(|influence| influence.weight != 1.0)
    }

    /// Flat vectors of the optimizer that are kept of a block of steps.
    fn recalled(&self) -> f64 {
        let kept = real(self.problem.spec.optimizer.whole().keeps().len());
        2.0 * kept * real(self.problem.steps.len()).sqrt().ceil()
    }

    /// Bytes of a tile of so many queries.
    fn bytes(&self, side: usize) -> u64 {
        let rows = real(side) * real(self.sizes.outputs);
        let vectors = rows * self.carried() * real(self.problem.network.len) * real(self.device.bytes) * SLACK;
        let sums = rows * (real(self.problem.columns()) + real(self.problem.steps.len())) * SUM * 2.0;
        (self.fixed_bytes() + vectors + sums) as u64
    }

    /// Elements of the largest array of a tile.
    fn largest(&self, side: usize) -> f64 {
        let len = real(self.problem.network.len);
        len.max(real(side * self.sizes.outputs) * len)
    }

    /// Bytes of the state of a tile under way.
    fn state_bytes(&self, side: usize) -> u64 {
        let rows = real(side) * real(self.sizes.outputs);
        let vectors = self.carried() * real(self.problem.network.len) * real(self.device.bytes);
        (rows * (vectors + (real(self.problem.columns()) + real(self.problem.steps.len())) * SUM)) as u64
    }

    /// Its tiles: as few as fit, and one for each part of the threads and of what is asked for. Without one where not even one query
    /// fits.
    pub fn slices(&self, cut: Cut, room: u64) -> Slices {
        let (n, device) = (self.problem.query_count(), self.device);
        let fits = |side: usize, workers: usize| {
            self.bytes(side).saturating_mul(workers as u64) <= room && self.largest(side) <= real(device.largest)
        };
        let side = match cut {
            Cut::Recorded { influence, .. } => influence.max(1),
            Cut::Into { at_least } => {
                let wanted = at_least.max(1).saturating_mul(device.threads.max(1));
                let most = n.div_ceil(wanted).min(most_queries(self.sizes.outputs)).max(1);
                let halved = std::iter::successors(Some(most), |side| (*side > 1).then_some(side / 2));
                let mut fitting = halved.filter(|&side| fits(side, 1));
                let Some(side) = fitting.next() else { return Slices::default() };
                side
            }
        };
        let tiles = InfluenceTiles::new(self.problem).tiles(side);
        let workers = workers(device.threads, tiles.len(), &|workers| fits(side, workers));
        Slices { side, tiles, workers }
    }

    /// What tiles of `side` queries, so many at once, take of the device.
    pub fn demand(&self, Slices { side, tiles, workers }: &Slices, steps: f64) -> Demand {
        let device = self.device;
        let cost = Cost {
            measured: device.passes.as_ref(),
            ..cost(self.problem, self.contraction, &device.rates, self.sizes.clone(), [1, 1])
        };
        let (rows, tiles) = (real(self.problem.query_count()) * real(self.sizes.outputs), real(tiles.len()));
        let again = [self.is_apart(), self.is_apart() || self.problem.imported];
        let trained = RETRAININGS + again.map(|again| if again { 1.0 } else { 0.0 }).iter().sum::<f64>();
        let [shared, each] = cost.influence_step(self.carried());
        Demand {
            bytes: self.bytes(*side).saturating_mul((*workers).max(1) as u64),
            least_bytes: self.bytes(1),
            is_too_large: self.largest(1) > real(device.largest),
            state_bytes: self.state_bytes(*side),
            flops: 0.0,
            pass_flops: cost.influence_flops(rows, tiles) * steps,
            seconds: steps * (tiles * shared + rows * each + trained * cost.training_step()),
        }
    }

    /// Bytes of the array of pairs, and of the others.
    pub fn array_bytes(&self) -> [f64; 2] {
        let rows = real(self.problem.query_count()) * real(self.sizes.outputs) * real(self.device.bytes);
        let pairs = rows * real(self.problem.columns());
        [pairs, rows * (real(self.problem.steps.len()) + CERTIFIED)]
    }
}

/// Readouts that the certificate keeps of each value of a query.
const CERTIFIED: f64 = 5.0;
