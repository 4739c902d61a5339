//! `group_norm`: groups of channels to mean 0 and variance 1, then a factor and a shift for each channel.

use super::{Lower, Reads, only};
use crate::graph::primitive::{Normalize, Rearrange, ScaleShift};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, Number, at};

/// Groups of channels to mean 0 and variance 1, with a weight and a bias for each channel: the first axis.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupNorm {
    /// How many groups the channels make up.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
}

impl Lower for GroupNorm {
    const NAME: &'static str = "group_norm";
    const HELP: &'static str = "groups of channels, the first axis, to mean 0 and variance 1, with weight and bias by channel";
    const START: Self = GroupNorm { groups: 1, eps: 1e-5, affine: true };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("groups", "how many groups the channels make up", at!(GroupNorm.groups, Count::from(1))),
        Key::new("eps", "added to the variance", at!(GroupNorm.eps, Number::NotNegative)),
        Key::new("affine", "whether a weight and a bias follow", at!(GroupNorm.affine, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input).to_vec();
        let groups = self.groups;
        let channels = shape.first().copied().filter(|channels| groups > 0 && channels % groups == 0);
        let Some(_) = channels else {
            return Err(format!("groups = {groups}: does not divide the channels, the first axis of an input of shape {shape:?}"));
        };
        let width = shape.iter().product::<usize>() / groups;
        let normalize = Normalize::about_mean(&shape).of_rows(width).with_eps(self.eps);
        let normal = graph.add(owner, normalize, &[input])?;
        if self.affine { by_channel(graph, owner, normal, |shape| ScaleShift::new(shape, true)) } else { Ok(normal) }
    }
}

/// Adds what acts on the last axis to a value whose channels come first.
pub(super) fn by_channel(
    graph: &mut Graph,
    owner: &Owner,
    input: NodeId,
    make: impl FnOnce(&[usize]) -> ScaleShift,
) -> Result<NodeId, String> {
    let axes = graph.shape(input).len();
    let last: Vec<usize> = (1..axes).chain([0]).collect();
    let first: Vec<usize> = (0..axes).map(|axis| (axis + axes - 1) % axes).collect();
    let turned = graph.add(owner, Rearrange::permute(graph.shape(input), &last)?, &[input])?;
    let own = make(graph.shape(turned));
    let node = graph.add(owner, own, &[turned])?;
    graph.add(owner, Rearrange::permute(graph.shape(node), &first)?, &[node])
}
