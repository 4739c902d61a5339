//! What passes of rows through a network take.

use super::measured::MeasuredPasses;
use super::real;
use crate::compute::Rates;
use crate::graph::{Graph, Structure, Use};

/// How often a pass writes or reads each element that it keeps: measured on the examples.
const TOUCHED: f64 = 8.0;
/// Operations that a node runs in a pass, buffers that it takes among them.
const CALLS: f64 = 4.0;
/// What a product reads and writes of each element of its factors to lay it out.
const PACKED: f64 = 1.0;

/// The passes of a network on a device.
pub(super) struct Passes<'a> {
    pub network: &'a Graph,
    pub rates: &'a Rates,
    /// What was timed of them, where anything was.
    pub measured: Option<&'a MeasuredPasses>,
}

/// Positions of a base row, and sides of the matrix that each of them is multiplied by; `None` where that is no product.
fn matrix(one: &Use) -> Option<(f64, [f64; 2])> {
    match one.structure {
        Structure::Outer(_) => Some((real(one.structure.positions()), one.structure.sides().map(real))),
        Structure::Diagonal(_) | Structure::Rows(_) | Structure::Dense(_) => None,
    }
}

impl Passes<'_> {
    /// Seconds of a forward pass.
    pub fn forward(&self, rows: f64) -> f64 {
        let measured = self.measured.and_then(|measured| measured.forward(rows));
        measured.unwrap_or_else(|| self.products(rows, &|_| true) + self.rest(rows))
    }

    /// Seconds of a backward pass of so many gradient rows. None is handed on where nothing behind depends on parameters.
    pub fn backward(&self, rows: f64) -> f64 {
        let measured = self.measured.and_then(|measured| measured.backward(rows));
        let behind = |one: &Use| !self.network.has_constant_input(one);
        measured.unwrap_or_else(|| self.products(rows, &behind) + self.rest(rows))
    }

    /// Seconds of the gradient that rows with a δ each add up to: one row of weights, which a CPU forms with one thread.
    pub fn gradient(&self, rows: f64) -> f64 {
        let one = |(positions, [height, width]): (f64, [f64; 2])| rows * positions * height * width * self.rates.few;
        self.uses().filter_map(matrix).map(one).sum::<f64>() + self.calls()
    }

    /// Seconds of the products of gradients with a direction and of their bounds on rounding: of `rows` base rows, `copies` each.
    pub fn along(&self, rows: f64, copies: f64) -> f64 {
        let deltas: f64 = self.uses().map(|one| real(one.structure.delta_len())).sum();
        let inputs: f64 = self.uses().map(|one| real(one.structure.input_len())).sum();
        let dots = rows * (2.0 * copies * deltas + inputs) * self.rates.dot;
        self.products(rows, &|_| true) + dots + 2.0 * self.calls()
    }

    fn uses(&self) -> impl Iterator<Item = &Use> {
        self.network.blocks.iter().chain(&self.network.held).flat_map(|block| &block.uses)
    }

    /// Seconds of what an operation takes whatever it does, over all nodes.
    fn calls(&self) -> f64 {
        CALLS * real(self.network.nodes.len()) * self.rates.call
    }

    /// Seconds of a pass without its products with matrices: other products, and what it keeps is written and read some times over.
    fn rest(&self, rows: f64) -> f64 {
        let of_matrices: f64 = self.uses().filter_map(matrix).map(|(p, [height, width])| p * height * width).sum();
        let others = (real(self.network.multiply_adds()) - of_matrices).max(0.0);
        let elements = TOUCHED * real(self.network.forward_len());
        rows * (others * self.rates.few + elements * self.rates.element) + self.calls()
    }

    /// Seconds of the products of rows with the matrices of some uses.
    fn products(&self, rows: f64, of: &dyn Fn(&Use) -> bool) -> f64 {
        let one = |(positions, [height, width]): (f64, [f64; 2])| self.product(rows * positions, height, width);
        self.uses().filter(|one| of(one)).filter_map(matrix).map(one).sum()
    }

    /// Seconds of a product, with what is padded of it and what is laid out before.
    fn product(&self, rows: f64, columns: f64, depth: f64) -> f64 {
        let padding = self.rates.padding;
        let [rows, columns] = [padding.rows_of(rows), padding.columns_of(columns)];
        self.rates.product(rows * columns * depth) + PACKED * (rows + columns) * depth * self.rates.element
    }
}
