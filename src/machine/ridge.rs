//! Kernel ridge regression, whose outputs without each example are known in closed form.

use super::{Features, Fit, Matrix, Part, Wanted, Weights};

/// Powers of ten that alpha is chosen of, and how many there are of it; the kernel's mean diagonal is 1.
const POWERS: [f64; 2] = [-8.0, 3.0];
const ALPHAS: usize = 45;

/// Without alpha it is the one of the smallest error of leaving each example out.
pub(super) fn fit(parts: &[Part], wanted: &Wanted, alpha: Option<f64>) -> Fit {
    let solved: Vec<Solved> = parts.iter().map(|part| Solved::new(part, wanted)).collect();
    let error = |alpha: f64| solved.iter().map(|one| one.error(alpha)).sum::<f64>();
    let alpha = alpha.unwrap_or_else(|| {
        let better = |best: (f64, f64), alpha: f64| {
            let error = error(alpha);
            if error < best.1 { (alpha, error) } else { best }
        };
        alphas().fold((10f64.powf(POWERS[0]), f64::INFINITY), better).0
    });
    let offset = wanted.offset();
    let left_out: Vec<Matrix<f64>> = solved.iter().map(|one| one.left_out(alpha).add_scalar(offset)).collect();
    let offset = vec![offset; solved[0].values.ncols()];
    let weights = |one: &Solved| Weights { values: one.weights(alpha), offset: offset.clone(), support: None };
    // Without a single example nothing is known.
    let left_out = (wanted.values.nrows() > 1).then(|| super::fit::beside(&left_out));
    Fit { weights: solved.iter().map(weights).collect(), alpha, left_out }
}

fn alphas() -> impl Iterator<Item = f64> {
    let [first, last] = POWERS;
    (0..ALPHAS).map(move |place| 10f64.powf(first + (last - first) * place as f64 / (ALPHAS - 1) as f64))
}

/// The regressions of one part for every alpha, by the eigenvectors of its kernel.
struct Solved<'a> {
    features: &'a Features,
    /// Examples: each has one row, or, where the kernel pairs outputs, one for each of these.
    examples: usize,
    /// `[rows, outputs]`: targets less what an output is that knows nothing.
    values: Matrix<f64>,
    /// The eigenvectors' products with them.
    products: Matrix<f64>,
}

impl<'a> Solved<'a> {
    fn new(part: &'a Part, wanted: &Wanted) -> Self {
        let values = part.values.add_scalar(-wanted.offset());
        let (vectors, _) = part.features.left_by(1.0);
        let products = vectors.tr_mul(&values);
        Self { features: &part.features, examples: wanted.values.nrows(), values, products }
    }

    /// `[rank, outputs]`: `√λ / (λ + alpha)` of each product.
    fn weights(&self, alpha: f64) -> Matrix<f64> {
        let eigenvalues = self.features.eigenvalues();
        let weight = |row: usize, output: usize| {
            self.products[(row, output)] * eigenvalues[row].sqrt() / (eigenvalues[row] + alpha)
        };
        Matrix::from_fn(eigenvalues.len(), self.products.ncols(), weight)
    }

    /// The sum of the squares of what each example's outputs are off without it. Not a number where rounding left nothing.
    fn error(&self, alpha: f64) -> f64 {
        self.off(alpha).norm_squared()
    }

    /// `[examples, outputs]`: the outputs of each example without it, less what an output is that knows nothing.
    fn left_out(&self, alpha: f64) -> Matrix<f64> {
        let found = &self.values - self.off(alpha);
        let width = found.nrows() / self.examples;
        Matrix::from_fn(self.examples, width * found.ncols(), |example, place| {
            found[(example * width + place / found.ncols(), place % found.ncols())]
        })
    }

    /// `[rows, outputs]`: what targets are more than outputs without the row's example. With H, which makes outputs of targets,
    /// that is `(1 - H_ii)⁻¹ (y - H y)_i`, and `1 - H` is made of what each eigenvector leaves, without a difference that could
    /// lose digits.
    fn off(&self, alpha: f64) -> Matrix<f64> {
        let (vectors, left) = self.features.left_by(alpha);
        let mut residual = self.products.clone();
        for (mut row, left) in residual.row_iter_mut().zip(&left) {
            row *= *left;
        }
        let mut off = vectors * residual;
        let width = off.nrows() / self.examples;
        if width == 1 {
            let mut own = vec![0.0; off.nrows()];
            for (column, left) in vectors.column_iter().zip(&left) {
                own.iter_mut().zip(column.iter()).for_each(|(own, value)| *own += value * value * left);
            }
            off.row_iter_mut().zip(own).for_each(|(mut row, own)| row /= own);
            return off;
        }
        for example in 0..self.examples {
            let rows = vectors.rows(example * width, width);
            let mut weighed = rows.into_owned();
            weighed.column_iter_mut().zip(&left).for_each(|(mut column, left)| column *= *left);
            let own = weighed * rows.transpose();
            let residual = off.rows(example * width, width).into_owned();
            let solved = own.cholesky().map(|own| own.solve(&residual));
            off.rows_mut(example * width, width).copy_from(&solved.unwrap_or(residual * f64::NAN));
        }
        off
    }
}
