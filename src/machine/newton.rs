//! Regularised logistic regression by Newton's method, whose equations are solved by conjugate gradients.

use super::Matrix;

/// The share of the loss that another step may still lower it by, at the end.
const ENOUGH: f64 = 1e-12;
/// Newton steps and those of each one's conjugate gradients, at the most. Far fewer are needed.
const STEPS: usize = 100;
const DIRECTIONS: usize = 500;
/// How often a step is halved, at the most.
const HALVINGS: usize = 40;
/// The share of the slope by which a step must lower the loss.
const DESCENT: f64 = 1e-4;

/// Which probabilities outputs stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Of yes, of each output.
    Sigmoid,
    /// Of classes, which add up to 1.
    Softmax,
}

/// `Σ cross-entropy + alpha/2 ‖w‖²` over weights w of features and of a constant, which alpha does not count.
pub(super) struct Objective {
    /// `[rows, rank + 1]`, the constant last.
    design: Matrix<f64>,
    /// The sum of the squares of each column of it.
    squares: Vec<f64>,
    /// `[rows, outputs]`: the probabilities that are wanted, 0 or 1.
    wanted: Matrix<f64>,
    link: Link,
}

/// Weights, and what they make.
struct Point {
    weights: Matrix<f64>,
    /// `[rows, outputs]`.
    outputs: Matrix<f64>,
    value: f64,
}

impl Objective {
    pub fn new(features: &Matrix<f64>, wanted: Matrix<f64>, link: Link) -> Self {
        let design = features.clone().insert_column(features.ncols(), 1.0);
        let squares = design.column_iter().map(|column| column.norm_squared()).collect();
        Self { design, squares, wanted, link }
    }

    /// `[rank + 1, outputs]` for every alpha. Each begins where the one before ended, the largest alpha first.
    pub fn minima(&self, alphas: &[f64]) -> Vec<Matrix<f64>> {
        let mut order: Vec<usize> = (0..alphas.len()).collect();
        order.sort_by(|&a, &b| alphas[b].total_cmp(&alphas[a]));
        let mut found = vec![Matrix::zeros(self.design.ncols(), self.wanted.ncols()); alphas.len()];
        let mut weights = found.first().cloned().unwrap_or_default();
        for place in order {
            weights = self.minimum(weights, alphas[place]);
            found[place].copy_from(&weights);
        }
        found
    }

    fn minimum(&self, start: Matrix<f64>, alpha: f64) -> Matrix<f64> {
        let outputs = &self.design * &start;
        let mut point = Point { value: self.value(&start, &outputs, alpha), weights: start, outputs };
        let mut first = None;
        for _ in 0..STEPS {
            let probabilities = self.probabilities(&point.outputs);
            let gradient = self.design.tr_mul(&(&probabilities - &self.wanted)) + self.shrinking(&point.weights, alpha);
            let first = *first.get_or_insert(gradient.norm());
            if gradient.norm() == 0.0 {
                break;
            }
            // The nearer the end, the more exact.
            let accuracy = (gradient.norm() / first).sqrt().min(0.1);
            let direction = self.direction(&gradient, &probabilities, alpha, accuracy);
            let slope = gradient.dot(&direction);
            let Some(next) = self.along(&point, &direction, slope, alpha) else { break };
            point = next;
            if -slope <= ENOUGH * point.value {
                break;
            }
        }
        point.weights
    }

    /// The point along a direction that is low enough; `None` where rounding leaves none.
    fn along(&self, point: &Point, direction: &Matrix<f64>, slope: f64, alpha: f64) -> Option<Point> {
        let moved = &self.design * direction;
        (0..HALVINGS).find_map(|halvings| {
            let step = 0.5f64.powi(halvings as i32);
            let (weights, outputs) = (&point.weights + direction * step, &point.outputs + &moved * step);
            let value = self.value(&weights, &outputs, alpha);
            (value <= point.value + DESCENT * step * slope).then_some(Point { weights, outputs, value })
        })
    }

    /// Solves `H d = -gradient` by conjugate gradients. They are preconditioned by the diagonal that H would have if every row's
    /// probabilities curved the loss alike: nearly all of H, since the features' columns stand at right angles.
    fn direction(&self, gradient: &Matrix<f64>, probabilities: &Matrix<f64>, alpha: f64, accuracy: f64) -> Matrix<f64> {
        let curvature = probabilities.map(|own| own * (1.0 - own)).mean();
        let scale: Vec<f64> = (0..self.squares.len())
            .map(|place| (self.penalty(place, alpha) + curvature * self.squares[place]).max(f64::MIN_POSITIVE).recip())
            .collect();
        let scaled = |residual: &Matrix<f64>| {
            let mut scaled = residual.clone();
            scaled.row_iter_mut().zip(&scale).for_each(|(mut row, scale)| row *= *scale);
            scaled
        };
        let mut found = Matrix::zeros(gradient.nrows(), gradient.ncols());
        let mut residual = -gradient;
        let mut next = scaled(&residual);
        let mut size = residual.dot(&next);
        let mut along = next.clone();
        let enough = accuracy * accuracy * size;
        for _ in 0..DIRECTIONS {
            let curved = self.curved(&along, probabilities, alpha);
            let bend = along.dot(&curved);
            // A direction without curvature changes nothing: rounding is all that is left.
            if bend <= 0.0 || bend.is_nan() {
                break;
            }
            let step = size / bend;
            found += &along * step;
            residual -= curved * step;
            next = scaled(&residual);
            let before = std::mem::replace(&mut size, residual.dot(&next));
            if size <= enough {
                break;
            }
            along = &next + along * (size / before);
        }
        found
    }

    /// H times a direction.
    fn curved(&self, along: &Matrix<f64>, probabilities: &Matrix<f64>, alpha: f64) -> Matrix<f64> {
        let mut change = &self.design * along;
        match self.link {
            Link::Sigmoid => change.zip_apply(probabilities, |change, own| *change *= own * (1.0 - own)),
            Link::Softmax => {
                for (mut change, own) in change.row_iter_mut().zip(probabilities.row_iter()) {
                    let mean = change.dot(&own);
                    change.zip_apply(&own, |change, own| *change = own * (*change - mean));
                }
            }
        }
        self.design.tr_mul(&change) + self.shrinking(along, alpha)
    }

    /// What alpha counts of a weight of a column.
    fn penalty(&self, column: usize, alpha: f64) -> f64 {
        if column + 1 == self.design.ncols() { 0.0 } else { alpha }
    }

    /// The gradient of `alpha/2 ‖w‖²`.
    fn shrinking(&self, weights: &Matrix<f64>, alpha: f64) -> Matrix<f64> {
        let mut shrinking = weights.clone();
        shrinking.row_iter_mut().enumerate().for_each(|(place, mut row)| row *= self.penalty(place, alpha));
        shrinking
    }

    fn value(&self, weights: &Matrix<f64>, outputs: &Matrix<f64>, alpha: f64) -> f64 {
        let losses: f64 = match self.link {
            Link::Sigmoid => outputs.zip_fold(&self.wanted, 0.0, |sum, own, wanted| sum + softplus(own) - wanted * own),
            Link::Softmax => {
                let rows = outputs.row_iter().zip(self.wanted.row_iter());
                rows.map(|(own, wanted)| log_sum(own.iter()) - own.dot(&wanted)).sum()
            }
        };
        losses + 0.5 * self.shrinking(weights, alpha).dot(weights)
    }

    fn probabilities(&self, outputs: &Matrix<f64>) -> Matrix<f64> {
        let mut found = outputs.clone();
        match self.link {
            Link::Sigmoid => found.apply(|own| *own = (-softplus(-*own)).exp()),
            Link::Softmax => {
                for mut row in found.row_iter_mut() {
                    let whole = log_sum(row.iter());
                    row.apply(|own| *own = (*own - whole).exp());
                }
            }
        }
        found
    }
}

/// ln(1 + exp x).
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// ln Σ exp.
fn log_sum<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    let values: Vec<f64> = values.copied().collect();
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}
