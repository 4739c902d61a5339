//! What self-attributions cost, and of how many examples a tile of them is.

use super::cost::Cost;
use super::footprint::Footprint;
use super::tiles::MOST_QUERIES;
use super::{Cut, Device, PerPair, cost, footprint, real};
use crate::compute::{Entries, Rates};
use crate::path::Rule;
use crate::problem::Problem;
use crate::tangent::{Contraction, Sizes};

/// Examples of a tile that are tried. The last ones only where no more fit.
const SIDES: [usize; 9] = [MOST_QUERIES, 128, 64, 32, 16, 8, 4, 2, 1];
/// The fewest that are taken where more fit: fewer leave processors idle.
const FEWEST: usize = 16;

/// The self-attributions of a problem: tiles of a few examples that are queries and columns both.
pub(super) struct Own<'a> {
    problem: &'a Problem,
    contraction: &'a [Contraction],
    /// Of a step, with all examples of a batch.
    sizes: Sizes,
    footprint: Footprint,
}

/// What self-attributions or influences take of a device.
#[derive(Default)]
pub(super) struct Demand {
    /// Bytes of a tile.
    pub bytes: u64,
    /// Bytes of one of a single example or query.
    pub least_bytes: u64,
    /// Whether an array of a single one is larger than the device takes.
    pub is_too_large: bool,
    /// Bytes of the state of a tile under way.
    pub state_bytes: u64,
    /// Floating-point operations of contractions.
    pub flops: f64,
    /// Floating-point operations of passes.
    pub pass_flops: f64,
    /// Seconds.
    pub seconds: f64,
}

impl Demand {
    /// What both take, one after the other.
    pub fn beside(&self, other: &Self) -> Self {
        Self {
            bytes: self.bytes.max(other.bytes),
            least_bytes: self.least_bytes.max(other.least_bytes),
            is_too_large: self.is_too_large || other.is_too_large,
            state_bytes: self.state_bytes.max(other.state_bytes),
            flops: self.flops + other.flops,
            pass_flops: self.pass_flops + other.pass_flops,
            seconds: self.seconds + other.seconds,
        }
    }
}

/// What one contracts and sums where nothing but self-attributions is asked for.
pub(super) fn sizes_of_own(problem: &Problem, sizes: &Sizes) -> Sizes {
    let queries = problem.examples().min(FEWEST);
    Sizes {
        queries,
        entries: vec![Entries::Loss],
        positions: None,
        examples: sizes.examples.min(queries),
        columns: queries,
        ..sizes.clone()
    }
}

/// Sums for each pair.
pub(super) fn pairs_of_own(sizes: &Sizes) -> PerPair {
    PerPair { sums: real(sizes.outputs), tangent: 0.0, windows: 0.0, arrays: 0.0, attribution: 0.0 }
}

impl<'a> Own<'a> {
    pub fn new(problem: &'a Problem, contraction: &'a [Contraction], sizes: &Sizes, device: &Device) -> Self {
        let queries = problem.examples().min(MOST_QUERIES);
        let sizes = Sizes { queries, examples: sizes.examples, columns: queries, ..sizes_of_own(problem, sizes) };
        let footprint = footprint(problem, device, contraction, &sizes, &pairs_of_own(&sizes));
        Self { problem, contraction, sizes, footprint }
    }

    /// Examples of a tile: of those numbers that fit the one that takes the least time by some rates. `None`: not even one fits.
    pub fn side(&self, cut: Cut, (room, largest): (u64, usize), rates: &Rates) -> Option<usize> {
        let m = self.problem.examples();
        let at_least = match cut {
            Cut::Recorded { own, .. } => return Some(own.max(1)),
            Cut::Into { at_least } => at_least,
        };
        let each = m.div_ceil(at_least.max(1)).max(1);
        let mut fitting =
            SIDES.iter().map(|&side| side.min(each)).filter(|&side| self.footprint.fits([side; 2], room, largest));
        let most = fitting.next()?;
        let smaller = fitting.filter(|&side| side >= FEWEST);
        let time = |side: usize| self.seconds_of_a_step(side, &self.cost(side, rates)) * real(m.div_ceil(side));
        std::iter::once(most).chain(smaller).min_by(|&a, &b| time(a).total_cmp(&time(b)))
    }

    /// What tiles of `side` examples take of a device in so many steps.
    pub fn demand(&self, side: usize, device: &Device, steps: f64) -> Demand {
        let tiles = real(self.problem.examples().div_ceil(side));
        let cost = Cost { measured: device.passes.as_ref(), ..self.cost(side, &device.rates) };
        let met = steps * tiles * self.met(side);
        let folding = cost.folding(real(self.sizes.outputs), steps);
        Demand {
            bytes: self.footprint.bytes(side, side),
            least_bytes: self.footprint.bytes(1, 1),
            is_too_large: !self.footprint.fits([1, 1], u64::MAX, device.largest),
            state_bytes: self.footprint.state_bytes(side, side),
            flops: cost.flops() * met,
            pass_flops: cost.pass_flops() * met,
            seconds: tiles * (self.seconds_of_a_step(side, &cost) * steps + folding),
        }
    }

    /// Seconds of a step of a tile.
    fn seconds_of_a_step(&self, side: usize, cost: &Cost<'_>) -> f64 {
        let again = if self.problem.every > 1 { cost.training_step() } else { 0.0 };
        let met = self.met(side);
        again + met * cost.step(real(self.sizes.outputs)) + (1.0 - met) * cost.reading()
    }

    /// The share of the steps in which a tile's queries pass: where nothing is carried from step to step, those whose batch has one
    /// of its examples.
    fn met(&self, side: usize) -> f64 {
        let spec = &self.problem.spec;
        if spec.optimizer.carries() || matches!(spec.rule, Rule::Adaptive { .. }) {
            return 1.0;
        }
        (real(self.sizes.examples) * real(side) / real(self.problem.examples())).min(1.0)
    }

    /// What a tile costs in a step that its queries pass in, with its share of the batch.
    fn cost<'b>(&'b self, side: usize, rates: &'b Rates) -> Cost<'b> {
        let (m, batch) = (self.problem.examples(), self.sizes.examples);
        let share = (batch as u128 * side as u128).div_ceil(m.max(1) as u128) as usize;
        let sizes = Sizes { queries: side, examples: share.min(side), columns: side, ..self.sizes.clone() };
        Cost {
            batch,
            examples: side,
            copies: 1,
            sets: self.problem.spec.optimizer.count(),
            made_again: 0,
            ..cost(self.problem, self.contraction, rates, sizes, [1, 1])
        }
    }
}
