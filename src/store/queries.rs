//! The arrays that belong to queries alone, gathered from the records of tiles.

use super::record::larger;
use super::{Arrays, Record, Store};
use crate::backend::{Element, convert};
use crate::data::write_npy;
use crate::error::Error;
use crate::path::Tile;
use crate::training::{Kept, Trajectory};

/// Roundings that a term of a sum may be off by: those of k numbers add up to about √k of one, and no term is a product
/// of more than 2²⁰ numbers.
const TERMS: f64 = 1024.0;
/// Roundings of the weights in a step: of themselves, of the gradient and its sum, of the step.
const WEIGHTS: f64 = 4.0;

/// What belongs to queries alone: `[n, R]` each, R being the values of a query's readout.
#[derive(Debug)]
pub struct Queries {
    rows: usize,
    initial: Vec<f64>,
    prediction: Vec<f64>,
    regularizer: Vec<f64>,
    /// Of a path that was recorded elsewhere.
    unexplained: Option<Vec<f64>>,
    /// What the steps add up to, and in the end the residual.
    residual: Vec<f64>,
    /// How far rounded weights move the readout, in roundings.
    sensitivity: Vec<f64>,
    /// The largest share that rounding has of what it may have.
    largest_share: f64,
    /// The largest residual of each step.
    residuals: Vec<f64>,
    /// Quadrature nodes of each step, summed over the queries.
    nodes: Vec<usize>,
    /// Queries whose step was not explained to the tolerance, by step.
    missed: Vec<usize>,
}

impl Queries {
    /// Nothing yet of `queries` queries with `rows` values each, along a path.
    pub fn new(queries: usize, rows: usize, trajectory: &Trajectory) -> Self {
        let steps = trajectory.steps.len();
        let values = || vec![0.0; queries * rows];
        Self {
            rows,
            initial: values(),
            prediction: values(),
            regularizer: values(),
            unexplained: trajectory.rows(Kept::Unexplained).map(|_| values()),
            residual: values(),
            sensitivity: values(),
            largest_share: 0.0,
            residuals: vec![0.0; steps],
            nodes: vec![0; steps],
            missed: vec![0; steps],
        }
    }

    /// Takes in a tile's record.
    pub fn insert(&mut self, tile: &Tile, record: &Record) {
        if tile.examples.start > 0 {
            return;
        }
        let place = tile.queries.start * self.rows..tile.queries.end * self.rows;
        self.initial[place.clone()].copy_from_slice(&record.initial);
        self.prediction[place.clone()].copy_from_slice(&record.prediction);
        self.regularizer[place.clone()].copy_from_slice(&record.regularizer);
        self.residual[place.clone()].copy_from_slice(&record.missed);
        let own = &mut self.sensitivity[place.clone()];
        own.iter_mut().zip(&record.sensitivity).for_each(|(own, &value)| *own = value);
        if let Some(unexplained) = &mut self.unexplained {
            unexplained[place].copy_from_slice(&record.unexplained);
        }
        let counts = [(&mut self.nodes, &record.nodes), (&mut self.missed, &record.missed_queries)];
        counts.into_iter().for_each(|(all, own)| all.iter_mut().zip(own).for_each(|(all, own)| *all += own));
        for (largest, &residual) in self.residuals.iter_mut().zip(&record.residuals) {
            *largest = larger(*largest, residual);
        }
    }

    /// The residual of a tile's queries, once all their attributions are there: prediction - initial - Σ attribution -
    /// regularizer - unexplained. Without attribution, what the steps add up to: the same but for rounding, whose unit is
    /// `unit`. What is more than that is a wrong number.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged, or a number that no rounding explains.
    pub fn find_residual<E: Element>(&mut self, tile: &Tile, arrays: &Arrays<E>, unit: f64) -> Result<(), Error> {
        if !arrays.has_attribution() {
            return Ok(());
        }
        let place = tile.queries.start * self.rows..tile.queries.end * self.rows;
        let missed = self.residual[place.clone()].to_vec();
        let mut sizes = vec![0.0; place.len()];
        for (at, size) in place.clone().zip(&mut sizes) {
            let unexplained = self.unexplained.as_ref().map_or(0.0, |unexplained| unexplained[at]);
            let (first, last, regularizer) = (self.initial[at], self.prediction[at], self.regularizer[at]);
            self.residual[at] = last - first - regularizer - unexplained;
            *size = [last, first, regularizer, unexplained].into_iter().map(f64::abs).sum();
        }
        arrays.take_attribution(&tile.queries, &mut self.residual[place.clone()], &mut sizes)?;
        for (at, (missed, size)) in place.zip(missed.into_iter().zip(sizes)) {
            self.judge(at, (self.residual[at] - missed).abs(), unit * (TERMS * size + WEIGHTS * self.sensitivity[at]))?;
        }
        Ok(())
    }

    /// Holds what contributions do not add up to, though the quadrature does, against what rounding can have made.
    fn judge(&mut self, at: usize, off: f64, bound: f64) -> Result<(), Error> {
        if off > bound || off.is_nan() {
            let change = self.prediction[at] - self.initial[at];
            return Err(Error::WrongNumber(format!(
                "the contributions to value {} of query {} miss its change, {change:e}, by {off:e}; rounding makes {bound:e} \
                 at the most: a number is wrong, and its tiles are removed; the same command computes them again",
                at % self.rows,
                at / self.rows
            )));
        }
        if off > 0.0 {
            self.largest_share = self.largest_share.max(off / bound);
        }
        Ok(())
    }

    /// The largest share that rounding has of what it may have.
    pub fn largest_share(&self) -> f64 {
        self.largest_share
    }

    /// `[n, R]`: the readout at the last weights.
    pub fn prediction(&self) -> &[f64] {
        &self.prediction
    }

    /// The largest residual of each step.
    pub fn residuals(&self) -> &[f64] {
        &self.residuals
    }

    /// Quadrature nodes of each step, and queries whose step was not explained, summed over the queries.
    pub fn nodes(&self) -> (&[usize], &[usize]) {
        (&self.nodes, &self.missed)
    }

    /// The largest residual relative to the largest change of the readout.
    pub fn largest_relative_residual(&self) -> f64 {
        self.of_largest_change(&self.residual)
    }

    /// The same of what an imported path leaves unexplained; `None` of other paths.
    pub fn largest_relative_unexplained(&self) -> Option<f64> {
        self.unexplained.as_ref().map(|unexplained| self.of_largest_change(unexplained))
    }

    fn of_largest_change(&self, term: &[f64]) -> f64 {
        let change = self.prediction.iter().zip(&self.initial).map(|(last, first)| (last - first).abs());
        let change = change.fold(0.0, larger);
        let largest = term.iter().map(|value| value.abs()).fold(0.0, larger);
        if largest == 0.0 { 0.0 } else { largest / change }
    }

    /// Writes the arrays.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write<E: Element>(&self, store: &Store) -> Result<(), Error> {
        let per_query = [
            ("initial.npy", &self.initial),
            ("prediction.npy", &self.prediction),
            ("regularizer.npy", &self.regularizer),
            ("residual.npy", &self.residual),
        ];
        let unexplained = self.unexplained.as_ref().map(|values| ("unexplained.npy", values));
        for (name, values) in per_query.into_iter().chain(unexplained) {
            let shape = [values.len() / self.rows.max(1), self.rows];
            write_npy(&store.path(name), &shape, &convert::<E>(values))?;
        }
        Ok(())
    }
}
