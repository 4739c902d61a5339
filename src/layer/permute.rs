//! `permute`: the axes in another order.

use super::axes::{AXES, axes};
use super::{Lower, Reads, only};
use crate::graph::primitive::Rearrange;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Key, at};

/// The axes of an example in another order.
#[derive(Debug, Clone, PartialEq)]
pub struct Permute {
    /// The input's axes, in the order of the value's.
    pub axes: Vec<i64>,
}

impl Lower for Permute {
    const NAME: &'static str = "permute";
    const HELP: &'static str = "the axes of an example in another order, the batch not counted: torch's (0, 2, 1) is [1, 0] here";
    const START: Self = Permute { axes: Vec::new() };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("axes", "the axes of the input, from 0, in their new order", at!(Permute.axes, AXES)),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let permute = Rearrange::permute(shape, &axes(shape, &self.axes)?)?;
        graph.add(owner, permute, &[input])
    }
}
