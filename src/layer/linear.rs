//! `linear`: `x Wᵀ + b` on the last axis.

use super::{Lower, Reads, only};
use crate::graph::primitive::Affine;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, at};

/// `x Wᵀ + b` on the last axis; the axes before it are positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Outputs for each position.
    pub features: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Lower for Linear {
    const NAME: &'static str = "linear";
    const HELP: &'static str = "acts on the last axis; the axes before it are positions";
    const START: Self = Linear { features: 0, bias: true };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("features", "outputs for each position", at!(Linear.features, Count::from(1))),
        Key::new("bias", "whether a bias is added", at!(Linear.bias, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let affine = Affine::new(graph.shape(input), self.features, self.bias);
        graph.add(owner, affine, &[input])
    }
}
