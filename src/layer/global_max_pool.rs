//! `global_max_pool`: the largest of each channel.

use super::{Lower, Reads, only};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The largest of each channel: of the first axis, over all that follow.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalMaxPool;

impl Lower for GlobalMaxPool {
    const NAME: &'static str = "global_max_pool";
    const HELP: &'static str = "the largest of each channel, over all axes after the first, which alone is left";
    const START: Self = GlobalMaxPool;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let pool = Pool::whole(graph.shape(input), Pooling::Max)?;
        graph.add(owner, pool, &[input])
    }
}
