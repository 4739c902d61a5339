//! What a kernel knows: its eigenvalues, its rank, and how it goes with labels and with other kernels.

use super::Matrix;

/// What the eigenvalues of a symmetric matrix tell, which is a kernel divided by its mean diagonal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spectrum {
    /// The largest first. They add up to their number.
    pub eigenvalues: Vec<f64>,
    /// exp of the entropy of the shares of the eigenvalues above 0 (Roy and Vetterli, 2007).
    pub effective_rank: f64,
    /// (Σ λ)² / Σ λ², of those above 0.
    pub participation_ratio: f64,
    /// The share of the eigenvalues' sizes that is negative, which no kernel's are: roundings, or mini-batches.
    pub negative: f64,
}

impl Spectrum {
    /// That of a symmetric matrix of finite numbers with a trace above 0.
    pub fn of(matrix: Matrix<f64>) -> Self {
        let found = matrix.symmetric_eigenvalues();
        let eigenvalues: Vec<f64> = order(found.as_slice()).into_iter().map(|place| found[place]).collect();
        let sum: f64 = eigenvalues.iter().filter(|value| **value > 0.0).sum();
        let shares = || eigenvalues.iter().filter(|value| **value > 0.0).map(|value| value / sum);
        Self {
            effective_rank: shares().map(|share| -share * share.ln()).sum::<f64>().exp(),
            participation_ratio: 1.0 / shares().map(|share| share * share).sum::<f64>(),
            negative: negative_share(&eigenvalues),
            eigenvalues,
        }
    }
}

/// How alike two symmetric matrices are, both centred, from -1 to 1: 1 where one is a multiple of the other (Cortes, Mohri and
/// Rostamizadeh, 2012; CKA). 0 where one of them is constant.
pub(crate) fn alignment(one: &Matrix<f64>, other: &Matrix<f64>) -> f64 {
    let (one, other) = (centred(one), centred(other));
    let size = one.norm() * other.norm();
    if size > 0.0 { one.dot(&other) / size } else { 0.0 }
}

/// `H K H` with `H = 1 - 1/m`: the kernel of features less their mean.
fn centred(matrix: &Matrix<f64>) -> Matrix<f64> {
    let (down, across, all) = (matrix.row_mean(), matrix.column_mean(), matrix.mean());
    Matrix::from_fn(matrix.nrows(), matrix.ncols(), |row, column| {
        matrix[(row, column)] - down[column] - across[row] + all
    })
}

/// The places of numbers, the largest first.
pub(super) fn order(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

/// How much of some numbers is negative, of the sum of their sizes.
pub(super) fn negative_share(values: &[f64]) -> f64 {
    let sizes: f64 = values.iter().map(|value| value.abs()).sum();
    let negative = values.iter().fold(0.0, |sum, value| sum + (-value).max(0.0));
    if sizes > 0.0 { negative / sizes } else { 0.0 }
}
