//! Another readout, where it would take far less.

use super::{PerPair, cost, fastest};
use crate::compute::{Entries, Rates};
use crate::problem::Problem;
use crate::readout::{Chosen, Readout};
use crate::tangent::Sizes;

/// From which share on it is worth a word.
const FAR_LESS: f64 = 100.0;

/// A readout of one value a query that takes far less arithmetic than the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cheaper {
    /// The readout.
    pub readout: Readout,
    /// How many times less it takes.
    pub times: f64,
    /// Whether it needs targets of the queries, of which there are none.
    pub lacks_targets: bool,
}

impl Cheaper {
    /// For a problem of such sizes; `None` where its own readout takes less than a hundred times as much.
    pub(super) fn than(problem: &Problem, rates: &Rates, sizes: &Sizes, per_pair: &PerPair) -> Option<Self> {
        let (spec, network) = (&problem.spec, &problem.network);
        let single = [Readout::Margin, Readout::Loss];
        if matches!(spec.kernel, Some(Entries::Trace | Entries::Diagonal)) {
            // These pair the outputs of both sides.
            return None;
        }
        let (shape, positions) = (network.shape(network.output()), problem.aims().positions());
        let goes = |&readout: &Readout| {
            let fits = Chosen::default().check(readout, spec.loss, shape, problem.query_aims(), positions);
            readout.source(spec.loss).is_ok() && fits.is_ok()
        };
        let readout = single.into_iter().find(goes)?;
        let arithmetic = |readout: Readout, sizes: &Sizes| {
            let contraction =
                problem.contractions().unwrap_or_else(|| fastest(problem, readout, sizes, per_pair, rates));
            let cost = cost(problem, &contraction, rates, sizes.clone(), [1, 1]);
            cost.flops() + cost.pass_flops()
        };
        let times = arithmetic(spec.readout, sizes) / arithmetic(readout, &Sizes { outputs: 1, ..sizes.clone() });
        let lacks_targets = readout.needs_targets() && problem.query_targets.is_none();
        (times >= FAR_LESS).then_some(Self { readout, times, lacks_targets })
    }
}

impl std::fmt::Display for Cheaper {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let needs = if self.lacks_targets { "; it needs data.query.targets" } else { "" };
        write!(
            out,
            "kernel.readout = \"{}\" would take about 1/{:.0} of the arithmetic{needs}",
            self.readout.name(),
            self.times
        )
    }
}
