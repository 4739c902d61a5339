//! `softmax`: `eˣ / Σ eˣ` along an axis.

use super::axes::axis;
use super::{Lower, Reads, only};
use crate::graph::primitive;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, Whole, at};

/// `eˣ / Σ eˣ` along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    /// The axis of an example.
    pub axis: i64,
}

impl Lower for Softmax {
    const NAME: &'static str = "softmax";
    const HELP: &'static str = "numbers above 0 with the sum 1 along an axis: e^x / Σ e^x";
    const START: Self = Softmax { axis: -1 };
    const KEYS: &'static [Key<Self>] =
        &[Key::new("axis", "the axis of an example, from 0, or from the last by negative numbers", at!(Softmax.axis, Whole))];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let softmax = primitive::Softmax::new(shape, axis(shape, self.axis)?)?;
        graph.add(owner, softmax, &[input])
    }
}
