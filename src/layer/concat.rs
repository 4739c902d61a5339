//! `concat`: values side by side.

use super::axes::axis;
use super::{Lower, Reads};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, Whole, at};

/// Values side by side along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Concat {
    /// The axis of an example.
    pub axis: i64,
}

impl Lower for Concat {
    const NAME: &'static str = "concat";
    const HELP: &'static str = "the layers that `from` names side by side along an axis";
    const START: Self = Concat { axis: 0 };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("axis", "the axis of an example, from 0", at!(Concat.axis, Whole)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::AtLeast(2);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&node| graph.shape(node)).collect();
        let axis = axis(shapes.first().copied().unwrap_or_default(), self.axis)?;
        let concat = Rearrange::concat(&shapes, axis)?;
        graph.add(owner, concat, inputs)
    }
}
