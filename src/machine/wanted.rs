//! What a machine's outputs should be, and how well outputs meet it.

use super::Matrix;
use crate::loss::{IGNORED, Loss, Targets};

/// What outputs say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One of the classes: that of the largest output.
    Classes,
    /// Of each output yes or no.
    Signs,
    /// Numbers.
    Numbers,
}

/// What a machine's outputs should be, for some rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub meaning: Meaning,
    /// `[rows, C]`: 1 for the row's class and 0 for others, 1 for yes and -1 for no, or the numbers. NaN where a row has none.
    pub values: Matrix<f64>,
}

impl Wanted {
    /// The targets of a network's loss.
    ///
    /// # Errors
    ///
    /// They are nothing that a machine is fitted to.
    pub fn of(targets: &Targets, loss: Loss, rows: usize, outputs: usize) -> Result<Self, String> {
        match (targets, loss) {
            (Targets::Classes(classes), _) if classes.len() == rows => Ok(Self::of_classes(classes, outputs)),
            (Targets::Reals(values), Loss::Logistic) if values.iter().all(|value| [0.0, 1.0].contains(value)) => {
                let signs: Vec<f64> = values.iter().map(|value| 2.0 * value - 1.0).collect();
                Ok(Self { meaning: Meaning::Signs, values: Matrix::from_row_slice(rows, outputs, &signs) })
            }
            (Targets::Reals(values), Loss::SquaredError | Loss::Mse | Loss::Huber | Loss::L1) => {
                Ok(Self { meaning: Meaning::Numbers, values: Matrix::from_row_slice(rows, outputs, values) })
            }
            (Targets::Classes(_) | Targets::Reals(_) | Targets::Probabilities { .. }, _) => Err(format!(
                "targets of the loss {} with {outputs} outputs: a machine is fitted to one class for each example, to yes or no for \
                 each output, or to the numbers that outputs should be",
                loss.name()
            )),
        }
    }

    fn of_classes(classes: &[u32], outputs: usize) -> Self {
        let value = |row: usize, output: usize| match classes[row] {
            IGNORED => f64::NAN,
            class => f64::from(u8::from(class as usize == output)),
        };
        Self { meaning: Meaning::Classes, values: Matrix::from_fn(classes.len(), outputs, value) }
    }

    /// The rows that have a target.
    pub fn known(&self) -> Vec<usize> {
        (0..self.values.nrows()).filter(|&row| self.values.row(row).iter().all(|value| value.is_finite())).collect()
    }

    /// The same of some rows.
    pub fn kept(&self, rows: &[usize]) -> Self {
        Self { meaning: self.meaning, values: self.values.select_rows(rows) }
    }

    /// What an output is that knows nothing: an equal share of the classes, or 0.
    pub fn offset(&self) -> f64 {
        if self.meaning == Meaning::Classes { 1.0 / self.values.ncols() as f64 } else { 0.0 }
    }

    /// What [`score`](Self::score) is called.
    pub fn measure(&self) -> &'static str {
        if self.meaning == Meaning::Numbers { "rmse" } else { "accuracy" }
    }

    /// The class of a row, or 0 and 1 for no and yes of the first output: what parts of the rows should have alike.
    pub fn stratum(&self, row: usize) -> usize {
        match self.meaning {
            Meaning::Classes => largest(self.values.row(row).iter()),
            Meaning::Signs | Meaning::Numbers => usize::from(self.values[(row, 0)] > 0.0),
        }
    }

    /// The share of right answers, or the root of the mean square of what numbers are off; of rows that have targets. `None`
    /// where none has.
    pub fn score(&self, outputs: &Matrix<f64>) -> Option<f64> {
        let known = self.known();
        let one = |&row: &usize| -> f64 {
            let (wanted, found) = (self.values.row(row), outputs.row(row));
            match self.meaning {
                Meaning::Classes => f64::from(u8::from(largest(wanted.iter()) == largest(found.iter()))),
                Meaning::Signs => {
                    let right = wanted.iter().zip(&found).filter(|(wanted, found)| (**wanted > 0.0) == (**found > 0.0));
                    right.count() as f64
                }
                Meaning::Numbers => wanted.iter().zip(&found).map(|(wanted, found)| (found - wanted).powi(2)).sum(),
            }
        };
        let sum: f64 = known.iter().map(one).sum();
        let answers = if self.meaning == Meaning::Classes { 1 } else { self.values.ncols() };
        let mean = sum / (known.len() * answers).max(1) as f64;
        (!known.is_empty()).then(|| if self.meaning == Meaning::Numbers { mean.sqrt() } else { mean })
    }
}

/// Where the largest number is, the first of several.
fn largest<'a>(values: impl Iterator<Item = &'a f64>) -> usize {
    let largest = values.enumerate().reduce(|best, next| if *next.1 > *best.1 { next } else { best });
    largest.map_or(0, |(place, _)| place)
}
