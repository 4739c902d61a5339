//! The arrays that belong to queries alone, gathered from the records of tiles.

use super::{Arrays, Named, Record, Store};
use crate::compute::{Element, convert};
use crate::error::Error;
use crate::formats::write_npy;
use crate::path::{Account, Tile, larger};
use crate::problem::Problem;
use crate::run::verdict::of_largest_change;
use crate::tape::{History, Kept};

/// Roundings that a term of a sum may be off by: those of k numbers add up to about √k of one, and no term is a product
/// of more than 2²⁰ numbers.
const TERMS: f64 = 1024.0;
/// Roundings of the vectors in a step: of the weights, of the gradient and its sum, of the step, each met by gradients in sums
/// of their own.
const VECTORS: f64 = 16.0;

/// Sums of a tile's queries that rounding alone does not explain.
#[derive(Debug)]
pub struct Doubt {
    /// What is said of the first.
    pub problem: String,
    /// How many values of queries.
    pub values: usize,
    /// Tells whether the same numbers come out again.
    pub fingerprint: u32,
}

/// What belongs to queries alone, `[n, R]` each, R being the values of a query's readout; and what belongs to steps.
#[derive(Debug)]
pub struct Queries {
    rows: usize,
    account: Account,
    /// What the steps add up to, and in the end the residual.
    residual: Vec<f64>,
    /// Whether the path was recorded elsewhere, so that there are unexplained parts.
    imported: bool,
    /// Whether training moved running statistics, so that they have a part.
    running: bool,
    /// Whether the optimizer's state before the first step was given, so that earlier gradients have a part.
    goes_on: bool,
    /// The largest share that rounding has of what it may have.
    largest_share: f64,
}

impl Queries {
    /// Nothing yet of a problem's queries along a path.
    pub fn new(problem: &Problem, history: &History) -> Self {
        let rows = problem.spec.values(problem.network.outputs);
        let values = problem.query_count() * rows;
        Self {
            rows,
            account: Account::new(values, history.steps.len()),
            residual: vec![0.0; values],
            imported: history.recording.keeps(Kept::Unexplained),
            running: problem.network.has_running(),
            goes_on: problem.spec.optimizer.state().is_some(),
            largest_share: 0.0,
        }
    }

    /// Takes in a tile's record.
    pub fn insert(&mut self, tile: &Tile, record: &Record) {
        if tile.examples.start == 0 {
            let first = tile.queries.start * self.rows;
            self.account.put(first, &record.account);
            self.residual[first..first + record.account.values()].copy_from_slice(&record.account.missed);
        }
    }

    /// The residual of a tile's queries, once all their attributions are there: prediction - initial - Σ attribution -
    /// regularizer - statistics - earlier - unexplained. Without attribution, what the steps add up to: the same but for rounding,
    /// whose unit is `unit`. What is more than that is in doubt, and is returned.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged.
    pub fn find_residual<E: Element>(
        &mut self,
        tile: &Tile,
        arrays: &Arrays<E>,
        unit: f64,
    ) -> Result<Option<Doubt>, Error> {
        if !arrays.has_attribution() {
            return Ok(None);
        }
        let place = tile.queries.start * self.rows..tile.queries.end * self.rows;
        let missed = self.residual[place.clone()].to_vec();
        let mut sizes = vec![0.0; place.len()];
        for (at, size) in place.clone().zip(&mut sizes) {
            let account = &self.account;
            let (first, last) = (account.initial[at], account.prediction[at]);
            let apart = account.apart(at);
            self.residual[at] = apart.into_iter().fold(last - first, |rest, part| rest - part);
            *size = [last, first].into_iter().chain(apart).map(f64::abs).sum();
        }
        arrays.take_attribution(&tile.queries, &mut self.residual[place.clone()], &mut sizes)?;
        let sums: Vec<f64> = [&self.residual[place.clone()], &sizes, &missed].into_iter().flatten().copied().collect();
        let fingerprint = crc32c::crc32c(bytemuck::cast_slice(&sums));
        let mut doubt: Option<Doubt> = None;
        for (at, (missed, size)) in place.zip(missed.into_iter().zip(sizes)) {
            let bound = unit * (TERMS * size + VECTORS * self.account.sensitivity[at]);
            if let Some(problem) = self.judge(at, (self.residual[at] - missed).abs(), bound) {
                doubt.get_or_insert(Doubt { problem, values: 0, fingerprint }).values += 1;
            }
        }
        Ok(doubt)
    }

    /// Holds what contributions do not add up to, though the quadrature does, against what rounding can have made; says what is
    /// beyond it.
    fn judge(&mut self, at: usize, off: f64, bound: f64) -> Option<String> {
        if off > 0.0 {
            self.largest_share = self.largest_share.max(off / bound);
        }
        (off > bound || off.is_nan()).then(|| {
            let change = self.account.prediction[at] - self.account.initial[at];
            format!(
                "the contributions to value {} of query {} miss its change, {change:e}, by {off:e}; rounding makes {bound:e} \
                 at the most: a number is wrong, and its tiles are removed; `pathkernel run` or the shards compute them again",
                at % self.rows,
                at / self.rows
            )
        })
    }

    /// The largest share that rounding has of what it may have.
    pub fn largest_share(&self) -> f64 {
        self.largest_share
    }

    /// `[n, R]`: the readout at the last weights.
    pub fn prediction(&self) -> &[f64] {
        &self.account.prediction
    }

    /// The largest residual of each step.
    pub fn residuals(&self) -> &[f64] {
        &self.account.residuals
    }

    /// The largest unexplained part of each step of an imported path; `None` of other paths.
    pub fn unexplained_steps(&self) -> Option<&[f64]> {
        self.imported.then_some(&self.account.unexplained_steps)
    }

    /// Quadrature nodes of each step, and queries whose step was not explained, summed over the queries.
    pub fn nodes(&self) -> (&[usize], &[usize]) {
        (&self.account.nodes, &self.account.missed_queries)
    }

    /// The largest residual relative to the largest change of the readout, in numbers that one rounding changes by `unit` at
    /// the most, relative.
    pub fn largest_relative_residual(&self, unit: f64) -> f64 {
        self.of_largest_change(&self.residual, unit)
    }

    /// The same of what an imported path leaves unexplained; `None` of other paths.
    pub fn largest_relative_unexplained(&self, unit: f64) -> Option<f64> {
        self.imported.then(|| self.of_largest_change(&self.account.unexplained, unit))
    }

    fn of_largest_change(&self, term: &[f64], unit: f64) -> f64 {
        of_largest_change(term, [&self.account.initial, &self.account.prediction], unit)
    }

    /// The largest share that the residual has of what rounding may make of a step's vectors, one rounding being `unit`, relative.
    pub fn residual_of_rounding(&self, unit: f64) -> f64 {
        let share = |(residual, sensitivity): (&f64, &f64)| residual.abs() / (unit * sensitivity);
        let moved = self.residual.iter().zip(&self.account.sensitivity).filter(|(residual, _)| **residual != 0.0);
        moved.map(share).fold(0.0, larger)
    }

    /// Writes the arrays.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write<E: Element>(&self, store: &Store) -> Result<(), Error> {
        for (name, values) in self.arrays() {
            write_npy(&store.path(&format!("{name}.npy")), &self.shape(values), &convert::<E>(values))?;
        }
        Ok(())
    }

    /// The arrays of a run in memory, with their names.
    pub fn results<E: Element>(&self) -> impl Iterator<Item = Named> {
        self.arrays().map(|(name, values)| Named::new(name, &self.shape(values), convert::<E>(values)))
    }

    fn shape(&self, values: &[f64]) -> [usize; 2] {
        [values.len() / self.rows.max(1), self.rows]
    }

    /// The arrays that there are, with their names.
    fn arrays(&self) -> impl Iterator<Item = (&'static str, &Vec<f64>)> {
        let per_query = [
            ("initial", &self.account.initial),
            ("prediction", &self.account.prediction),
            ("regularizer", &self.account.regularizer),
            ("residual", &self.residual),
        ];
        let statistics = self.running.then_some(("statistics", &self.account.statistics));
        let earlier = self.goes_on.then_some(("earlier", &self.account.earlier));
        let unexplained = self.imported.then_some(("unexplained", &self.account.unexplained));
        per_query.into_iter().chain(statistics).chain(earlier).chain(unexplained)
    }
}
