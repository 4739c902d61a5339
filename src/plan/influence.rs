//! What influences cost, and of how many queries a tile of them is.

use super::cost::Cost;
use super::own::Demand;
use super::tiles::{most_queries, workers};
use super::{Cut, Device, cost, real, sizes};
use crate::influence::ELEMENTS_AT_ONCE;
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
/// row that passes: ψ, q and what comes back of it; with what the pool of buffers keeps of them, measured.
const VECTORS: f64 = 24.0;
/// Elements of the pass of queries at the last weights, whole gradient rows among them, where there are so many.
const AT_ONCE: f64 = ELEMENTS_AT_ONCE as f64;
/// What a pass along a direction and its way back hold, for what one pass forward and back does.
const DIRECTED: f64 = 2.0;
/// Rows of a tile below which what its rows share is too much to be divided among threads.
const FEWEST_ROWS: usize = 8;
/// Trainings that a tile takes where the optimizer looks back at what it kept: one ahead, and one block by block on the way back.
const MADE_AGAIN: f64 = 2.0;
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

    /// Vectors of a row that are carried from step to step: λ, and what it has of each vector that the optimizer keeps and of running
    /// statistics.
    fn carried(&self) -> f64 {
        let running = if self.problem.network.has_running() { 1.0 } else { 0.0 };
        1.0 + self.kept() + running
    }

    /// Vectors that the optimizer keeps.
    fn kept(&self) -> f64 {
        real(self.problem.spec.optimizer.whole().keeps().len())
    }

    /// Flat vectors of a block of steps that are made again, and of what the optimizer kept before each of the blocks.
    fn recalled(&self) -> f64 {
        let Problem { spec, steps, every, .. } = self.problem;
        if !spec.optimizer.whole().looks_back() && *every == 1 {
            return 0.0;
        }
        let root = real(steps.len()).sqrt().ceil();
        let block = if *every > 1 { real(*every) } else { root };
        block * (2.0 + self.kept()) + root * self.kept()
    }

    /// Bytes that are held whatever the tile: the batch's passes, and steps that are made again.
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

    /// Bytes of a tile of so many queries.
    fn bytes(&self, side: usize) -> u64 {
        let Self { problem: Problem { network, .. }, sizes, device, .. } = self;
        let (rows, bytes) = (real(side) * real(sizes.outputs), real(device.bytes) * SLACK);
        // Beside what is carried there is q of each row.
        let vectors = rows * (self.carried() + 1.0) * real(network.len);
        let row = real(network.forward_len()) + real(sizes.outputs) * real(network.backward_len() + network.len);
        let first = (real(side) * row).min(AT_ONCE.max(row));
        let sums = rows * (real(self.problem.columns()) + 2.0 * real(self.problem.steps.len()));
        (self.fixed_bytes() + (vectors + first) * bytes + sums * (bytes + 2.0 * SUM)) as u64
    }

    /// Elements of the largest array of a tile.
    fn largest(&self, side: usize) -> f64 {
        let rows = real(side) * real(self.sizes.outputs);
        let sums = rows * real(self.problem.columns().max(self.problem.steps.len() + 1));
        real(self.problem.network.len).max(sums).max((rows * real(self.problem.network.len)).min(AT_ONCE))
    }

    /// Bytes of the state of a tile under way.
    fn state_bytes(&self, side: usize) -> u64 {
        let rows = real(side) * real(self.sizes.outputs);
        let vector = real(self.problem.network.len) * real(self.device.bytes);
        let sums = (real(self.problem.columns()) + 2.0 * real(self.problem.steps.len())) * SUM * 2.0;
        ((self.recalled() + rows * self.carried()) * vector + rows * sums) as u64
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
                let of = |tiles: usize| n.div_ceil(tiles.max(1));
                let of_threads =
                    of(at_least.saturating_mul(device.threads)).max(FEWEST_ROWS.div_ceil(self.sizes.outputs.max(1)));
                let most = of(at_least).min(of_threads).min(most_queries(self.sizes.outputs)).max(1);
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
        let looks_back = self.problem.spec.optimizer.whole().looks_back();
        let shared = shared + if looks_back { MADE_AGAIN * cost.training_step() } else { 0.0 };
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
