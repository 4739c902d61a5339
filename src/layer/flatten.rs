//! `flatten`: everything as one axis.

use super::{Inputs, Lower};
use crate::graph::primitive::Reshape;
use crate::graph::{Graph, NodeId};
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
    const NEEDS_FROM: bool = false;

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let reshape = Reshape::flat(graph.shape(inputs.named));
        graph.add(layer, reshape, &[inputs.named])
    }
}
