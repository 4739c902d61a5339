//! What each example contributed to its own readout: attributions whose queries are the examples, of which each keeps its own
//! column alone.

use super::Problem;
use super::data::{QueryData, TrainingData, query_targets};
use crate::compute::{Backend, Entries, convert};
use crate::error::Error;
use crate::keeper::Keeper;
use crate::loss::Aims;
use crate::path::{Finished, Integration, Setting, Spec, Tile, interleave};
use crate::plan::Plan;
use crate::tangent::Contraction;
use crate::tape::Tape;
use std::ops::Range;

/// The self-attributions of a problem's examples. They are computed in tiles of a few examples, as queries, with the columns that
/// these examples are in: what a tile holds off the diagonal is not kept, but the examples share its passes.
#[derive(Debug)]
pub struct SelfAttribution<'a> {
    problem: &'a Problem,
    spec: Spec,
    /// The examples in the order of their columns, which is that of the queries.
    order: Vec<u32>,
}

impl<'a> SelfAttribution<'a> {
    /// Of a problem, whether it asks for them or not.
    pub fn new(problem: &'a Problem) -> Self {
        let Spec { loss, optimizer, rule, readout, chosen, .. } = problem.spec.clone();
        let spec = Spec { rule, readout, chosen, ..Spec::new(loss, optimizer) };
        let mut order: Vec<u32> = (0..problem.examples() as u32).collect();
        order.sort_by_key(|&example| problem.column(example as usize));
        Self { problem, spec, order }
    }

    /// Tiles of `side` examples each.
    pub fn tiles(&self, side: usize) -> Vec<Tile> {
        let (m, side) = (self.order.len(), side.max(1));
        (0..m).step_by(side).map(|first| self.tile(first..(first + side).min(m))).collect()
    }

    /// Some queries, at least one, with their columns.
    fn tile(&self, queries: Range<usize>) -> Tile {
        let column = |query: usize| self.problem.column(self.order[query] as usize);
        Tile { examples: column(queries.start)..column(queries.end - 1) + 1, queries }
    }

    /// A tile's two halves; `None` where it has one query.
    pub fn halves(&self, tile: &Tile) -> Option<[Tile; 2]> {
        let Range { start, end } = tile.queries;
        let middle = start + (end - start).div_ceil(2);
        (middle < end).then(|| [self.tile(start..middle), self.tile(middle..end)])
    }

    /// The examples as queries.
    ///
    /// # Errors
    ///
    /// The device has no room.
    pub fn queries<B: Backend>(&self, backend: &B) -> Result<QueryData<B>, Error> {
        let Problem { network, inputs, targets, .. } = self.problem;
        let width = network.input_len();
        let row = |&example: &u32| convert::<B::Element>(&inputs[example as usize * width..][..width]);
        let targets = targets.of_rows(&self.order, self.order.len());
        let aims = Aims { targets: &targets, ..self.problem.own_aims() };
        let values = self.order.iter().flat_map(row).collect();
        Ok(QueryData { values, targets: query_targets(backend, &self.spec, Some(aims))? })
    }

    /// What the tiles share.
    pub fn setting<'b, B: Backend>(
        &'b self,
        data: &'b TrainingData<'_, B>,
        contraction: &'b [Contraction],
        queries: &'b QueryData<B>,
    ) -> Setting<'b, B> {
        Setting { spec: &self.spec, ..data.setting(contraction, queries) }
    }

    /// `[queries, R]`: what a finished tile's queries have in their own columns.
    pub fn diagonal(&self, tile: &Tile, finished: &Finished) -> Vec<f64> {
        let rows = self.values();
        let mut own = vec![0.0; tile.queries.len() * rows];
        for (query, own) in tile.queries.clone().zip(own.chunks_exact_mut(rows)) {
            let column = self.problem.column(self.order[query] as usize);
            interleave(own, &finished.attribution[0], Entries::Loss, (rows, 1), tile, query, column..column + 1);
        }
        own
    }

    /// `[m, R]` in the order of the examples, from the values of all queries.
    pub fn arranged(&self, values: &[f64]) -> Vec<f64> {
        let rows = self.values();
        let mut all = vec![0.0; values.len()];
        for (&example, own) in self.order.iter().zip(values.chunks_exact(rows)) {
            all[example as usize * rows..][..rows].copy_from_slice(own);
        }
        all
    }

    /// R.
    fn values(&self) -> usize {
        self.spec.values(self.problem.network.outputs)
    }

    /// All of them, `[m, R]`, in memory.
    ///
    /// # Errors
    ///
    /// As [`Problem::explain`].
    pub fn of<B: Backend>(
        problem: &Problem,
        backend: &B,
        tape: &dyn Tape<B::Element>,
        plan: &Plan,
        keeper: &mut dyn Keeper,
    ) -> Result<Vec<f64>, Error> {
        let own = SelfAttribution::new(problem);
        let (data, queries) = (TrainingData::new(backend, problem)?, own.queries(backend)?);
        let integration = Integration { setting: own.setting(&data, &plan.contraction, &queries), tape };
        let mut all = Vec::new();
        for tile in &plan.own_tiles {
            all.extend(own.diagonal(tile, &integration.tile(tile, keeper)?));
        }
        Ok(own.arranged(&all))
    }
}
