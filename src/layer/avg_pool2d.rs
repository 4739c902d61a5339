//! `avg_pool2d`: the mean of each window.

use super::{Lower, Reads, only};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, at};

/// The mean of each window.
#[derive(Debug, Clone, PartialEq)]
pub struct AvgPool2d {
    /// Side of the window, and from one window to the next; a rest is dropped.
    pub kernel: usize,
}

impl Lower for AvgPool2d {
    const NAME: &'static str = "avg_pool2d";
    const HELP: &'static str = "the mean of each window";
    const START: Self = AvgPool2d { kernel: 0 };
    const KEYS: &'static [Key<Self>] = &[Key::required(
        "kernel",
        "side of the window, and from one window to the next; there is no padding, and a rest is dropped",
        at!(AvgPool2d.kernel, Count::from(1)),
    )];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let pool = Pool::new(graph.shape(input), self.kernel, Pooling::Average)?;
        graph.add(owner, pool, &[input])
    }
}
