//! The rows of queries at the nodes of a segment: the same for all, or each query's own.

use super::adaptive::{self, Adaptive};
use super::at::At;
use super::sums::State;
use super::{Account, Quadrature, Setting};
use crate::compute::{Backend, BackendError, Element, Result};
use crate::path::Rule;
use crate::tangent::Node;
use std::rc::Rc;

/// The place τ of a node's rows on the segment.
pub(super) enum Tau<B: Backend> {
    /// One for all rows.
    Same(f64),
    /// One for each row.
    Each(B::Buffer),
}

/// A node's rows, with what the step adds to ψ in each group of parameters.
pub(super) type GroupNodes<B> = Vec<Rc<Node<B>>>;

/// Rows of queries that pass together.
pub(super) struct Rows<B: Backend> {
    pub nodes: GroupNodes<B>,
    /// The query of each row, counted from the tile's first; `None` where the rows are all queries in order.
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

    fn read(&self, _: &B, outputs: crate::compute::Slice<'_, B::Buffer>, queries: &[u32]) -> Result<adaptive::Read<B>> {
        let numbers: Vec<u32> = queries.iter().map(|&query| self.first + query).collect();
        self.setting.read(outputs, &numbers)
    }
}

/// Finds the rows of a tile's queries, step by step.
pub(super) struct Finder<'a, B: Backend> {
    setting: &'a Setting<'a, B>,
    queries: usize,
    /// The search for nodes, for the rule `adaptive`.
    adaptive: Option<Adaptive<'a, B>>,
}

impl<'a, B: Backend> Finder<'a, B> {
    /// A finder for a tile of `queries` queries, the first of which has the number `first`.
    pub fn new(setting: &'a Setting<'a, B>, first: usize, queries: usize) -> Result<Self> {
        let Setting { backend, network, spec, .. } = *setting;
        let adaptive = match spec.rule {
            Rule::Adaptive { tolerance } => {
                let readout =
                    || Box::new(TileReadout { setting, first: first as u32 }) as Box<dyn adaptive::Readout<B>>;
                let readout = (!spec.readout.is_identity()).then(readout);
                Some(Adaptive::new(backend, network, readout, tolerance)?)
            }
            _ => None,
        };
        Ok(Self { setting, queries, adaptive })
    }

    /// The rows at the nodes of a segment; `added` is what the step adds to ψ, in each group of parameters.
    pub fn rows(
        &self,
        state: &mut State<'_, B>,
        inputs: &B::Buffer,
        at: &At<'_, B>,
        added: &[f64],
        account: &mut Account,
    ) -> Result<Vec<Rows<B>>> {
        let Some(quadrature) = Quadrature::new(&at.rule) else {
            return self.own_rows(state, inputs, at, added, account);
        };
        if state.nodes.as_ref().is_none_or(|(known, _)| known != added) {
            let nodes = |&weight: &f64| {
                let rows: Vec<(u32, f64)> = (0..self.queries as u32).map(|query| (query, weight)).collect();
                self.nodes(&rows, added)
            };
            state.nodes = Some((added.to_vec(), quadrature.weights.iter().map(nodes).collect::<Result<_>>()?));
        }
        account.nodes[at.number] += self.queries * quadrature.nodes.len();
        let nodes = state.nodes.iter().flat_map(|(_, nodes)| nodes).zip(quadrature.nodes);
        Ok(nodes.map(|(nodes, tau)| Rows { nodes: nodes.clone(), queries: None, tau: Tau::Same(tau) }).collect())
    }

    /// Rows with what the step adds to ψ, in each group of parameters.
    fn nodes(&self, rows: &[(u32, f64)], added: &[f64]) -> Result<GroupNodes<B>> {
        let (backend, outputs) = (self.setting.backend, self.setting.rows());
        added.iter().map(|&added| Node::new(backend, outputs, self.queries, rows, added).map(Rc::new)).collect()
    }

    /// Each query's own nodes, in passes of about as many rows as there are queries.
    fn own_rows(
        &self,
        state: &State<'_, B>,
        inputs: &B::Buffer,
        at: &At<'_, B>,
        added: &[f64],
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
                nodes: self.nodes(&weighted, added)?,
                queries: Some(rows.iter().map(|row| row.query).collect()),
                tau: Tau::Each(backend.upload(&taus)?),
            })
        };
        passes(&settled.rows, queries).iter().map(|rows| pass(rows)).collect()
    }
}

/// The largest number of rows of one query in a pass. It is a constant because where a query's rows are cut decides the order of
/// its sums, and that must not depend on the other queries.
const TOGETHER: usize = 64;

/// Cuts rows, sorted by query, into passes of about as many rows as there are queries: the first rows of all queries, then the
/// next ones, so that no pass has two parts of a query.
fn passes(rows: &[adaptive::Row], queries: usize) -> Vec<Vec<adaptive::Row>> {
    let most = queries.max(TOGETHER);
    let of_query: Vec<&[adaptive::Row]> = rows.chunk_by(|a, b| a.query == b.query).collect();
    let parts = of_query.iter().map(|rows| rows.len().div_ceil(TOGETHER)).max().unwrap_or(0);
    let mut passes = Vec::new();
    for part in 0..parts {
        let mut pass: Vec<adaptive::Row> = Vec::new();
        for rows in of_query.iter().filter_map(|rows| rows.chunks(TOGETHER).nth(part)) {
            if pass.len() + rows.len() > most {
                passes.push(std::mem::take(&mut pass));
            }
            pass.extend(rows);
        }
        passes.push(pass);
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a query's rows are cut depends on them alone, and a pass has one part of each.
    #[test]
    fn passes_cut_a_query_where_it_asks_for_it() {
        let row = |query, place| adaptive::Row { query, tau: f64::from(place) / 256.0, weight: 1.0 };
        let rows = |counts: &[u32]| -> Vec<adaptive::Row> {
            (0..).zip(counts).flat_map(|(query, &count)| (0..count).map(move |at| row(query, at))).collect()
        };
        for counts in [&[1, 150, 3, 0, 64, 65, 2][..], &[150], &[150; 200], &[1; 100], &[]] {
            let all = rows(counts);
            let passes = passes(&all, counts.len());
            assert!(passes.iter().all(|pass| (1..=TOGETHER.max(counts.len())).contains(&pass.len())));
            for query in 0..counts.len() as u32 {
                let of =
                    |rows: &[adaptive::Row]| rows.iter().filter(|row| row.query == query).copied().collect::<Vec<_>>();
                let parts: Vec<_> = passes.iter().map(|pass| of(pass)).filter(|part| !part.is_empty()).collect();
                assert_eq!(parts, of(&all).chunks(TOGETHER).map(<[_]>::to_vec).collect::<Vec<_>>());
            }
        }
    }
}
