//! The dual of a support vector machine with a bias, solved two examples at a time (Platt, 1998; the pair is chosen by second
//! order, Fan, Chen and Lin, 2005).

use super::Matrix;

/// By how much the conditions of the solution may be missed, where margins are 1.
const TOLERANCE: f64 = 1e-6;
/// The least curvature along a pair: that of equal examples is 0.
const FLAT: f64 = 1e-12;
/// Pairs after which it ends at the latest, at the point that it has reached.
const MOST: usize = 10_000_000;

/// `f(x) = Σ_i K(x, x_i) coefficients[i] + bias`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solution {
    /// The multiplier of each example times its sign; 0 of one that is no support vector.
    pub coefficients: Vec<f64>,
    pub bias: f64,
}

/// Minimises `Σ_i cost max(0, 1 - y_i f(x_i)) + ½ ‖f‖²` for a kernel's matrix and signs y of both kinds.
pub(super) fn solve(kernel: &Matrix<f64>, signs: &[f64], cost: f64) -> Solution {
    let mut ascent = Ascent { kernel, signs, cost, multipliers: vec![0.0; signs.len()], missing: signs.to_vec() };
    for _ in 0..MOST {
        let Some((up, down)) = ascent.pair() else { return ascent.solution() };
        ascent.step(up, down);
    }
    tracing::warn!("a support vector machine is not solved after {MOST} steps; a larger alpha makes it easier");
    ascent.solution()
}

/// How far it has come.
struct Ascent<'a> {
    kernel: &'a Matrix<f64>,
    signs: &'a [f64],
    cost: f64,
    /// From 0 to the cost.
    multipliers: Vec<f64>,
    /// `y_i - f(x_i)`, without a bias.
    missing: Vec<f64>,
}

impl Ascent<'_> {
    /// Whether an example's coefficient, its multiplier times its sign, may still grow.
    fn may_grow(&self, example: usize) -> bool {
        if self.signs[example] > 0.0 { self.multipliers[example] < self.cost } else { self.multipliers[example] > 0.0 }
    }

    /// Whether it may still shrink.
    fn may_shrink(&self, example: usize) -> bool {
        if self.signs[example] > 0.0 { self.multipliers[example] > 0.0 } else { self.multipliers[example] < self.cost }
    }

    /// The pair whose coefficients move against each other next: the first misses most, and the second gains most with it.
    /// `None` at the solution.
    fn pair(&self) -> Option<(usize, usize)> {
        let all = 0..self.signs.len();
        let up = all
            .clone()
            .filter(|&own| self.may_grow(own))
            .reduce(|best, next| if self.missing[next] > self.missing[best] { next } else { best })?;
        let (row, own) = (self.kernel.column(up), self.kernel[(up, up)]);
        let mut best: Option<(usize, f64)> = None;
        let mut lowest = f64::INFINITY;
        for down in all.filter(|&own| self.may_shrink(own)) {
            lowest = lowest.min(self.missing[down]);
            let slope = self.missing[up] - self.missing[down];
            let curvature = (own + self.kernel[(down, down)] - 2.0 * row[down]).max(FLAT);
            let gain = slope * slope / curvature;
            if slope > 0.0 && best.is_none_or(|(_, most)| gain > most) {
                best = Some((down, gain));
            }
        }
        best.filter(|_| self.missing[up] - lowest > TOLERANCE).map(|(down, _)| (up, down))
    }

    /// Moves the coefficients of a pair by the best amount that their bounds allow.
    fn step(&mut self, up: usize, down: usize) {
        let kernel = self.kernel;
        let curvature = (kernel[(up, up)] + kernel[(down, down)] - 2.0 * kernel[(up, down)]).max(FLAT);
        let wanted = (self.missing[up] - self.missing[down]) / curvature;
        let room = |example: usize, grows: bool| {
            let multiplier = self.multipliers[example];
            if grows { self.cost - multiplier } else { multiplier }
        };
        let (up_grows, down_grows) = (self.signs[up] > 0.0, self.signs[down] < 0.0);
        let (room_up, room_down) = (room(up, up_grows), room(down, down_grows));
        let step = wanted.min(room_up).min(room_down);
        for (example, grows, room) in [(up, up_grows, room_up), (down, down_grows, room_down)] {
            // At a bound it is the bound to the bit: who may move is told by it.
            self.multipliers[example] = match (step == room, grows) {
                (true, true) => self.cost,
                (true, false) => 0.0,
                (false, true) => self.multipliers[example] + step,
                (false, false) => self.multipliers[example] - step,
            };
        }
        let columns = kernel.column(up).into_iter().zip(kernel.column(down));
        self.missing.iter_mut().zip(columns).for_each(|(missing, (up, down))| *missing -= step * (up - down));
    }

    fn solution(self) -> Solution {
        let coefficients = self.multipliers.iter().zip(self.signs).map(|(own, sign)| own * sign).collect();
        Solution { coefficients, bias: self.bias() }
    }

    /// What free examples miss without it; where none is free, the middle of what it may be.
    fn bias(&self) -> f64 {
        let missing = |may: &dyn Fn(usize) -> bool| -> Vec<f64> {
            (0..self.signs.len()).filter(|&own| may(own)).map(|own| self.missing[own]).collect()
        };
        let free = missing(&|own| self.may_grow(own) && self.may_shrink(own));
        if !free.is_empty() {
            return free.iter().sum::<f64>() / free.len() as f64;
        }
        let least = missing(&|own| self.may_grow(own)).into_iter().fold(f64::NEG_INFINITY, f64::max);
        let most = missing(&|own| self.may_shrink(own)).into_iter().fold(f64::INFINITY, f64::min);
        0.5 * (least + most)
    }
}
