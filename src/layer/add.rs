//! `add`: the sum of two layers' outputs.

use super::{Inputs, Lower};
use crate::graph::primitive;
use crate::graph::{Graph, NodeId};

/// The output of the layer before plus that of the one it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Add;

impl Lower for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn has_parameters(&self) -> bool {
        false
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let nodes = [inputs.before, inputs.named];
        let add = primitive::Add::new(&nodes.map(|node| graph.shape(node)))?;
        graph.add(layer, add, &nodes)
    }
}
