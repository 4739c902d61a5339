//! `add`: the sum of two layers' outputs.

use super::{Inputs, Lower};
use crate::graph::primitive;
use crate::graph::{Graph, NodeId};
use crate::key::Key;

/// The output of the layer before plus that of the one it names.
#[derive(Debug, Clone, PartialEq)]
pub struct Add;

impl Lower for Add {
    const NAME: &'static str = "add";
    const HELP: &'static str = "the output of the layer before plus that of `from`, which must be given";
    const START: Self = Add;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const NEEDS_FROM: bool = true;

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let nodes = [inputs.before, inputs.named];
        let add = primitive::Add::new(&nodes.map(|node| graph.shape(node)))?;
        graph.add(layer, add, &nodes)
    }
}
