//! `flatten`: everything as one axis.

use super::{Inputs, Lower};
use crate::graph::primitive::Reshape;
use crate::graph::{Graph, NodeId};

/// The numbers of an example as one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Flatten;

impl Lower for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }

    fn has_parameters(&self) -> bool {
        false
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let reshape = Reshape::flat(graph.shape(inputs.named));
        graph.add(layer, reshape, &[inputs.named])
    }
}
