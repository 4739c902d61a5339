//! Support vector machines, each output against the others.

use super::{Matrix, Wanted, Weights, smo};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// The weights of each part for every alpha, of the features of some examples.
pub(super) fn weights(
    features: &[Matrix<f64>],
    values: &[Matrix<f64>],
    _wanted: &Wanted,
    alphas: &[f64],
) -> Vec<Vec<Weights>> {
    let kernels: Vec<Matrix<f64>> = features.iter().map(|own| own * own.transpose()).collect();
    let part = |alpha: f64, place: usize| of_part(&features[place], &kernels[place], &values[place], alpha);
    alphas.iter().map(|&alpha| (0..features.len()).map(|place| part(alpha, place)).collect()).collect()
}

fn of_part(features: &Matrix<f64>, kernel: &Matrix<f64>, values: &Matrix<f64>, alpha: f64) -> Weights {
    let outputs: Vec<usize> = (0..values.ncols()).collect();
    let solutions: Vec<smo::Solution> = outputs
        .par_iter()
        .map(|&output| {
            let signs: Vec<f64> =
                values.column(output).iter().map(|&value| if value > 0.0 { 1.0 } else { -1.0 }).collect();
            of_output(kernel, &signs, alpha)
        })
        .collect();
    let coefficients =
        Matrix::from_fn(kernel.nrows(), values.ncols(), |row, output| solutions[output].coefficients[row]);
    let support: BTreeSet<usize> =
        (0..kernel.nrows()).filter(|&row| coefficients.row(row).iter().any(|own| *own != 0.0)).collect();
    let offset = solutions.iter().map(|solution| solution.bias).collect();
    Weights { values: features.tr_mul(&coefficients), offset, support: Some(support) }
}

/// One output; one that all examples agree on is a constant.
fn of_output(kernel: &Matrix<f64>, signs: &[f64], alpha: f64) -> smo::Solution {
    if signs.iter().all(|sign| *sign == signs[0]) {
        return smo::Solution { coefficients: vec![0.0; signs.len()], bias: signs[0] };
    }
    smo::solve(kernel, signs, 1.0 / alpha)
}
