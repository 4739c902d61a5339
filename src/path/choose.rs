//! The rule that a few steps of a path show to be enough.

use super::adaptive::{self, Adaptive, Whole, has_kinks, is_piecewise};
use super::looked_at::{LARGEST, SPREAD};
use super::readout::Reader;
use super::{QueryTargets, Rule, Spec};
use crate::compute::{Backend, Result, Slice, convert, widen};
use crate::error::Error;
use crate::graph::{Graph, Segment};
use crate::tape::Step;

/// Queries that are looked at, at the most.
const MOST_QUERIES: usize = 16;
/// Gauss nodes at the most.
const MOST_NODES: usize = 32;
/// The same where units may flip: if so few are not enough, a flip is in the way, which no number of nodes gets around.
const MOST_NODES_WITH_KINKS: usize = 8;
/// Gauss nodes that leave nothing to spare.
const FEW_NODES: f64 = 6.0;
/// How many times as many Gauss nodes as those of `adaptive` are too many: its passes share less, and it checks each step.
const SPARED: f64 = 2.0;
/// Multiply-adds that looking may take, about, as long as one query is left.
const WORK: f64 = 1e12;
/// The same for steps beyond the least.
pub(super) const LITTLE_WORK: f64 = 1e11;
/// Rows that a query and step pass through the network, about: forward, and along two directions, at the nodes of each number.
pub(super) const ROWS: f64 = 48.0;
/// Values of a readout that may all be right by chance.
const FEW_VALUES: usize = 2;
/// Certificates of queries and steps that may all be.
const FEW_CERTIFICATES: usize = 8;

/// A rule, chosen by a few steps of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenRule {
    /// The rule.
    pub rule: Rule,
    /// The largest error that was found with it, relative to the largest change of the query's readout in the step. Less than one
    /// rounding of the step's largest change is no error.
    pub error: f64,
    /// Its nodes for a query and step: the mean.
    pub nodes: f64,
    /// Rows that the search for these nodes passes for a query and step: the mean; 0 where none is needed.
    pub searched: f64,
    /// The steps that were looked at, ascending.
    pub steps: Vec<usize>,
    /// How many queries were.
    pub queries: usize,
}

/// Gives the weights before a step, or after the last one. It is quick where it is asked in descending order.
pub(crate) type WeightsAt<'a> = dyn FnMut(usize) -> std::result::Result<Vec<f64>, Error> + 'a;

/// Looks at some queries on some steps.
pub(crate) struct Probe<'a, B: Backend> {
    backend: &'a B,
    network: &'a Graph,
    spec: &'a Spec,
    query_targets: Option<&'a QueryTargets<B>>,
    /// How many queries there are.
    all: usize,
    /// The numbers among them of those that are looked at.
    numbers: Vec<u32>,
    inputs: B::Buffer,
    tolerance: f64,
    /// One rounding of the arithmetic of the run, relative.
    unit: f64,
}

/// The readout of some queries.
struct OfQueries<'a, B: Backend> {
    reader: Reader<'a, B>,
    numbers: &'a [u32],
}

impl<B: Backend> adaptive::Readout<B> for OfQueries<'_, B> {
    fn count(&self) -> usize {
        self.reader.rows()
    }

    fn is_linear(&self) -> bool {
        self.reader.spec.readout.is_linear()
    }

    fn read(&self, _: &B, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<adaptive::Read<B>> {
        let numbers: Vec<u32> = queries.iter().map(|&query| self.numbers[query as usize]).collect();
        self.reader.read(outputs, &numbers)
    }
}

/// What was found of a rule.
struct Found {
    /// Nodes of a query and step.
    nodes: f64,
    /// Rows that the search for them passes.
    searched: f64,
    /// The largest error, as a share of what is allowed.
    share: f64,
}

/// Looks at a step.
type Each<'a, B> = dyn FnMut(usize) -> std::result::Result<Looked<B>, Error> + 'a;

/// One step, on the device.
struct Looked<B: Backend> {
    weights: B::Buffer,
    change: B::Buffer,
    /// The readout at both ends, `[queries, R]`.
    ends: [Vec<f64>; 2],
}

impl<'a, B: Backend> Probe<'a, B> {
    /// For queries `[n, …]`, of which some are looked at. `tolerance` is relative to the largest change of a query's readout, and
    /// `unit` one rounding of the arithmetic that the rule is for.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(
        backend: &'a B,
        (network, spec): (&'a Graph, &'a Spec),
        (queries, query_targets): (&[f64], Option<&'a QueryTargets<B>>),
        [tolerance, unit]: [f64; 2],
    ) -> Result<Self> {
        let width = network.input_len();
        let all = queries.len() / width.max(1);
        let numbers = some_of(all, network.multiply_adds());
        let rows = numbers.iter().flat_map(|&query| &queries[query as usize * width..][..width]).copied();
        let inputs = backend.upload(&convert::<B::Element>(&rows.collect::<Vec<f64>>()))?;
        Ok(Self { backend, network, spec, query_targets, all, numbers, inputs, tolerance, unit })
    }

    /// The rule for a path: `adaptive` where the network is piecewise linear, and else the fewest Gauss nodes with which the queries'
    /// changes are explained to the tolerance; `adaptive` again where no number of them is enough, or where a few steps ask for so
    /// many that it takes less than half. `steps` ascend; `tick` is called at each that is looked at.
    ///
    /// # Errors
    ///
    /// A device error, or what `at` or `tick` end it with.
    pub fn choose(
        &self,
        steps: Vec<usize>,
        at: &mut WeightsAt<'_>,
        tick: &mut dyn FnMut() -> std::result::Result<(), Error>,
    ) -> std::result::Result<ChosenRule, Error> {
        let mut each = |number: usize| {
            tick()?;
            let end = at(number + 1)?;
            self.looked([at(number)?, end])
        };
        let gauss = |found: Found| (Rule::Gauss { nodes: found.nodes as usize }, found);
        let adaptive = Rule::Adaptive { tolerance: self.tolerance };
        let (rule, found) = if !self.spec.may_split() {
            gauss(self.fewest(&steps, &mut each)?)
        } else if is_piecewise(self.network) {
            (adaptive, self.adaptive(&steps, &mut each)?)
        } else {
            let fewest = self.fewest(&steps, &mut each)?;
            if fewest.share <= 1.0 && fewest.nodes <= FEW_NODES {
                gauss(fewest)
            } else {
                let found = self.adaptive(&steps, &mut each)?;
                let spares = found.share <= 1.0 && found.nodes * SPARED <= fewest.nodes;
                if fewest.share <= 1.0 && !spares { gauss(fewest) } else { (adaptive, found) }
            }
        };
        let Found { nodes, searched, share } = found;
        Ok(ChosenRule { rule, error: share * self.tolerance, nodes, searched, steps, queries: self.numbers.len() })
    }

    /// The fewest Gauss nodes that are enough on all steps, or as many as may be.
    fn fewest(&self, steps: &[usize], each: &mut Each<'_, B>) -> std::result::Result<Found, Error> {
        let whole = Whole::new(self.backend, self.network, self.readout(), self.tolerance, self.unit)?;
        let few = self.reader().rows() <= FEW_VALUES || self.numbers.len() * steps.len() < FEW_CERTIFICATES;
        let whole = if few { whole.agreeing() } else { whole };
        let most = if has_kinks(self.network) { MOST_NODES_WITH_KINKS } else { MOST_NODES };
        let mut nodes = 1;
        loop {
            let (before, mut largest) = (nodes, 0.0);
            for &number in steps.iter().rev() {
                let looked = each(number)?;
                let mut share = whole.share(&self.step(&looked), nodes)?;
                while share > 1.0 && nodes < most {
                    nodes += 1;
                    share = whole.share(&self.step(&looked), nodes)?;
                }
                largest = f64::max(largest, share);
                if share > 1.0 {
                    break;
                }
            }
            // Steps that were looked at with fewer nodes are looked at again with these.
            if nodes == before || largest > 1.0 {
                return Ok(Found { nodes: nodes as f64, searched: 0.0, share: largest });
            }
        }
    }

    /// What the rule `adaptive` takes on all steps.
    fn adaptive(&self, steps: &[usize], each: &mut Each<'_, B>) -> std::result::Result<Found, Error> {
        let adaptive = Adaptive::new(self.backend, self.network, self.readout(), self.tolerance)?;
        let (mut rows, mut passed, mut share) = (0, 0, 0.0);
        for &number in steps.iter().rev() {
            let looked = each(number)?;
            let settled = adaptive.settle(&self.step(&looked))?;
            rows += settled.rows.len();
            passed += settled.passed;
            share = f64::max(share, settled.share);
        }
        let mean = |count: usize| count as f64 / (self.numbers.len() * steps.len()).max(1) as f64;
        Ok(Found { nodes: mean(rows), searched: mean(passed), share })
    }

    fn reader(&self) -> Reader<'_, B> {
        let Self { backend, network, spec, query_targets, .. } = *self;
        Reader { backend, network, spec, query_targets }
    }

    /// The readout, where it is not the outputs themselves.
    fn readout(&self) -> Option<Box<dyn adaptive::Readout<B> + '_>> {
        let readout = || Box::new(OfQueries { reader: self.reader(), numbers: &self.numbers }) as Box<_>;
        (!self.spec.readout.is_identity()).then(readout)
    }

    /// A step on the device, from the weights before and after it.
    fn looked(&self, [start, end]: [Vec<f64>; 2]) -> std::result::Result<Looked<B>, Error> {
        let change: Vec<f64> = start.iter().zip(&end).map(|(start, end)| end - start).collect();
        let upload = |values: &[f64]| self.backend.upload(&convert::<B::Element>(values));
        let (weights, change, end) = (upload(&start)?, upload(&change)?, upload(&end)?);
        let ends = [self.values(&weights)?, self.values(&end)?];
        Ok(Looked { weights, change, ends })
    }

    /// Multiply-adds of one row of each of the queries.
    pub(super) fn work(&self) -> f64 {
        self.numbers.len() as f64 * self.network.multiply_adds() as f64
    }

    /// Multiply-adds of the passes of a run over some steps, about.
    pub(super) fn work_of_run(&self, steps: &[Step]) -> f64 {
        let of_queries = self.all * LIKELY_NODES * (2 + self.reader().rows());
        let rows: f64 = steps.iter().map(|step| (of_queries + 3 * step.batch_len()) as f64).sum();
        rows * self.network.multiply_adds() as f64
    }

    /// Elements of a flat vector.
    pub(super) fn len(&self) -> usize {
        self.network.len
    }

    /// The readout at some weights on the host, `[queries, R]`.
    pub(super) fn values_at(&self, weights: &[f64]) -> Result<Vec<f64>> {
        self.values(&self.backend.upload(&convert::<B::Element>(weights))?)
    }

    /// The readout at some weights, `[queries, R]`.
    fn values(&self, weights: &B::Buffer) -> Result<Vec<f64>> {
        let (queries, network) = (self.numbers.len(), self.network);
        let inputs = Slice::new(&self.inputs, 0, queries * network.input_len());
        let pass = network.forward(self.backend, Segment::at(weights), inputs, queries)?;
        let reader = self.reader();
        let read = reader.read(network.outputs(&pass), &self.numbers)?;
        Ok(widen(&self.backend.download(Slice::new(&read.values, 0, queries * reader.rows()))?))
    }

    fn step<'s>(&'s self, looked: &'s Looked<B>) -> adaptive::Step<'s, B> {
        let Looked { weights, change, ends: [start, end] } = looked;
        let ends = [start.as_slice(), end.as_slice()];
        adaptive::Step { weights, change, inputs: &self.inputs, queries: self.numbers.len(), ends }
    }
}

/// Gauss nodes of a step, before the path is there to look at.
pub(crate) const LIKELY_NODES: usize = 4;

/// The rule that is likely to be chosen, for a plan that is made before the path is there.
pub(crate) fn likely_rule(network: &Graph, spec: &Spec, tolerance: f64) -> Rule {
    if spec.may_split() && is_piecewise(network) {
        Rule::Adaptive { tolerance }
    } else {
        Rule::Gauss { nodes: LIKELY_NODES }
    }
}

/// Some of so many queries, spread evenly: fewer where a row takes more multiply-adds.
fn some_of(queries: usize, multiply_adds: usize) -> Vec<u32> {
    let each = (SPREAD[0] + 2 * LARGEST) as f64 * ROWS * multiply_adds as f64;
    let count = ((WORK / each) as usize).clamp(1, MOST_QUERIES).min(queries);
    (0..count).map(|at| (at * queries / count) as u32).collect()
}
