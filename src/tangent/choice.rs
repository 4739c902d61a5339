//! The cost model that picks a contraction for each layer.

use crate::network::Parameters;
use serde::{Deserialize, Serialize};

/// How a layer's gradient rows are contracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contraction {
    /// Products of δ, weighted by products of inputs.
    Factored,
    /// Products of whole gradient rows.
    Materialised,
}

/// How many rows meet in a contraction.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Queries.
    pub queries: usize,
    /// Outputs C: gradient rows of a query and node.
    pub outputs: usize,
    /// Quadrature nodes.
    pub nodes: usize,
    /// Examples.
    pub examples: usize,
    /// Gradient rows of an example: C for the kernel, 1 for the attribution.
    pub copies: usize,
}

/// Floating-point operations of the factored contraction, two per multiply-add.
pub fn factored_flops(own: &Parameters, sizes: &Sizes) -> f64 {
    let pairs = (own.positions * own.positions) as f64;
    let base = (sizes.queries * sizes.nodes * sizes.examples) as f64;
    let rows = base * (sizes.outputs * sizes.copies) as f64;
    2.0 * pairs * (base * own.width as f64 + rows * (own.height + 1) as f64)
}

/// Floating-point operations of the materialised contraction, forming the rows included.
pub fn materialised_flops(own: &Parameters, sizes: &Sizes) -> f64 {
    let queries = (sizes.queries * sizes.outputs) as f64;
    let examples = (sizes.examples * sizes.copies) as f64;
    let forming = (queries * sizes.nodes as f64 + examples) * (own.positions * own.len()) as f64;
    2.0 * (forming + queries * examples * own.len() as f64)
}

/// The cheaper contraction of a layer. A layer_norm's rows are short: always materialised.
pub fn choose(own: &Parameters, sizes: &Sizes) -> Contraction {
    if own.is_norm() || materialised_flops(own, sizes) < factored_flops(own, sizes) {
        Contraction::Materialised
    } else {
        Contraction::Factored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(height: usize, width: usize, positions: usize) -> Parameters {
        Parameters { layer: 0, offset: 0, weight: vec![height, width], bias: height, height, width, positions }
    }

    #[test]
    fn wide_linear_layers_stay_factored_and_convolutions_are_materialised() {
        let sizes = Sizes { queries: 64, outputs: 10, nodes: 3, examples: 256, copies: 10 };
        assert_eq!(choose(&layer(512, 784, 1), &sizes), Contraction::Factored);
        assert_eq!(choose(&layer(8, 9, 64), &sizes), Contraction::Materialised);
    }
}
