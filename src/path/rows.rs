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
        passes(&settled.rows, queries).into_iter().map(pass).collect()
    }
}

/// Rows of one query that are summed in one pass, at the most. A constant: where a query's rows are cut decides in which order
/// they are added up, and must not depend on the other queries.
const TOGETHER: usize = 64;

/// Rows, sorted by query, in passes of about as many rows as there are queries.
fn passes(rows: &[adaptive::Row], queries: usize) -> Vec<&[adaptive::Row]> {
    let most = queries.max(TOGETHER);
    let mut passes = Vec::new();
    let (mut first, mut end) = (0, 0);
    for part in rows.chunk_by(|a, b| a.query == b.query).flat_map(|rows| rows.chunks(TOGETHER)) {
        if end - first + part.len() > most {
            passes.push(&rows[first..end]);
            first = end;
        }
        end += part.len();
    }
    passes.extend((end > first).then(|| &rows[first..end]));
    passes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a query's rows are cut depends on them alone.
    #[test]
    fn passes_cut_a_query_where_it_asks_for_it() {
        let row = |query, place| adaptive::Row { query, tau: f64::from(place) / 256.0, weight: 1.0 };
        let rows = |counts: &[u32]| -> Vec<adaptive::Row> {
            (0..).zip(counts).flat_map(|(query, &count)| (0..count).map(move |at| row(query, at))).collect()
        };
        for counts in [&[1, 150, 3, 0, 64, 65, 2][..], &[150], &[1; 100], &[]] {
            let all = rows(counts);
            let passes = passes(&all, counts.len());
            assert_eq!(passes.concat(), all);
            assert!(passes.iter().all(|pass| (1..=TOGETHER.max(counts.len())).contains(&pass.len())));
            for pass in &passes {
                for part in pass.chunk_by(|a, b| a.query == b.query) {
                    let own: Vec<_> = all.iter().filter(|row| row.query == part[0].query).copied().collect();
                    assert!(own.chunks(TOGETHER).any(|chunk| chunk == part));
                }
            }
        }
    }
}
