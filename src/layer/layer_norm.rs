//! `layer_norm`: the last axis to mean 0 and variance 1, then a factor and a shift for each feature.

use super::{Inputs, Lower};
use crate::graph::primitive::{Normalize, ScaleShift};
use crate::graph::{Graph, NodeId};
use crate::key::Key;

/// The last axis to mean 0 and variance 1 (eps 1e-5), with weight and bias.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm;

impl Lower for LayerNorm {
    const NAME: &'static str = "layer_norm";
    const HELP: &'static str = "the last axis to mean 0 and variance 1 (eps 1e-5), with weight and bias";
    const START: Self = LayerNorm;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = true;
    const NEEDS_FROM: bool = false;

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let normalize = Normalize::about_mean(graph.shape(inputs.named));
        let normal = graph.add(layer, normalize, &[inputs.named])?;
        let scale = ScaleShift::new(graph.shape(normal), true);
        graph.add(layer, scale, &[normal])
    }
}
