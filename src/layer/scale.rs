//! `scale`: every number times one.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, Number, at};

/// Every number times one.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The number.
    pub by: f64,
}

impl Lower for Scale {
    const NAME: &'static str = "scale";
    const HELP: &'static str = "every number times one";
    const START: Self = Scale { by: 0.0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("by", "the number", at!(Scale.by, Number::Any)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let scale = Rearrange::scale(graph.shape(input), self.by);
        graph.add(owner, scale, &[input])
    }
}
