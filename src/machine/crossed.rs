//! How a machine without a closed form gets its alpha: by its answers to examples that it is not fitted to.

use super::{Fit, Matrix, Part, Wanted, Weights};
use crate::random::Random;
use rayon::prelude::*;

/// What alpha is chosen of; the kernel's mean diagonal is 1.
const ALPHAS: [f64; 6] = [1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2];
/// Into how many parts examples are split; of fewer of a class, into as many.
pub(super) const FOLDS: usize = 5;

/// Weights for every alpha, `[alphas][parts]`, of the features and values of each part.
pub(super) type Weigh = fn(&[Matrix<f64>], &[Matrix<f64>], &Wanted, &[f64]) -> Vec<Vec<Weights>>;

/// Without alpha it is the one with the most right answers in cross-validation; of equal ones the largest, which is the
/// smoothest.
///
/// # Errors
///
/// There is a single example, and nothing to choose alpha by.
pub(super) fn fit(weigh: Weigh, parts: &[Part], wanted: &Wanted, alpha: Option<f64>) -> Result<Fit, String> {
    let features: Vec<Matrix<f64>> = parts.iter().map(|part| part.features.values()).collect();
    let values: Vec<Matrix<f64>> = parts.iter().map(|part| part.values.clone()).collect();
    let alphas = alpha.map_or(ALPHAS.to_vec(), |alpha| vec![alpha]);
    let mut left_out = crossed(weigh, (&features, &values), wanted, &alphas);
    if left_out.is_empty() && alpha.is_none() {
        return Err("a single example has a target, and alpha is chosen by those left out; give --alpha".into());
    }
    let scores: Vec<f64> = left_out.iter().filter_map(|outputs| wanted.score(outputs)).collect();
    let best = (1..scores.len()).fold(0, |best, next| if scores[next] >= scores[best] { next } else { best });
    let weights = weigh(&features, &values, wanted, &alphas[best..=best]).swap_remove(0);
    let left_out = (!left_out.is_empty()).then(|| left_out.swap_remove(best));
    Ok(Fit { weights, alpha: alphas[best], left_out })
}

/// For each alpha the outputs of each example by a machine without its part; none of a single example.
fn crossed(
    weigh: Weigh,
    (features, values): (&[Matrix<f64>], &[Matrix<f64>]),
    wanted: &Wanted,
    alphas: &[f64],
) -> Vec<Matrix<f64>> {
    let fold_of = folds(wanted);
    let count = fold_of.iter().max().map_or(0, |last| last + 1);
    if count < 2 {
        return Vec::new();
    }
    let rows = |inside: bool, fold: usize| -> Vec<usize> {
        (0..fold_of.len()).filter(|&row| (fold_of[row] != fold) == inside).collect()
    };
    let numbers: Vec<usize> = (0..count).collect();
    let of_fold = |&fold: &usize| {
        let kept = rows(true, fold);
        let of_rows = |all: &[Matrix<f64>], rows: &[usize]| -> Vec<Matrix<f64>> {
            all.iter().map(|own| own.select_rows(rows)).collect()
        };
        let all = weigh(&of_rows(features, &kept), &of_rows(values, &kept), &wanted.kept(&kept), alphas);
        let outside = of_rows(features, &rows(false, fold));
        let outputs = |weights: Vec<Weights>| {
            let parts: Vec<Matrix<f64>> = weights.iter().zip(&outside).map(|(own, rows)| own.outputs(rows)).collect();
            super::fit::beside(&parts)
        };
        all.into_iter().map(outputs).collect::<Vec<_>>()
    };
    let by_fold: Vec<Vec<Matrix<f64>>> = numbers.par_iter().map(of_fold).collect();
    let mut found = vec![Matrix::zeros(wanted.values.nrows(), wanted.values.ncols()); alphas.len()];
    for (fold, outputs) in by_fold.iter().enumerate() {
        for (found, outputs) in found.iter_mut().zip(outputs) {
            for (place, row) in rows(false, fold).into_iter().enumerate() {
                found.row_mut(row).copy_from(&outputs.row(place));
            }
        }
    }
    found
}

/// The fold of each example, drawn at random so that each has as many of every class, or of yes and no, as the others.
pub(super) fn folds(wanted: &Wanted) -> Vec<usize> {
    let rows = wanted.values.nrows();
    let strata: Vec<usize> = (0..rows).map(|row| wanted.stratum(row)).collect();
    let fewest = strata.iter().map(|own| strata.iter().filter(|other| *other == own).count()).min().unwrap_or(0);
    let count = FOLDS.min(if fewest < 2 { rows } else { fewest });
    let mut order = Random::new(0, "folds").permutation(rows);
    // Dealt out by class: a stable sort keeps the order within one as it was drawn.
    order.sort_by_key(|&row| strata[row as usize]);
    let mut fold = vec![0; rows];
    for (place, row) in order.into_iter().enumerate() {
        fold[row as usize] = place % count.max(1);
    }
    fold
}
