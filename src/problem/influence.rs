//! The influence of the examples: tiles of queries, each with all columns.

use super::Problem;
use super::data::{QueryData, TrainingData};
use crate::compute::{Backend, Entries};
use crate::error::Error;
use crate::graph::Graph;
use crate::influence::{Differentiation, Influence};
use crate::keeper::Keeper;
use crate::path::{Effects, Finished, Setting, Tile, interleave};
use crate::tape::Tape;
use crate::training::Training;
use std::borrow::Cow;
use std::ops::Range;

impl Problem {
    /// The problem whose path the influence is taken along: where [`Influence::weight`] is not 1, the same with every example's weight
    /// times it. Shares and steps stay, so that it is another path.
    pub fn influence_problem(&self) -> Cow<'_, Self> {
        let weight = self.influence.map_or(1.0, |influence| influence.weight);
        if weight == 1.0 {
            return Cow::Borrowed(self);
        }
        let weights = self.weighted(&vec![weight; self.columns()]);
        Cow::Owned(Self { weights: Some(weights), imported: false, ..self.clone() })
    }
}

/// The influence of a problem's examples on the readouts of its queries.
#[derive(Debug)]
pub struct InfluenceTiles<'a> {
    /// That of [`Problem::influence_problem`].
    problem: &'a Problem,
    influence: Influence,
    /// The network that derivatives are taken of, where it is another.
    smooth: Option<Graph>,
}

impl<'a> InfluenceTiles<'a> {
    /// Along the path of a problem, which is an [`influence_problem`](Problem::influence_problem).
    pub fn new(problem: &'a Problem) -> Self {
        let influence = problem.influence.unwrap_or_default();
        let smooth = (influence.smooth > 0.0).then(|| problem.network.smoothed(influence.smooth));
        Self { problem, influence, smooth }
    }

    /// Tiles of `side` queries each.
    pub fn tiles(&self, side: usize) -> Vec<Tile> {
        let (queries, side) = (self.problem.query_count(), side.max(1));
        (0..queries).step_by(side).map(|first| self.over(first..(first + side).min(queries))).collect()
    }

    /// Some queries, with all columns.
    fn over(&self, queries: Range<usize>) -> Tile {
        Tile { queries, examples: 0..self.problem.columns() }
    }

    /// A tile's two halves; `None` where it has one query.
    pub fn halves(&self, tile: &Tile) -> Option<[Tile; 2]> {
        let Range { start, end } = tile.queries;
        let middle = start + (end - start).div_ceil(2);
        (middle < end).then(|| [self.over(start..middle), self.over(middle..end)])
    }

    /// The influence of a tile, or goes on with one that was interrupted: [`Finished::influence`] and [`Finished::effects`]. `keeper`
    /// is told of each step.
    ///
    /// # Errors
    ///
    /// A device error, a trajectory that cannot be read, numbers that are not finite, or an error of the keeper.
    pub fn tile<B: Backend>(
        &self,
        data: &TrainingData<'_, B>,
        queries: &QueryData<B>,
        tape: &dyn Tape<B::Element>,
        tile: &Tile,
        keeper: &mut dyn Keeper,
    ) -> Result<Finished, Error> {
        let network = self.smooth.as_ref().unwrap_or(&self.problem.network);
        let setting = Setting { network, in_training: network.in_training(), ..data.setting(&[], queries) };
        let (training, influence) = (data.training(), self.influence);
        let derived = Training { network: network.in_training(), ..data.training() };
        Differentiation { setting, training, derived, tape, influence }.tile(tile, keeper)
    }

    /// `[n, m, R]` and its effects, in memory, by tiles of `side` queries.
    ///
    /// # Errors
    ///
    /// As [`tile`](Self::tile).
    pub fn of<B: Backend>(
        &self,
        backend: &B,
        tape: &dyn Tape<B::Element>,
        side: usize,
        keeper: &mut dyn Keeper,
    ) -> Result<(Vec<f64>, Effects), Error> {
        let problem = self.problem;
        let (data, queries) = (TrainingData::new(backend, problem)?, QueryData::new(backend, problem)?);
        let (columns, rows) = (problem.columns(), problem.spec.values(problem.network.outputs));
        let mut influence = vec![0.0; problem.query_count() * columns * rows];
        let mut effects = Effects::new(problem.query_count() * rows, tape.history().steps.len());
        for tile in self.tiles(side) {
            let finished = self.tile(&data, &queries, tape, &tile, keeper)?;
            for query in tile.queries.clone() {
                let out = &mut influence[query * columns * rows..][..columns * rows];
                interleave(out, &finished.influence, Entries::Loss, (rows, 1), &tile, query, 0..columns);
            }
            effects.put(tile.queries.start * rows, &finished.effects);
        }
        Ok((influence, effects))
    }
}
