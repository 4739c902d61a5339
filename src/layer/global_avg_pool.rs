//! `global_avg_pool`: the mean of each channel.

use super::{Lower, Reads, only};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The mean of each channel: of the first axis, over all that follow.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalAvgPool;

impl Lower for GlobalAvgPool {
    const NAME: &'static str = "global_avg_pool";
    const HELP: &'static str = "the mean of each channel, over all axes after the first, which alone is left";
    const START: Self = GlobalAvgPool;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let pool = Pool::whole(graph.shape(input), Pooling::Average)?;
        graph.add(owner, pool, &[input])
    }
}
