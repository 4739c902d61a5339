/*!
The rule `adaptive`: each query's own quadrature nodes on the segment of a step.

A query's function of τ is smooth but where a unit of its network flips. So the segment is cut there, each piece gets the
same number of Gauss nodes, and the result is held against what the integral must be: the readout's change over the step.
Where it is too far off, more nodes are taken.

All of the search is done with derivatives along the step, `ż = ∇z · Δw` ([`Graph::directional`]): they cost the same for
any number of outputs, their integrals are the certificate, and a unit's values and derivatives at the nodes of a piece make
a polynomial that says where it flips. Between the flips of the layers before it, a unit of a piecewise-linear network *is* a
polynomial of τ, of a degree that the nodes determine; so the flips of the layers nearest to the input are exact, the piece
is cut at all of them, and its parts show the flips of the next layers. The nodes that find no flip in a piece are its
quadrature nodes.
*/

mod certificate;
mod kinks;
mod pieces;
mod polynomial;
mod whole;

use crate::compute::{Backend, Element, Result, Slice, convert, widen};
use crate::graph::{Graph, Segment};
use crate::random::Random;
use certificate::{Certificate, Progress};
use kinks::{Kink, degree, kinks};
pub(crate) use pieces::searched_at_once;
use pieces::{Rule, Search};
pub use whole::Whole;

/// Nodes of each piece, and the parts that the segment is cut into at first: one attempt after another.
const LADDER: [(usize, usize); 15] = [
    (2, 1),
    (3, 1),
    (4, 1),
    (6, 1),
    (8, 1),
    (12, 1),
    (16, 1),
    (24, 1),
    (32, 1),
    (32, 2),
    (32, 4),
    (32, 8),
    (32, 16),
    (32, 32),
    (32, 64),
];

/// Nodes that a polynomial through a unit's values goes through at the most, where it needs no more to be exact.
const TOGETHER: usize = 4;

/// A function of the outputs, other than the outputs themselves.
pub trait Readout<B: Backend> {
    /// R, the numbers that it reads from one query's outputs.
    fn count(&self) -> usize;
    /// Whether they are linear in the outputs.
    fn is_linear(&self) -> bool;
    /// Its values and gradients for some rows of outputs, `[rows, C]`; `queries` says which query of the tile each row is.
    ///
    /// # Errors
    ///
    /// A device error.
    fn read(&self, backend: &B, outputs: Slice<'_, B::Buffer>, queries: &[u32]) -> Result<Read<B>>;
}

/// A readout of some rows.
#[derive(Debug)]
pub struct Read<B: Backend> {
    /// `[rows, R]`.
    pub values: B::Buffer,
    /// The gradients with respect to the outputs, `[R, rows, C]`: the seeds of a backward pass.
    pub seeds: B::Buffer,
}

/// One quadrature node of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The query, from the tile's first.
    pub query: u32,
    /// Its place on the segment.
    pub tau: f64,
    /// Its weight.
    pub weight: f64,
}

/// The nodes of a tile's queries on one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// Sorted by query, then by τ. The weights of a query sum to 1.
    pub rows: Vec<Row>,
    /// The queries whose certificate stayed above the tolerance, ascending. Their rows are the best that were found.
    pub missed: Vec<u32>,
    /// Rows that the search passed through the network.
    pub passed: usize,
    /// The largest error of a query, as a share of what is allowed.
    pub share: f64,
}

/// One step of a tile, on the device.
#[derive(Debug)]
pub struct Step<'a, B: Backend> {
    /// w.
    pub weights: &'a B::Buffer,
    /// Δw.
    pub change: &'a B::Buffer,
    /// The queries' inputs, `[queries, …]`.
    pub inputs: &'a B::Buffer,
    /// How many queries.
    pub queries: usize,
    /// The readout at w and at w + Δw, `[queries, R]` each; see [`Adaptive::values`].
    pub ends: [&'a [f64]; 2],
}

/// Finds the nodes of queries, step by step.
pub struct Adaptive<'a, B: Backend> {
    backend: &'a B,
    network: &'a Graph,
    readout: Option<Box<dyn Readout<B> + 'a>>,
    tolerance: f64,
    kinks: Vec<Kink>,
    /// Whether pieces between flips are polynomials that every rule takes exactly.
    exact: bool,
    rules: Vec<Rule>,
    /// A direction of random signs along which two rules must agree, where pieces are no polynomials.
    signs: Option<B::Buffer>,
}

impl<'a, B: Backend> Adaptive<'a, B> {
    /// For a network and a readout (`None`: the outputs themselves). `tolerance` is relative to the largest change of the
    /// readout over a step.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(
        backend: &'a B,
        network: &'a Graph,
        readout: Option<Box<dyn Readout<B> + 'a>>,
        tolerance: f64,
    ) -> Result<Self> {
        let degree = degree(network);
        let exact = degree.is_some() && readout.as_ref().is_none_or(|readout| readout.is_linear());
        // The gradient of a polynomial is exact with half as many nodes as its degree, and so are the flips.
        let half = degree.map_or(1, |degree| degree.div_ceil(2).max(1));
        let first = if exact { half } else { half.max(2) };
        let rest = LADDER.iter().copied().filter(|&(nodes, parts)| nodes > first || parts > 1);
        let together = half.max(TOGETHER);
        let rule = |(nodes, parts)| Rule::new(nodes, parts, together);
        // More nodes do not make exact pieces better: the second rule is for an unlucky rounding.
        let attempts = if exact { 2 } else { usize::MAX };
        let rules = std::iter::once((first, 1)).chain(rest).take(attempts).map(rule).collect();
        let signs = if exact { None } else { Some(signs(backend, network)?) };
        let kinks = kinks(network);
        Ok(Self { backend, network, readout, tolerance, kinks, exact, rules, signs })
    }

    /// The readout of `queries` inputs at some weights, `[queries, R]`.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn values(&self, weights: &B::Buffer, inputs: &B::Buffer, queries: usize) -> Result<Vec<f64>> {
        let (backend, network) = (self.backend, self.network);
        let inputs = Slice::new(inputs, 0, queries * network.input_len());
        let pass = network.forward(backend, Segment::at(weights), inputs, queries)?;
        let outputs = network.outputs(&pass);
        let values = match &self.readout {
            None => backend.download(outputs)?,
            Some(readout) => {
                let owners: Vec<u32> = (0..queries as u32).collect();
                let read = readout.read(backend, outputs, &owners)?;
                backend.download(Slice::new(&read.values, 0, queries * self.count()))?
            }
        };
        Ok(widen(&values))
    }

    /// The nodes of every query on a step.
    ///
    /// The certificate of a query: `max_c |f(w + Δw) - f(w) - Σ weight f'|` is at most the tolerance times
    /// `max_c |f(w + Δw) - f(w)|`, or 16 rounding units of the largest `|f|` on the way, or of how far f goes there and back,
    /// whichever is larger. Where pieces are polynomials, they are exact by construction, and the certificate is a check of the
    /// arithmetic. Elsewhere it sees an error along the step alone, and the errors of many outputs may all be multiples of one,
    /// which vanishes by chance: so the next rule must agree as well, on the change and, relative to it, on the integral of the
    /// derivative along a direction of random signs. What a query gets depends on nothing but that query and the step.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn settle(&self, step: &Step<'_, B>) -> Result<Settled> {
        let (queries, count) = (step.queries, self.count());
        let of = |query: u32| step.ends.map(|end| &end[query as usize * count..][..count]);
        let mut progress: Vec<Progress> = (0..queries).map(|_| Progress::default()).collect();
        let outputs = self.largest_outputs(step)?;
        let change = self.vector(step.change)?;
        let other = if self.exact { None } else { Some(self.length(&change)) };
        // Without kinks nobody asks for the weights.
        let weights = if self.kinks.is_empty() { Vec::new() } else { self.vector(step.weights)? };
        let sizes = self.kinks.iter().map(|kink| kink.sizes(self.network, &weights, &change)).collect();
        let search = Search { step, sizes };
        let mut active: Vec<u32> = (0..queries as u32).collect();
        let mut passed = 0;
        for rule in &self.rules {
            let mut open = Vec::new();
            for (&query, attempt) in active.iter().zip(self.attempt(&search, rule, &active)?) {
                passed += attempt.passed;
                let largest = outputs.get(query as usize).copied().unwrap_or(0.0);
                let certificate = Certificate::new(of(query), largest, self.tolerance, B::Element::ROUNDING, other);
                if !progress[query as usize].take(&certificate, attempt) {
                    open.push(query);
                }
            }
            active = open;
            if active.is_empty() {
                break;
            }
        }
        let mut settled = Settled { rows: Vec::new(), missed: Vec::new(), passed, share: 0.0 };
        for (query, progress) in (0..).zip(progress) {
            let Some((attempt, share)) = progress.finish() else { continue };
            settled.rows.extend(attempt.rows.into_iter().map(|(tau, weight)| Row { query, tau, weight }));
            settled.share = settled.share.max(share);
            if share > 1.0 {
                settled.missed.push(query);
            }
        }
        Ok(settled)
    }

    /// The largest output of each query at w, where the readout is computed from them: its roundings are theirs.
    fn largest_outputs(&self, step: &Step<'_, B>) -> Result<Vec<f64>> {
        if self.readout.is_none() {
            return Ok(Vec::new());
        }
        let (backend, network) = (self.backend, self.network);
        let inputs = Slice::new(step.inputs, 0, step.queries * network.input_len());
        let pass = network.forward(backend, Segment::at(step.weights), inputs, step.queries)?;
        let outputs = widen(&backend.download(network.outputs(&pass))?);
        Ok(outputs.chunks(network.outputs).map(largest).collect())
    }

    /// A flat vector, on the host.
    fn vector(&self, buffer: &B::Buffer) -> Result<Vec<f64>> {
        Ok(widen(&self.backend.download(Slice::new(buffer, 0, self.network.len))?))
    }

    /// The root mean square of a step's numbers: what makes a vector of signs as long as the step.
    fn length(&self, change: &[f64]) -> f64 {
        let squares: f64 = change.iter().map(|value| value * value).sum();
        (squares / self.network.parameter_count().max(1) as f64).sqrt()
    }

    /// R.
    fn count(&self) -> usize {
        self.readout.as_ref().map_or(self.network.outputs, |readout| readout.count())
    }

    /// Directions that every pass carries.
    fn directions(&self) -> usize {
        1 + usize::from(self.signs.is_some())
    }
}

/// Whether a network has kinks, and its function of τ between them is a polynomial: then every nonlinearity of it is piecewise
/// linear.
pub fn is_piecewise(network: &Graph) -> bool {
    has_kinks(network) && degree(network).is_some()
}

/// Whether a unit of a network may flip within a step.
pub fn has_kinks(network: &Graph) -> bool {
    !kinks(network).is_empty()
}

/// A direction of random signs of the trained weights.
fn signs<B: Backend>(backend: &B, network: &Graph) -> Result<B::Buffer> {
    let mut random = Random::new(0, "direction");
    let mut signs = vec![0.0; network.len];
    signs[..network.trained_len].fill_with(|| if random.unit() < 0.5 { -1.0 } else { 1.0 });
    backend.upload(&convert::<B::Element>(&signs))
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top: f64, x| top.max(x.abs()))
}
