//! What the influence says of the steps of a tile.

use super::larger;

/// Derivatives of a tile's readouts by the learning rates, and how λ grows on its way back through the steps; both empty where no
/// influence is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// `[queries, R, steps]`: ∂F/∂ε_s, by the rate of each step. Where groups of parameters have rates of their own, all of a step's
    /// rates change by the same factor, and ε is the first group's.
    pub rates: Vec<f64>,
    /// `[steps]`: the largest `‖λ_s‖ / ‖λ_S‖` of the tile's readouts, λ_s being the derivative by the weights before step s.
    pub growth: Vec<f64>,
}

impl Effects {
    /// Zeros, for so many values of queries and steps.
    pub fn new(values: usize, steps: usize) -> Self {
        Self { rates: vec![0.0; values * steps], growth: vec![0.0; steps] }
    }

    /// Adds the effects of a part of the queries, whose values begin at `first`.
    pub fn put(&mut self, first: usize, part: &Self) {
        let steps = self.growth.len();
        self.rates[first * steps..][..part.rates.len()].copy_from_slice(&part.rates);
        self.growth.iter_mut().zip(&part.growth).for_each(|(all, &own)| *all = larger(*all, own));
    }
}
