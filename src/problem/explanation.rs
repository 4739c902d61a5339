//! The whole answer to a problem, in memory.

use super::Problem;
use crate::compute::{Backend, Entries};
use crate::error::Error;
use crate::keeper::Keeper;
use crate::path::{Account, Finished, Tile, interleave, transpose};
use crate::plan::Plan;
use crate::tape::{History, Tape};

/// What the examples contributed to the queries' predictions.
///
/// Arrays of pairs have an entry for the whole network, or where [`Spec::layers`](crate::path::Spec::layers) keeps the layers
/// apart one for each layer that has parameters. What was not asked for is empty.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// `[n, m, R]`: contributions of examples to the values of the queries' readout.
    pub attribution: Vec<Vec<f64>>,
    /// `[n, m, R]` of each [window](History::windows) of training, over all layers; empty where none is kept apart.
    pub attribution_windows: Vec<Vec<f64>>,
    /// `[n, m, R, T]`: the same of each position of the examples' losses.
    pub attribution_positions: Vec<Vec<f64>>,
    /// The path kernel, `[n, m]`, `[n, m, R]` or `[n, m, R, C]`.
    pub kernel: Vec<Vec<f64>>,
    /// The coefficients times the kernel, of the kernel's shape.
    pub numerator: Vec<Vec<f64>>,
    /// The tangent kernel at the first weights, of the kernel's shape.
    pub tangent_initial: Vec<Vec<f64>>,
    /// The tangent kernel at the last weights.
    pub tangent_final: Vec<Vec<f64>>,
    /// What belongs to the queries alone, `[n, R]`, and to the steps.
    pub account: Account,
    shape: Shape,
}

/// How the arrays are laid out.
#[derive(Debug, Clone, Copy)]
struct Shape {
    examples: usize,
    /// R and C.
    outputs: (usize, usize),
    /// T, where the attribution is split by positions.
    positions: usize,
    /// Entries of the kernel.
    entries: Entries,
    /// Whether only one half of the path kernel, and of the tangent kernels, is computed.
    halves: [bool; 2],
}

impl Explanation {
    /// Nothing yet of a problem along a recorded path.
    pub fn new(problem: &Problem, history: &History) -> Self {
        let Problem { network, spec, .. } = problem;
        let (queries, examples) = (problem.query_count(), problem.columns());
        let outputs = (spec.values(network.outputs), network.outputs);
        let entries = spec.kernel.unwrap_or(Entries::Trace);
        let halves = [spec.triangle(&history.steps), spec.half_tangent()];
        let positions = spec.positions.unwrap_or(0);
        let shape = Shape { examples, outputs, positions, entries, halves };
        let groups = if spec.layers { network.layers().len() } else { 1 };
        let zeros = |wanted: bool, groups: usize, per_pair: usize| -> Vec<Vec<f64>> {
            vec![vec![0.0; queries * examples * per_pair]; if wanted { groups } else { 0 }]
        };
        let of_kernel = entries.per_pair(outputs.0, outputs.1);
        Self {
            attribution: zeros(spec.attribution, groups, outputs.0),
            attribution_windows: zeros(spec.windows > 0, spec.windows, outputs.0),
            attribution_positions: zeros(spec.positions.is_some(), groups, outputs.0 * positions),
            kernel: zeros(spec.kernel.is_some(), groups, of_kernel),
            numerator: zeros(spec.coefficients, 1, of_kernel),
            tangent_initial: zeros(spec.tangent, 1, of_kernel),
            tangent_final: zeros(spec.tangent, 1, of_kernel),
            account: Account::new(queries * outputs.0, history.steps.len()),
            shape,
        }
    }

    /// The whole answer, in memory: [`Problem::explain`] with all tiles kept.
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
    ) -> Result<Self, Error> {
        let mut all = Self::new(problem, tape.history());
        problem.explain(backend, tape, plan, keeper, &mut |tile, finished| {
            all.put(tile, &finished);
            Ok(())
        })?;
        Ok(all)
    }

    /// Takes in a finished tile. Tiles must come in the plan's order: where a kernel is symmetric, later ones are filled from
    /// earlier ones.
    pub fn put(&mut self, tile: &Tile, finished: &Finished) {
        let shape = self.shape;
        let (rows, outputs) = shape.outputs;
        shape.put(&mut self.attribution, &finished.attribution, (Entries::Loss, 1), tile);
        shape.put(&mut self.attribution_windows, &finished.windows, (Entries::Loss, 1), tile);
        let of_positions = (Entries::Full, shape.positions);
        shape.put(&mut self.attribution_positions, &finished.positions, of_positions, tile);
        for (all, part) in [
            (&mut self.kernel, &finished.kernel),
            (&mut self.numerator, &finished.numerator),
            (&mut self.tangent_initial, &finished.tangent_initial),
            (&mut self.tangent_final, &finished.tangent_final),
        ] {
            shape.put(all, part, (shape.entries, outputs), tile);
        }
        let [kernel, tangent] = shape.halves;
        for (half, all) in
            [(kernel, &mut self.kernel), (tangent, &mut self.tangent_initial), (tangent, &mut self.tangent_final)]
        {
            if half {
                all.iter_mut().for_each(|array| shape.mirror(array, tile));
            }
        }
        if tile.examples.start == 0 {
            self.account.put(tile.queries.start * rows, &finished.account);
        }
    }

    /// `[n, R]`: what contributions, weight decay, running statistics, gradients before the first step and the unexplained part of
    /// an imported path do not add up to: `prediction - initial - Σ attribution - regularizer - statistics - earlier - unexplained`.
    pub fn residual(&self) -> Vec<f64> {
        let (account, rows) = (&self.account, self.shape.outputs.0);
        let mut rest: Vec<f64> = (0..account.values())
            .map(|at| {
                account
                    .apart(at)
                    .into_iter()
                    .fold(account.prediction[at] - account.initial[at], |rest, part| rest - part)
            })
            .collect();
        for array in &self.attribution {
            for (query, contributions) in array.chunks_exact((self.shape.examples * rows).max(1)).enumerate() {
                let rest = &mut rest[query * rows..][..rows];
                for values in contributions.chunks_exact(rows) {
                    rest.iter_mut().zip(values).for_each(|(rest, value)| *rest -= value);
                }
            }
        }
        rest
    }
}

impl Shape {
    /// Puts a tile's entries, of so many gradient rows of an example, in their places in some arrays.
    fn put(&self, all: &mut [Vec<f64>], parts: &[Vec<f64>], (entries, copies): (Entries, usize), tile: &Tile) {
        let size = (self.outputs.0, copies);
        let per_pair = entries.per_pair(size.0, size.1);
        for (array, part) in all.iter_mut().zip(parts) {
            for query in tile.queries.clone() {
                let first = (query * self.examples + tile.examples.start) * per_pair;
                let out = &mut array[first..first + tile.examples.len() * per_pair];
                interleave(out, part, entries, size, tile, query, tile.examples.clone());
            }
        }
    }

    /// Fills a tile's entries with an example before the query, where only the other half was computed, from the pair the other
    /// way round: `K[q, i, c, d] = K[i, q, d, c]`.
    fn mirror(&self, array: &mut [f64], tile: &Tile) {
        let per_pair = self.entries.per_pair(self.outputs.0, self.outputs.1);
        let place = |query: usize, example: usize| (query * self.examples + example) * per_pair;
        for query in tile.queries.clone() {
            for example in tile.examples.clone().filter(|&example| example < query) {
                let from = array[place(example, query)..][..per_pair].to_vec();
                transpose(&mut array[place(query, example)..][..per_pair], &from, self.entries, self.outputs.1);
            }
        }
    }
}
