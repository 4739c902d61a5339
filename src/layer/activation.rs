//! Activations are layers by themselves.

use super::{Inputs, Lower};
use crate::activation::Activation;
use crate::graph::primitive::Pointwise;
use crate::graph::{Graph, NodeId};

impl Lower for Activation {
    fn name(&self) -> &'static str {
        Activation::name(*self)
    }

    fn has_parameters(&self) -> bool {
        false
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let pointwise = Pointwise::new(graph.shape(inputs.named), *self);
        graph.add(layer, pointwise, &[inputs.named])
    }
}
