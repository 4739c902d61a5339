//! `layer_norm`: the last axis to mean 0 and variance 1, then a factor and a shift for each feature.

use super::{Lower, Reads, only};
use crate::graph::primitive::{Normalize, ScaleShift};
use crate::graph::{Graph, NodeId, Owner};
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
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let normalize = Normalize::about_mean(graph.shape(input));
        let normal = graph.add(owner, normalize, &[input])?;
        let scale = ScaleShift::new(graph.shape(normal), true);
        graph.add(owner, scale, &[normal])
    }
}
