//! `multiply`: the product of layers' outputs.

use super::{Lower, Reads};
use crate::graph::primitive::{Product, Rearrange, broadcast_shape};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The product of the values it reads, element by element, broadcast to one shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiply;

impl Lower for Multiply {
    const NAME: &'static str = "multiply";
    const HELP: &'static str = "the product of the layers that `from` names, broadcast to one shape; of one, with the one before";
    const START: Self = Multiply;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::AtLeast(2);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&node| graph.shape(node)).collect();
        let shape = broadcast_shape(&shapes)?;
        let mut product: Option<NodeId> = None;
        for &input in inputs {
            let broadcast = Rearrange::broadcast(graph.shape(input), &shape)?;
            let factor = if graph.shape(input) == shape { input } else { graph.add(owner, broadcast, &[input])? };
            product = Some(match product {
                None => factor,
                Some(product) => graph.add(owner, Product::new(&shape), &[product, factor])?,
            });
        }
        product.ok_or_else(|| "there is nothing to multiply".to_owned())
    }
}
