//! `offset`: every number plus one.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, Number, at};

/// Every number plus one.
#[derive(Debug, Clone, PartialEq)]
pub struct Offset {
    /// The number.
    pub by: f64,
}

impl Lower for Offset {
    const NAME: &'static str = "offset";
    const HELP: &'static str = "every number plus one";
    const START: Self = Offset { by: 0.0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("by", "the number", at!(Offset.by, Number::Any)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let offset = Rearrange::offset(graph.shape(input), self.by);
        graph.add(owner, offset, &[input])
    }
}
