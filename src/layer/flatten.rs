//! `flatten`: everything as one axis.

use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The numbers of an example as one axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Flatten;

impl Lower for Flatten {
    const NAME: &'static str = "flatten";
    const HELP: &'static str = "everything after the first axis as one axis";
    const START: Self = Flatten;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let reshape = Rearrange::flat(graph.shape(input));
        graph.add(owner, reshape, &[input])
    }
}
