//! What is fitted, and what a fit is: the same for every kind of machine.

use super::wanted::Meaning;
use super::{Features, Matrix, Wanted, logistic, ridge, svm};
use std::collections::BTreeSet;

/// How a machine is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Kernel ridge regression: `Σ (y - f)² + alpha ‖f‖²`.
    Ridge,
    /// Support vector machines, each output against the others: `Σ max(0, 1 - y f) + alpha/2 ‖f‖²`.
    Svm,
    /// Kernel logistic regression: `Σ cross-entropy + alpha/2 ‖f‖²`.
    Logistic,
}

/// Features of examples with the targets that are fitted by them.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub features: Features,
    /// `[rows, outputs]`: of all outputs, or of one.
    pub values: Matrix<f64>,
}

/// Outputs by features: `features · values + offset`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    /// `[rank, outputs]`.
    pub values: Matrix<f64>,
    /// `[outputs]`. -∞ is that of a class that is never the answer.
    pub offset: Vec<f64>,
    /// The examples that the function is a sum over, of a kind that leaves some out.
    pub support: Option<BTreeSet<usize>>,
}

impl Weights {
    /// `[rows, outputs]`, of rows of features.
    pub fn outputs(&self, features: &Matrix<f64>) -> Matrix<f64> {
        let mut outputs = features * &self.values;
        for (mut column, offset) in outputs.column_iter_mut().zip(&self.offset) {
            column.add_scalar_mut(*offset);
        }
        outputs
    }
}

/// A fitted machine, in the words of features.
#[derive(Debug)]
pub(crate) struct Fit {
    /// Of each part.
    pub weights: Vec<Weights>,
    /// How much the function's squared norm counts beside the sum of the losses.
    pub alpha: f64,
    /// `[examples, outputs]`: what the outputs for each example would be without it (ridge), or without a fifth of the
    /// examples, it among them. `None` of a single example.
    pub left_out: Option<Matrix<f64>>,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Ridge, Kind::Svm, Kind::Logistic];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ridge => "ridge",
            Kind::Svm => "svm",
            Kind::Logistic => "logistic",
        }
    }

    /// Matrices as large as the kernel's that it has in memory at the most: the kernel itself, its eigenvectors, features and
    /// their products, the latter for several parts of the examples at once.
    pub(crate) fn matrices(self) -> usize {
        match self {
            Kind::Ridge => 5,
            Kind::Svm | Kind::Logistic => 5 + 2 * super::crossed::FOLDS,
        }
    }

    /// Whether it can be fitted to some targets, by a kernel of so many parts that pairs outputs or not.
    ///
    /// # Errors
    ///
    /// Why not, and what to do.
    pub(crate) fn check(self, wanted: &Wanted, parts: usize, pairs_outputs: bool) -> Result<(), String> {
        let name = self.name();
        match self {
            Kind::Ridge => Ok(()),
            Kind::Svm | Kind::Logistic if wanted.meaning == Meaning::Numbers => Err(format!(
                "--kind {name}: answers with classes, or yes or no, and the targets are numbers; --kind ridge fits numbers"
            )),
            Kind::Svm | Kind::Logistic if pairs_outputs => Err(format!(
                "--kind {name}: takes no kernel between pairs of outputs; run it again with kernel.kernel = \"trace\" or \
                 \"diagonal\", or take --kind ridge"
            )),
            Kind::Logistic if parts > 1 && wanted.meaning == Meaning::Classes => Err(format!(
                "--kind {name}: of several classes takes one kernel for all outputs, and this is one for each; run it again with \
                 kernel.kernel = \"trace\", or take --kind ridge or svm"
            )),
            Kind::Svm | Kind::Logistic => Ok(()),
        }
    }

    /// Fits parts of a kernel to some targets, of which every row has one. Without `alpha` it is chosen.
    ///
    /// # Errors
    ///
    /// There is nothing to choose it by.
    pub(crate) fn fit(self, parts: &[Part], wanted: &Wanted, alpha: Option<f64>) -> Result<Fit, String> {
        match self {
            Kind::Ridge => Ok(ridge::fit(parts, wanted, alpha)),
            Kind::Svm => super::crossed::fit(svm::weights, parts, wanted, alpha),
            Kind::Logistic => super::crossed::fit(logistic::weights, parts, wanted, alpha),
        }
    }
}

/// Matrices of the same rows, beside each other.
pub(super) fn beside(parts: &[Matrix<f64>]) -> Matrix<f64> {
    let columns: Vec<_> = parts.iter().flat_map(Matrix::column_iter).collect();
    Matrix::from_columns(&columns)
}
