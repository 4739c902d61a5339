//! A kernel's entries as matrices.

use crate::machine::Matrix;
use crate::run::keys::KernelShape;

/// How the entries of a kernel between outputs are matrices: one for all outputs, one for each, or one of examples with outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub shape: KernelShape,
    /// C.
    pub outputs: usize,
}

impl Form {
    /// How many matrices there are.
    pub fn parts(self) -> usize {
        if self.shape == KernelShape::Diagonal { self.outputs } else { 1 }
    }

    /// Rows of an example in a matrix.
    pub fn width(self) -> usize {
        if self.shape == KernelShape::Full { self.outputs } else { 1 }
    }

    /// Numbers of a pair of examples.
    pub fn entry(self) -> usize {
        self.parts() * self.width() * self.width()
    }

    /// The matrices between some rows and columns.
    pub fn matrices(self, rows: usize, columns: usize) -> Vec<Matrix<f64>> {
        vec![Matrix::zeros(rows * self.width(), columns * self.width()); self.parts()]
    }

    /// Puts a row's entries with all columns, as they lie in a file, into matrices.
    pub fn put(self, matrices: &mut [Matrix<f64>], row: usize, entries: &[f64]) {
        let width = self.width();
        for (column, pair) in entries.chunks_exact(self.entry()).enumerate() {
            for (place, value) in pair.iter().enumerate() {
                match self.shape {
                    KernelShape::Diagonal => matrices[place][(row, column)] = *value,
                    _ => matrices[0][(row * width + place / width, column * width + place % width)] = *value,
                }
            }
        }
    }

    /// The mean over outputs of a pair's entries.
    pub fn mean(self, pair: &[f64]) -> f64 {
        let each = if self.shape == KernelShape::Full { self.outputs + 1 } else { 1 };
        let count = if self.shape == KernelShape::Trace { 1 } else { self.outputs };
        pair.iter().step_by(each).sum::<f64>() / count as f64
    }

    /// Numbers `[rows, C]` as each matrix is multiplied with them.
    pub fn split(self, values: &Matrix<f64>) -> Vec<Matrix<f64>> {
        match self.shape {
            KernelShape::Diagonal => values.column_iter().map(|own| Matrix::from_columns(&[own])).collect(),
            KernelShape::Full => vec![Matrix::from_column_slice(values.len(), 1, values.transpose().as_slice())],
            KernelShape::Trace | KernelShape::None => vec![values.clone()],
        }
    }

    /// What [`split`](Self::split) was made of.
    pub fn joined(self, parts: &[Matrix<f64>]) -> Matrix<f64> {
        match self.shape {
            KernelShape::Diagonal => Matrix::from_columns(&parts.iter().map(|own| own.column(0)).collect::<Vec<_>>()),
            KernelShape::Full => {
                Matrix::from_row_slice(parts[0].len() / self.outputs, self.outputs, parts[0].as_slice())
            }
            KernelShape::Trace | KernelShape::None => parts[0].clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums over examples and outputs, as loops say them.
    #[test]
    fn matrices_multiply_as_kernels_do() {
        let ([rows, columns, outputs], number) = ([2, 3, 2], |place: usize| (place * 7 % 11) as f64 - 3.0);
        let coefficients = Matrix::from_fn(columns, outputs, |row, output| number(row * 5 + output * 2 + 1));
        for shape in [KernelShape::Trace, KernelShape::Diagonal, KernelShape::Full] {
            let form = Form { shape, outputs };
            let values: Vec<f64> = (0..rows * columns * form.entry()).map(number).collect();
            let entry = |row: usize, column: usize, c: usize, d: usize| {
                let pair = &values[(row * columns + column) * form.entry()..];
                match shape {
                    KernelShape::Full => pair[c * outputs + d],
                    _ if c != d => 0.0,
                    KernelShape::Diagonal => pair[c],
                    KernelShape::Trace | KernelShape::None => pair[0],
                }
            };
            let want = Matrix::from_fn(rows, outputs, |row, c| {
                let pairs = (0..columns).flat_map(|column| (0..outputs).map(move |d| (column, d)));
                pairs.map(|(column, d)| entry(row, column, c, d) * coefficients[(column, d)]).sum()
            });
            let mut matrices = form.matrices(rows, columns);
            for (row, entries) in values.chunks(columns * form.entry()).enumerate() {
                form.put(&mut matrices, row, entries);
            }
            let products: Vec<Matrix<f64>> =
                matrices.iter().zip(form.split(&coefficients)).map(|(matrix, own)| matrix * own).collect();
            assert_eq!(form.joined(&products), want, "{shape:?}");
            assert_eq!(form.joined(&form.split(&coefficients)), coefficients);
            let mean = (entry(1, 2, 0, 0) + entry(1, 2, 1, 1)) / 2.0;
            assert_eq!(form.mean(&values[(columns + 2) * form.entry()..][..form.entry()]), mean);
        }
    }
}
