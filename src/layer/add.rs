//! `add`: the sum of layers' outputs.

use super::{Lower, Reads};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The sum of the values it reads, broadcast to one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Add;

impl Lower for Add {
    const NAME: &'static str = "add";
    const HELP: &'static str = "the sum of the layers that `from` names, broadcast to one shape; of one, that and the one before";
    const START: Self = Add;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::AtLeast(2);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&node| graph.shape(node)).collect();
        let add = Rearrange::add(&shapes)?;
        graph.add(owner, add, inputs)
    }
}
