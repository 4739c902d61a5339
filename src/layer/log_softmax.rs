//! `log_softmax`: `x - log Σ eˣ` along an axis.

use super::axes::axis;
use super::{Lower, Reads, only};
use crate::graph::primitive;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, Whole, at};

/// `x - log Σ eˣ` along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSoftmax {
    /// The axis of an example.
    pub axis: i64,
}

impl Lower for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    const HELP: &'static str = "the logarithm of softmax along an axis: x - log Σ e^x";
    const START: Self = LogSoftmax { axis: -1 };
    const KEYS: &'static [Key<Self>] =
        &[Key::new("axis", "the axis of an example, from 0, or from the last by negative numbers", at!(LogSoftmax.axis, Whole))];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let softmax = primitive::Softmax::log(shape, axis(shape, self.axis)?)?;
        graph.add(owner, softmax, &[input])
    }
}
