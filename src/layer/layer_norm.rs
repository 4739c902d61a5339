//! `layer_norm`: the last axis to mean 0 and variance 1, then a factor and a shift for each feature.

use super::{Inputs, Lower};
use crate::graph::primitive::{Normalize, ScaleShift};
use crate::graph::{Graph, NodeId};

/// The last axis to mean 0 and variance 1 (eps 1e-5), with weight and bias.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm;

impl Lower for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let normalize = Normalize::about_mean(graph.shape(inputs.named));
        let normal = graph.add(layer, normalize, &[inputs.named])?;
        let scale = ScaleShift::new(graph.shape(normal), true);
        graph.add(layer, scale, &[normal])
    }
}
