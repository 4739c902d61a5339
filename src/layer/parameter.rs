//! `parameter`: a raw tensor, such as positions, a class token or scales.

use super::{Lower, Reads};
use crate::graph::primitive;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, List, at};

/// A value of its own, the same for every example; drawn normal with standard deviation 0.02.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The value's shape.
    pub shape: Vec<usize>,
}

impl Lower for Parameter {
    const NAME: &'static str = "parameter";
    const HELP: &'static str = "a tensor of its own, the same for every example; drawn normal with standard deviation 0.02";
    const START: Self = Parameter { shape: Vec::new() };
    const KEYS: &'static [Key<Self>] = &[Key::required(
        "shape",
        "its shape",
        at!(Parameter.shape, List { each: Count::from(1), takes: "a list of sizes, such as [64, 32]" }),
    )];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(0);

    fn lower(&self, graph: &mut Graph, owner: &Owner, _inputs: &[NodeId]) -> Result<NodeId, String> {
        graph.add(owner, primitive::Parameter::new(&self.shape)?, &[])
    }
}
