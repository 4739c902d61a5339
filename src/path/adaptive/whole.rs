//! Gauss nodes on whole segments, held against the same certificate.

use super::certificate::Certificate;
use super::pieces::{Attempt, Rule, Search};
use super::{Adaptive, Readout, Step, TOGETHER, largest, signs};
use crate::compute::{Backend, Element, Result};
use crate::graph::Graph;

/// Tells how far the same Gauss nodes for all queries are from explaining a step. Flips of units are passed over.
pub struct Whole<'a, B: Backend> {
    adaptive: Adaptive<'a, B>,
    /// One rounding of the arithmetic that the nodes are for, relative: less than it makes of the step's largest change is no error.
    unit: f64,
    /// Whether two successive rules must agree as well.
    agreeing: bool,
}

impl<'a, B: Backend> Whole<'a, B> {
    /// For a network and a readout, as [`Adaptive::new`]. `unit` is one rounding of the arithmetic that the nodes are for, relative.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn new(
        backend: &'a B,
        network: &'a Graph,
        readout: Option<Box<dyn Readout<B> + 'a>>,
        tolerance: f64,
        unit: f64,
    ) -> Result<Self> {
        let signs = Some(signs(backend, network)?);
        let (kinks, rules) = (Vec::new(), Vec::new());
        let adaptive = Adaptive { backend, network, readout, tolerance, kinks, exact: false, rules, signs };
        Ok(Self { adaptive, unit, agreeing: false })
    }

    /// The same, where two successive rules must agree as well, along the step and along a direction of random signs: certificates
    /// of few numbers can all vanish by cancellation.
    pub fn agreeing(self) -> Self {
        Self { agreeing: true, ..self }
    }

    /// The largest error of a query with so many nodes, as a share of what is allowed: the tolerance times its largest change, or
    /// one rounding of the largest change of all queries, whichever is larger.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn share(&self, step: &Step<'_, B>, nodes: usize) -> Result<f64> {
        let adaptive = &self.adaptive;
        let queries: Vec<u32> = (0..step.queries as u32).collect();
        let search = Search { step, sizes: Vec::new() };
        let attempts = |nodes| adaptive.attempt(&search, &Rule::new(nodes, 1, TOGETHER), &queries);
        let own = attempts(nodes)?;
        let next = if self.agreeing { Some(attempts(nodes + 1)?) } else { None };
        let other = if self.agreeing { adaptive.length(&adaptive.vector(step.change)?) } else { 0.0 };
        let outputs = adaptive.largest_outputs(step)?;
        let count = adaptive.count();
        let of = |query: usize| step.ends.map(|end| &end[query * count..][..count]);
        let floor = self.unit * self.largest_change(step);
        let share = |(query, attempt): (usize, &Attempt)| {
            let reached = outputs.get(query).copied().unwrap_or(0.0);
            let certificate = Certificate::new(of(query), reached, adaptive.tolerance, B::Element::ROUNDING, None);
            let certificate = certificate.allowing(floor);
            let next = next.as_ref().map(|next| certificate.between(&attempt.integrals, &next[query], other));
            certificate.of(attempt).max(next.unwrap_or(0.0))
        };
        Ok(own.iter().enumerate().map(share).fold(0.0, f64::max))
    }

    /// The largest change of any query's readout over the step.
    fn largest_change(&self, step: &Step<'_, B>) -> f64 {
        let [start, end] = step.ends;
        let changes: Vec<f64> = start.iter().zip(end).map(|(start, end)| end - start).collect();
        largest(&changes)
    }
}
