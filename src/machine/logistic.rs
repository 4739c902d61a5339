//! Kernel logistic regression, on features.

use super::newton::{Link, Objective};
use super::wanted::Meaning;
use super::{Matrix, Wanted, Weights};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// The weights of each part for every alpha, of the features of some examples.
pub(super) fn weights(
    features: &[Matrix<f64>],
    values: &[Matrix<f64>],
    wanted: &Wanted,
    alphas: &[f64],
) -> Vec<Vec<Weights>> {
    let of_part = |(features, values): (&Matrix<f64>, &Matrix<f64>)| match wanted.meaning {
        Meaning::Classes => of_classes(features, values, wanted, alphas),
        Meaning::Signs | Meaning::Numbers => of_signs(features, values, alphas),
    };
    let by_part: Vec<Vec<Weights>> = features.iter().zip(values).map(of_part).collect();
    (0..alphas.len()).map(|alpha| by_part.iter().map(|own| own[alpha].clone()).collect()).collect()
}

/// Each output by itself.
fn of_signs(features: &Matrix<f64>, values: &Matrix<f64>, alphas: &[f64]) -> Vec<Weights> {
    let columns: Vec<Vec<f64>> =
        values.column_iter().map(|own| own.iter().map(|&value| f64::from(u8::from(value > 0.0))).collect()).collect();
    let by_output: Vec<Vec<Matrix<f64>>> = columns.par_iter().map(|yes| logits(features, yes, alphas)).collect();
    let one = |alpha: usize| {
        let own: Vec<Matrix<f64>> = by_output.iter().map(|found| found[alpha].clone()).collect();
        split(&super::fit::beside(&own))
    };
    (0..alphas.len()).map(one).collect()
}

/// The softmax of all outputs; a class without examples is never the answer.
fn of_classes(features: &Matrix<f64>, values: &Matrix<f64>, wanted: &Wanted, alphas: &[f64]) -> Vec<Weights> {
    let (rank, outputs) = (features.ncols(), values.ncols());
    let seen: BTreeSet<usize> = (0..values.nrows()).map(|row| wanted.stratum(row)).collect();
    let seen: Vec<usize> = seen.into_iter().collect();
    let found = match seen.as_slice() {
        [_] => vec![Matrix::zeros(rank + 1, 1); alphas.len()],
        [_, second] => {
            let yes: Vec<f64> = values.column(*second).iter().copied().collect();
            // A logit is the difference of two outputs.
            let halves = |logit: Matrix<f64>| super::fit::beside(&[-0.5 * &logit, 0.5 * logit]);
            logits(features, &yes, alphas).into_iter().map(halves).collect()
        }
        _ => Objective::new(features, values.select_columns(&seen), Link::Softmax).minima(alphas),
    };
    let of_all = |of_seen: Matrix<f64>| {
        let mut all = Matrix::zeros(rank + 1, outputs);
        all.row_mut(rank).fill(f64::NEG_INFINITY);
        seen.iter().zip(of_seen.column_iter()).for_each(|(&class, own)| all.set_column(class, &own));
        split(&all)
    };
    found.into_iter().map(of_all).collect()
}

/// `[rank + 1, 1]` for every alpha: the logit of yes, its constant last. One that all examples agree on is the logit of one
/// more of each kind.
fn logits(features: &Matrix<f64>, yes: &[f64], alphas: &[f64]) -> Vec<Matrix<f64>> {
    let positive: f64 = yes.iter().sum();
    let negative = yes.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 {
        let mut constant = Matrix::zeros(features.ncols() + 1, 1);
        constant[features.ncols()] = ((positive + 1.0) / (negative + 1.0)).ln();
        return vec![constant; alphas.len()];
    }
    Objective::new(features, Matrix::from_column_slice(yes.len(), 1, yes), Link::Sigmoid).minima(alphas)
}

/// Weights of which the last row is the constant's.
fn split(all: &Matrix<f64>) -> Weights {
    let rank = all.nrows() - 1;
    Weights { values: all.rows(0, rank).into_owned(), offset: all.row(rank).iter().copied().collect(), support: None }
}
