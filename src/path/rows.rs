//! The rows of queries at the nodes of a segment: the same for all, or each query's own.

use super::adaptive::{self, Adaptive};
use super::at::At;
use super::sums::State;
use super::{Account, Quadrature, Setting};
use crate::backend::{Backend, BackendError, Element, Result};
use crate::run_file::{Readout, Rule};
use crate::tangent::Node;
use std::rc::Rc;

/// Where the rows of a node lie on the segment.
pub(super) enum Tau<B: Backend> {
    /// All at one place.
    Same(f64),
    /// Each at its own.
    Each(B::Buffer),
}

/// Rows of queries that pass together.
pub(super) struct Rows<B: Backend> {
    pub node: Rc<Node<B>>,
    /// The query of each row, counted from the tile's first, where they are not all of them in order.
    pub queries: Option<Vec<u32>>,
    pub tau: Tau<B>,
}

/// The readout of a tile's queries.
struct TileReadout<'a, B: Backend> {
    setting: &'a Setting<'a, B>,
    first: u32,
}

impl<B: Backend> adaptive::Readout<B> for TileReadout<'_, B> {
    fn count(&self) -> usize {
        self.setting.rows()
    }

    fn is_linear(&self) -> bool {
        self.setting.spec.readout.is_linear()
    }

    fn read(&self, _: &B, outputs: crate::backend::Slice<'_, B::Buffer>, queries: &[u32]) -> Result<adaptive::Read<B>> {
        let numbers: Vec<u32> = queries.iter().map(|&query| self.first + query).collect();
        self.setting.read(outputs, &numbers)
    }
}

/// Finds the rows of a tile's queries, step by step.
pub(super) struct Finder<'a, B: Backend> {
    setting: &'a Setting<'a, B>,
    queries: usize,
    /// For the rule `adaptive`.
    adaptive: Option<Adaptive<'a, B>>,
}

impl<'a, B: Backend> Finder<'a, B> {
    /// Of the queries of a tile, the first of which is `first`.
    pub fn new(setting: &'a Setting<'a, B>, first: usize, queries: usize) -> Result<Self> {
        let Setting { backend, network, spec, .. } = *setting;
        let adaptive = match spec.rule {
            Rule::Adaptive { tolerance } => {
                let readout =
                    || Box::new(TileReadout { setting, first: first as u32 }) as Box<dyn adaptive::Readout<B>>;
                let readout = (spec.readout != Readout::Outputs).then(readout);
                Some(Adaptive::new(backend, network, readout, tolerance)?)
            }
            _ => None,
        };
        Ok(Self { setting, queries, adaptive })
    }

    /// The rows at the nodes of a segment; `added` is what the step adds to ψ.
    pub fn rows(
        &self,
        state: &mut State<'_, B>,
        inputs: &B::Buffer,
        at: &At<'_, B>,
        added: f64,
        account: &mut Account,
    ) -> Result<Vec<Rows<B>>> {
        let Some(quadrature) = Quadrature::new(&at.rule) else {
            return self.own_rows(state, inputs, at, added, account);
        };
        if state.nodes.as_ref().is_none_or(|(known, _)| *known != added) {
            let node = |&weight: &f64| {
                let rows: Vec<(u32, f64)> = (0..self.queries as u32).map(|query| (query, weight)).collect();
                Node::new(self.setting.backend, self.setting.rows(), self.queries, &rows, added).map(Rc::new)
            };
            state.nodes = Some((added, quadrature.weights.iter().map(node).collect::<Result<_>>()?));
        }
        account.nodes[at.number] += self.queries * quadrature.nodes.len();
        let nodes = state.nodes.iter().flat_map(|(_, nodes)| nodes).zip(quadrature.nodes);
        Ok(nodes.map(|(node, tau)| Rows { node: Rc::clone(node), queries: None, tau: Tau::Same(tau) }).collect())
    }

    /// Each query's own nodes, in passes of about as many rows as there are queries.
    fn own_rows(
        &self,
        state: &State<'_, B>,
        inputs: &B::Buffer,
        at: &At<'_, B>,
        added: f64,
        account: &mut Account,
    ) -> Result<Vec<Rows<B>>> {
        let (backend, queries) = (self.setting.backend, self.queries);
        let missing = || BackendError::Invalid("the rule adaptive needs the readouts at both ends of a segment".into());
        let (Some(adaptive), Some(certificate), Some((change, _))) = (&self.adaptive, &state.certificate, at.change())
        else {
            return Err(missing());
        };
        let ends = [certificate.values_at(backend, at.place)?, certificate.values_at(backend, at.place + 1)?];
        let ends = [ends[0].as_slice(), ends[1].as_slice()];
        let settled = adaptive.settle(&adaptive::Step { weights: at.weights(), change, inputs, queries, ends })?;
        account.nodes[at.number] += settled.rows.len();
        account.missed_queries[at.number] += settled.missed.len();
        let pass = |rows: &[adaptive::Row]| {
            let taus: Vec<B::Element> = rows.iter().map(|row| B::Element::from_f64(row.tau)).collect();
            let weighted: Vec<(u32, f64)> = rows.iter().map(|row| (row.query, row.weight)).collect();
            Ok(Rows {
                node: Rc::new(Node::new(backend, self.setting.rows(), queries, &weighted, added)?),
                queries: Some(rows.iter().map(|row| row.query).collect()),
                tau: Tau::Each(backend.upload(&taus)?),
            })
        };
        passes(&settled.rows, queries).iter().map(|rows| pass(rows)).collect()
    }
}

/// Rows of one query in a pass at the most. The fused product takes the first rows of all queries together, then the second
/// ones, and so on, each as long as all queries would be.
const ROUNDS: usize = 8;

/// Rows, sorted by query, dealt out to passes of about as many rows as there are queries: first each query's first row, then the
/// second ones. A query's rows keep their order, so that its sums do not depend on the other queries.
fn passes(rows: &[adaptive::Row], queries: usize) -> Vec<Vec<adaptive::Row>> {
    let of_query: Vec<&[adaptive::Row]> = rows.chunk_by(|a, b| a.query == b.query).collect();
    let longest = of_query.iter().map(|rows| rows.len()).max().unwrap_or(0);
    let mut passes = Vec::new();
    let mut first = 0;
    while first < longest {
        let taken = |rows: &&[adaptive::Row], rounds: usize| rows.len().clamp(first, first + rounds) - first;
        let fits = |&rounds: &usize| of_query.iter().map(|rows| taken(rows, rounds)).sum::<usize>() <= queries;
        let rounds = (2..=ROUNDS).take_while(fits).last().unwrap_or(1);
        let part = |rows: &&[adaptive::Row]| rows[first.min(rows.len())..(first + rounds).min(rows.len())].to_vec();
        passes.push(of_query.iter().flat_map(part).collect());
        first += rounds;
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_hold_every_row_once_and_few_of_a_query() {
        let row = |query, place| adaptive::Row { query, tau: f64::from(place) / 64.0, weight: 1.0 };
        let counts = [1u32, 40, 3, 0, 2];
        let rows: Vec<_> =
            (0..).zip(counts).flat_map(|(query, count)| (0..count).map(move |at| row(query, at))).collect();
        let passes = passes(&rows, counts.len());
        for pass in &passes {
            assert!(pass.is_sorted_by_key(|row| (row.query, row.tau)) && pass.len() <= ROUNDS.max(counts.len()));
            assert!(pass.chunk_by(|a, b| a.query == b.query).all(|rows| rows.len() <= ROUNDS));
        }
        for query in 0..5 {
            let of = |rows: &[adaptive::Row]| rows.iter().filter(|row| row.query == query).copied().collect::<Vec<_>>();
            assert_eq!(passes.iter().flat_map(|pass| of(pass)).collect::<Vec<_>>(), of(&rows));
        }
    }
}
