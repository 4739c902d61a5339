//! `matmul`: the matrix product of two layers.

use super::{Lower, Reads};
use crate::graph::primitive::MatrixProduct;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The matrix product of two values, as PyTorch's `matmul`.
#[derive(Debug, Clone, PartialEq)]
pub struct MatMul;

impl Lower for MatMul {
    const NAME: &'static str = "matmul";
    const HELP: &'static str = "the matrix product of two layers, [.., a, b] and [.., b, c] with the same axes before";
    const START: Self = MatMul;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(2);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let &[left, right] = inputs else { return Err(format!("reads two values, not {}", inputs.len())) };
        let product = MatrixProduct::new(graph.shape(left), graph.shape(right))?;
        graph.add(owner, product, inputs)
    }
}
