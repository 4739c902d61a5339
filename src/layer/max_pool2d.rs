//! `max_pool2d`: the largest of each window.

use super::{Inputs, Lower};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId};

/// The largest of each window; of equal ones the first in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxPool2d {
    /// Side of the window, and from one window to the next; a rest is dropped.
    pub kernel: usize,
}

impl Lower for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn has_parameters(&self) -> bool {
        false
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let pool = Pool::new(graph.shape(inputs.named), self.kernel, Pooling::Max)?;
        graph.add(layer, pool, &[inputs.named])
    }
}
