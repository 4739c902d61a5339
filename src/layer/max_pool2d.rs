//! `max_pool2d`: the largest of each window.

use super::{Lower, Reads, only};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, at};

/// The largest of each window; of equal ones the first in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxPool2d {
    /// Side of the window, and from one window to the next; a rest is dropped.
    pub kernel: usize,
}

impl Lower for MaxPool2d {
    const NAME: &'static str = "max_pool2d";
    const HELP: &'static str = "the largest of each window; of equal ones the first in row order, as in PyTorch";
    const START: Self = MaxPool2d { kernel: 0 };
    const KEYS: &'static [Key<Self>] = &[Key::required(
        "kernel",
        "side of the window, and from one window to the next; there is no padding, and a rest is dropped",
        at!(MaxPool2d.kernel, Count::from(1)),
    )];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let pool = Pool::new(graph.shape(input), self.kernel, Pooling::Max)?;
        graph.add(owner, pool, &[input])
    }
}
