//! `linear`: `x Wᵀ + b` on the last axis.

use super::{Inputs, Lower};
use crate::graph::primitive::Affine;
use crate::graph::{Graph, NodeId};

/// `x Wᵀ + b` on the last axis; the axes before it are positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Outputs for each position.
    pub features: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Lower for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let affine = Affine::new(graph.shape(inputs.named), self.features, self.bias);
        graph.add(layer, affine, &[inputs.named])
    }
}
