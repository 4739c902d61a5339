//! Activations are layers by themselves.

use super::Inputs;
use crate::activation::Activation;
use crate::graph::primitive::Pointwise;
use crate::graph::{Graph, NodeId};

/// Adds an activation's node; see [`Lower::lower`](super::Lower::lower).
pub(super) fn lower(kind: Activation, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
    let pointwise = Pointwise::new(graph.shape(inputs.named), kind);
    graph.add(layer, pointwise, &[inputs.named])
}
