//! What to integrate along a path, and the results of a tile.

use super::{Account, Effects};
use crate::compute::Entries;
use crate::error::Error;
use crate::loss::Loss;
use crate::optimizer::ParameterGroups;
use crate::path::Rule;
use crate::readout::{Chosen, Readout};
use crate::tape::Step;
use std::ops::Range;

/// What to integrate.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The loss.
    pub loss: Loss,
    /// The optimizer that made the path, with its numbers for each block and step.
    pub optimizer: ParameterGroups,
    /// The rule on each segment.
    pub rule: Rule,
    /// The function of the outputs whose change is decomposed.
    pub readout: Readout,
    /// The positions and classes that it takes, where those are chosen.
    pub chosen: Chosen,
    /// Whether to sum attributions.
    pub attribution: bool,
    /// Windows of training whose attributions are kept apart as well; 0: none. See [`History::windows`](crate::tape::History::windows).
    pub windows: usize,
    /// T, where attributions are summed for each position of an example's loss as well.
    pub positions: Option<usize>,
    /// Which entries of the kernel, if any.
    pub kernel: Option<Entries>,
    /// Whether to sum the coefficients' numerators.
    pub coefficients: bool,
    /// Whether to take the tangent kernel at both ends.
    pub tangent: bool,
    /// Whether to keep the layers apart.
    pub layers: bool,
    /// Whether the queries are the training set and meet the same network: then a tangent kernel is symmetric, and so is the
    /// path kernel where both sides' gradients are taken at the same weights in every step.
    pub symmetric: bool,
}

impl Spec {
    /// The attribution of every output, with three Gauss nodes a step.
    pub fn new(loss: Loss, optimizer: impl Into<ParameterGroups>) -> Self {
        Self {
            loss,
            optimizer: optimizer.into(),
            rule: Rule::Gauss { nodes: 3 },
            readout: Readout::Outputs,
            chosen: Chosen::default(),
            attribution: true,
            windows: 0,
            positions: None,
            kernel: None,
            coefficients: false,
            tangent: false,
            layers: false,
            symmetric: false,
        }
    }

    /// Whether the rule `adaptive` can split steps everywhere that the readout has kinks: it finds those of the network, and not those
    /// of a loss.
    pub fn may_split(&self) -> bool {
        self.readout != Readout::Loss || !self.loss.has_kinks()
    }

    /// R: the readout's values for each query, of a network with C outputs.
    pub fn values(&self, outputs: usize) -> usize {
        self.chosen.positions.as_ref().map_or_else(|| self.readout.len(outputs), Vec::len)
    }

    /// Gradient rows of an example that pass together at the most, of a network with C outputs.
    pub(crate) fn copies(&self, outputs: usize) -> usize {
        self.kernel.map_or(1, |_| outputs).max(self.positions.unwrap_or(1))
    }

    /// Whether only one half of the tangent kernels is computed.
    pub fn half_tangent(&self) -> bool {
        self.symmetric && self.readout.is_identity()
    }

    /// Whether only one half of the path kernel is computed: the queries are the training set, every step holds all of
    /// it, and both sides' gradients are taken at the same weights. Coefficients are not symmetric.
    pub fn triangle(&self, steps: &[Step]) -> bool {
        let full = steps.iter().all(|step| step.batch.is_none());
        let same = self.rule == Rule::Left || self.optimizer.whole().is_solved();
        self.symmetric && full && same && self.readout.is_identity() && !self.coefficients
    }
}

/// A range of queries and a range of examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Queries.
    pub queries: Range<usize>,
    /// Examples.
    pub examples: Range<usize>,
}

/// A finished tile. Arrays per layer where asked, else one; each laid out as [`Entries`] says.
#[derive(Debug, Default)]
pub struct Finished {
    /// Attribution.
    pub attribution: Vec<Vec<f64>>,
    /// Attribution of each window of training, over all layers, where those are kept apart.
    pub windows: Vec<Vec<f64>>,
    /// Attribution of each position of the examples' losses.
    pub positions: Vec<Vec<f64>>,
    /// Path kernel. Where it is symmetric (see [`Spec::triangle`]), entries with an example before the query are not
    /// computed: they are those of the pair the other way round.
    pub kernel: Vec<Vec<f64>>,
    /// `-Σ_s ε_s share_s (φ_s · J) ∂L/∂f`, the coefficients times the kernel.
    pub numerator: Vec<Vec<f64>>,
    /// Tangent kernel at the first weights; symmetric as the kernel where the queries are the training set.
    pub tangent_initial: Vec<Vec<f64>>,
    /// Tangent kernel at the last weights.
    pub tangent_final: Vec<Vec<f64>>,
    /// The results that belong to single queries and to steps. Tiles whose examples do not start at 0 have none of queries,
    /// except with the rule `adaptive`.
    pub account: Account,
    /// The influence of the examples, laid out as an entry of `attribution`; empty where it is not asked for.
    pub influence: Vec<f64>,
    /// What the influence says of the steps.
    pub effects: Effects,
}

impl Finished {
    /// Fails where a number is not finite: then the path diverged, even if every loss along it was finite.
    pub(super) fn check(&self, steps: &[Step]) -> Result<(), Error> {
        let Self { attribution, windows, positions, kernel, numerator, tangent_initial, tangent_final, .. } = self;
        let arrays = [attribution, windows, positions, kernel, numerator, tangent_initial, tangent_final];
        let account = &self.account;
        let terms = [&account.regularizer, &account.statistics, &account.earlier, &account.unexplained];
        let queries = terms.into_iter().chain([&account.initial, &account.prediction]);
        let mut values = arrays.into_iter().flatten().chain(queries).flatten();
        let first = account.residuals.iter().position(|residual| !residual.is_finite());
        if first.is_none() && values.all(|value| value.is_finite()) {
            return Ok(());
        }
        let step = first.unwrap_or(steps.len().saturating_sub(1));
        Err(Error::Diverged { step, learning_rate: steps.get(step).map_or(0.0, |step| step.learning_rate) })
    }
}
