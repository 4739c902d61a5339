//! `matmul`: the matrix product of two layers.

use super::{Lower, Reads, stretched};
use crate::graph::primitive::{MatrixProduct, Rearrange};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The matrix product of two values, as PyTorch's `matmul`.
#[derive(Debug, Clone, PartialEq)]
pub struct MatMul;

impl Lower for MatMul {
    const NAME: &'static str = "matmul";
    const HELP: &'static str = "the matrix product of two layers, [.., a, b] and [.., b, c], whose axes before are broadcast";
    const START: Self = MatMul;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(2);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let &[left, right] = inputs else { return Err(format!("reads two values, not {}", inputs.len())) };
        let shapes = MatrixProduct::stretched(graph.shape(left), graph.shape(right))?;
        let is_line = graph.shape(left).len() == 1 && shapes[0].len() > 1;
        let factors =
            [stretched(graph, owner, left, &shapes[0])?, stretched(graph, owner, right, &shapes[1])?];
        let product = MatrixProduct::new(&shapes[0], &shapes[1])?;
        let product = graph.add(owner, product, &factors)?;
        if !is_line {
            return Ok(product);
        }
        // As in PyTorch, the axis of the one line falls away.
        let mut shape = graph.shape(product).to_vec();
        shape.remove(shape.len() - 2);
        let reshape = Rearrange::reshape(graph.shape(product), &shape)?;
        graph.add(owner, reshape, &[product])
    }
}
