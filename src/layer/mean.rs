//! `mean`: the mean over axes.

use super::axes::{AXES, some_or_all};
use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Flag, Key, Optional, at};

/// The mean over axes of an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// The axes of an example; all without them.
    pub axes: Option<Vec<i64>>,
    /// Whether they stay, with length 1.
    pub keepdim: bool,
}

impl Lower for Mean {
    const NAME: &'static str = "mean";
    const HELP: &'static str = "the mean over axes of an example; without `axes`, over all";
    const START: Self = Mean { axes: None, keepdim: false };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("axes", "the axes of an example, from 0; without it, all", at!(Mean.axes, Optional(AXES))),
        Key::new("keepdim", "whether they stay, with length 1", at!(Mean.keepdim, Flag)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let mean = Rearrange::mean(shape, &some_or_all(shape, self.axes.as_deref())?, self.keepdim)?;
        graph.add(owner, mean, &[input])
    }
}
