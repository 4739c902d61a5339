//! Numbers of examples whose products are a kernel.

use super::Matrix;
use super::spectrum::{negative_share, order};
use nalgebra::SymmetricEigen;

/// Features of examples: `V √λ`, of the eigenvalues of their kernel that are above what rounding makes.
#[derive(Debug, Clone)]
pub(crate) struct Features {
    /// The kernel's eigenvectors, those of the features first.
    vectors: Matrix<f64>,
    /// The eigenvalues of the features, the largest first.
    eigenvalues: Vec<f64>,
    /// How much of the kernel is negative, of the sizes of its eigenvalues. It is left out.
    pub negative: f64,
}

impl Features {
    /// Those of a symmetric matrix, whose numbers have a relative rounding of `precision`. `None` where nothing of it is above
    /// what rounding makes.
    pub fn of(matrix: Matrix<f64>, precision: f64) -> Option<Self> {
        let side = matrix.nrows();
        let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(matrix);
        let order = order(eigenvalues.as_slice());
        let all: Vec<f64> = order.iter().map(|&place| eigenvalues[place]).collect();
        // The norm of a matrix of roundings is about the root of its size times theirs: below that nothing is known.
        let least = precision * (side as f64).sqrt() * all.first()?;
        let kept: Vec<f64> = all.iter().copied().take_while(|&value| value > least.max(0.0)).collect();
        let negative = negative_share(&all);
        (!kept.is_empty()).then(|| Self { vectors: eigenvectors.select_columns(&order), eigenvalues: kept, negative })
    }

    /// How many there are.
    fn rank(&self) -> usize {
        self.eigenvalues.len()
    }

    /// `[examples, rank]`.
    pub fn values(&self) -> Matrix<f64> {
        let mut values = self.vectors.columns(0, self.rank()).into_owned();
        for (mut column, value) in values.column_iter_mut().zip(&self.eigenvalues) {
            column *= value.sqrt();
        }
        values
    }

    /// `[examples, C]`: the coefficients of functions that are `weights` `[rank, C]` of the features.
    pub fn coefficients(&self, weights: &Matrix<f64>) -> Matrix<f64> {
        let mut turned = weights.clone();
        for (mut row, value) in turned.row_iter_mut().zip(&self.eigenvalues) {
            row /= value.sqrt();
        }
        self.vectors.columns(0, self.rank()) * turned
    }

    /// The kernel's eigenvectors, those of the features first, with what each leaves of a target when a ridge is fitted:
    /// `alpha / (λ + alpha)`, or all of it.
    pub fn left_by(&self, alpha: f64) -> (&Matrix<f64>, Vec<f64>) {
        let mut left: Vec<f64> = self.eigenvalues.iter().map(|value| alpha / (value + alpha)).collect();
        left.resize(self.vectors.ncols(), 1.0);
        (&self.vectors, left)
    }

    /// The eigenvalues of the features, the largest first.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }
}
