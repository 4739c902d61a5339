//! The results of a tile that belong to single queries and to steps, beside its arrays of pairs.

use crate::formats::{DataError, StateReader, StateWriter};

/// The names, in a state file, of the values that belong to queries.
const NAMES: [&str; 8] =
    ["initial", "prediction", "regularizer", "statistics", "earlier", "unexplained", "missed", "sensitivity"];

/// Values that belong to queries, `[queries, R]` each, where R is the number of values of a query's readout; and values that
/// belong to steps, `[steps]` each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    /// The readout at the first weights.
    pub initial: Vec<f64>,
    /// The readout at the last weights.
    pub prediction: Vec<f64>,
    /// The part of the readout's change that weight decay made.
    pub regularizer: Vec<f64>,
    /// The part of the readout's change that running statistics made; zeros where no batch moves any.
    pub statistics: Vec<f64>,
    /// The part of the readout's change that gradients from before the first step made; zeros where no optimizer's state is given.
    pub earlier: Vec<f64>,
    /// The part of the readout's change that the optimizer does not explain, of an imported path.
    pub unexplained: Vec<f64>,
    /// The part of the readout's change that the quadrature misses: `Σ_s f(w_{s+1}) - f(w_s) - φ_s · Δw_s`.
    pub missed: Vec<f64>,
    /// About `Σ_s Σ_l ‖∇_l f‖ ‖v_l‖`, over layers l and the vectors v that a step's gradients meet, the weights among them.
    /// Times the relative rounding of these vectors, it bounds how far their rounding moves the readout.
    pub sensitivity: Vec<f64>,
    /// The largest `|f(w_{s+1}) - f(w_s) - φ_s · Δw_s|` of each step.
    pub residuals: Vec<f64>,
    /// The largest `|φ_s · e_s|` of each step of an imported path, `e_s` being what the optimizer does not explain of it.
    pub unexplained_steps: Vec<f64>,
    /// Quadrature nodes of each step, summed over the queries.
    pub nodes: Vec<usize>,
    /// Of each step, the number of queries that the rule `adaptive` could not explain.
    pub missed_queries: Vec<usize>,
}

impl Account {
    /// Zeros, for a number of values of queries and a number of steps.
    pub fn new(values: usize, steps: usize) -> Self {
        let of_queries = || vec![0.0; values];
        Self {
            initial: of_queries(),
            prediction: of_queries(),
            regularizer: of_queries(),
            statistics: of_queries(),
            earlier: of_queries(),
            unexplained: of_queries(),
            missed: of_queries(),
            sensitivity: of_queries(),
            residuals: vec![0.0; steps],
            unexplained_steps: vec![0.0; steps],
            nodes: vec![0; steps],
            missed_queries: vec![0; steps],
        }
    }

    /// The number of values of queries.
    pub fn values(&self) -> usize {
        self.initial.len()
    }

    /// The parts of the change of a query's value that are no example's: `regularizer + statistics + earlier + unexplained`.
    pub fn apart(&self, at: usize) -> [f64; 4] {
        [self.regularizer[at], self.statistics[at], self.earlier[at], self.unexplained[at]]
    }

    /// The values of queries, in the order of [`NAMES`].
    fn of_queries(&self) -> [&Vec<f64>; NAMES.len()] {
        let Self { initial, prediction, regularizer, statistics, earlier, unexplained, missed, sensitivity, .. } = self;
        [initial, prediction, regularizer, statistics, earlier, unexplained, missed, sensitivity]
    }

    /// The same, to be changed.
    fn of_queries_mut(&mut self) -> [&mut Vec<f64>; NAMES.len()] {
        let Self { initial, prediction, regularizer, statistics, earlier, unexplained, missed, sensitivity, .. } = self;
        [initial, prediction, regularizer, statistics, earlier, unexplained, missed, sensitivity]
    }

    /// Adds the account of a part of the queries, whose values begin at `first`.
    pub fn put(&mut self, first: usize, part: &Self) {
        for (all, own) in self.of_queries_mut().into_iter().zip(part.of_queries()) {
            all[first..first + own.len()].copy_from_slice(own);
        }
        let of_steps = [(&mut self.residuals, &part.residuals), (&mut self.unexplained_steps, &part.unexplained_steps)];
        for (all, own) in of_steps {
            all.iter_mut().zip(own).for_each(|(largest, &own)| *largest = larger(*largest, own));
        }
        let counts = [(&mut self.nodes, &part.nodes), (&mut self.missed_queries, &part.missed_queries)];
        counts.into_iter().for_each(|(all, own)| all.iter_mut().zip(own).for_each(|(all, own)| *all += own));
    }

    /// Writes the account.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn save(&self, writer: &mut StateWriter) -> Result<(), DataError> {
        NAMES.iter().zip(self.of_queries()).try_for_each(|(name, values)| writer.put(name, values))?;
        writer.put("residuals", &self.residuals)?;
        writer.put("unexplained of steps", &self.unexplained_steps)?;
        writer.put_counts("nodes", &self.nodes)?;
        writer.put_counts("missed queries", &self.missed_queries)
    }

    /// Reads what was [saved](Self::save) of an account of the same size.
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    pub fn restore(&mut self, reader: &mut StateReader) -> Result<(), DataError> {
        let steps = self.residuals.len();
        for (name, values) in NAMES.iter().zip(self.of_queries_mut()) {
            *values = reader.take_exactly(name, values.len())?;
        }
        self.residuals = reader.take_exactly("residuals", steps)?;
        self.unexplained_steps = reader.take_exactly("unexplained of steps", steps)?;
        self.nodes = reader.take_counts("nodes", steps)?;
        self.missed_queries = reader.take_counts("missed queries", steps)?;
        Ok(())
    }
}

/// The larger of two numbers. NaN counts as the largest of all, so that it is never lost.
pub fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_the_largest() {
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, larger);
        assert_eq!(largest(&[1.0, 3.0, 2.0]), 3.0);
        assert!(largest(&[1.0, f64::NAN, 2.0]).is_nan() && largest(&[f64::NAN, 1.0]).is_nan());
        assert_eq!(largest(&[f64::INFINITY, 1.0]), f64::INFINITY);
    }
}
