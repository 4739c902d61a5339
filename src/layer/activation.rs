//! Activations are layers by themselves.

use super::only;
use crate::activation::Activation;
use crate::graph::primitive::Pointwise;
use crate::graph::{Graph, NodeId, Owner};

/// Adds an activation's node; see [`Lower::lower`](super::Lower::lower).
pub(super) fn lower(kind: Activation, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
    let input = only(inputs)?;
    let pointwise = Pointwise::new(graph.shape(input), kind);
    graph.add(owner, pointwise, &[input])
}
