/*!
Graphs of primitives: the forward pass, the backward pass and derivatives along directions, over any backend.

Node 0 is the graph's input and node `i + 1` the output of [`Graph::nodes`]`[i]`; every node names the nodes that it reads, all
of them earlier. What a node computes is a [primitive]; the passes are loops over nodes and know nothing of kinds.

The parameters of all nodes lie in one flat vector. A [`Block`] is a stretch of it that is contracted together: the tensors of
a layer, side by side in PyTorch's order, from a multiple of 64 elements on. Several nodes may use the same block: its
gradient is the sum of its [uses](Use).
*/

mod backward;
mod build;
mod forward;
mod hessian;
mod initial;
pub mod primitive;
mod structure;
mod tangent;
mod tokens;

pub use backward::Factor;
pub use build::{GraphError, Owner};
pub use forward::{Forward, Segment};
pub use hessian::Seeds;
pub use initial::{Initial, check_tensors, from_tensors};
pub use structure::{Diagonal, Matrix, Structure, Table};
pub use tangent::Directional;

use primitive::{Kind, Magnitude, Primitive, Used};

/// The number of a node; 0 is the graph's input.
pub type NodeId = usize;

/// One value in the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// What computes it.
    pub kind: Kind,
    /// The nodes that it reads.
    pub inputs: Vec<NodeId>,
    /// The shape of one example's value.
    pub shape: Vec<usize>,
    /// The node whose buffer holds the value: itself, or where it is only another shape of its input, that one's.
    storage: NodeId,
    /// Whether the value depends on parameters.
    trained: bool,
    /// Where its own parameters lie.
    used: Used,
}

/// A parameter: a part of the flat vector with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// As in files of weights, such as `0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first element in the flat vector.
    pub offset: usize,
    /// How it is drawn.
    pub initial: Initial,
}

impl Tensor {
    /// Elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Parameters that lie side by side and whose gradients are contracted together.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The index of the layer that they belong to.
    pub layer: usize,
    /// The first element in the flat vector.
    pub offset: usize,
    /// The tensors, in order and without gaps.
    pub tensors: Vec<Tensor>,
    /// Where they are used. The gradient is the sum over all uses, each of which takes part in the whole of it.
    pub uses: Vec<Use>,
}

/// One node's use of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The node.
    pub node: NodeId,
    /// How its part of the gradient factors.
    pub structure: Structure,
}

impl Block {
    /// Elements of all tensors.
    pub fn len(&self) -> usize {
        self.tensors.iter().map(Tensor::len).sum()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The only use; `None` for tied parameters, whose gradient is a sum of products and no product itself.
    pub fn only_use(&self) -> Option<&Use> {
        let [only] = self.uses.as_slice() else { return None };
        Some(only)
    }
}

/// A graph and the layout of its parameters.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The shape of one example.
    pub input: Vec<usize>,
    /// The nodes after the input, in order. The last one's value is the output.
    pub nodes: Vec<Node>,
    /// The parameters, in order.
    pub blocks: Vec<Block>,
    /// Length of the flat parameter vector, gaps included.
    pub len: usize,
    /// C, the number of outputs.
    pub outputs: usize,
}

impl Graph {
    /// Elements of one example's input.
    pub fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// The shape of one example's value at a node.
    pub fn shape(&self, node: NodeId) -> &[usize] {
        node.checked_sub(1).map_or(&self.input, |index| &self.nodes[index].shape)
    }

    /// The last node, whose value is the output.
    pub fn output(&self) -> NodeId {
        self.nodes.len()
    }

    /// Elements of one example's value at a node.
    pub(crate) fn node_len(&self, node: NodeId) -> usize {
        self.shape(node).iter().product()
    }

    /// Whether a node's value depends on parameters.
    pub(crate) fn is_trained(&self, node: NodeId) -> bool {
        node.checked_sub(1).is_some_and(|index| self.nodes[index].trained)
    }

    /// The node whose buffer holds a node's value.
    fn storage(&self, node: NodeId) -> NodeId {
        node.checked_sub(1).map_or(0, |index| self.nodes[index].storage)
    }

    /// The number of trained numbers, gaps excluded.
    pub fn parameter_count(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// Every tensor, in the order of the flat vector.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.blocks.iter().flat_map(|block| &block.tensors)
    }

    /// Whether the input of a use depends on no parameter: it is the same all along the path.
    pub fn has_constant_input(&self, one: &Use) -> bool {
        one.node.checked_sub(1).is_none_or(|index| self.nodes[index].inputs.iter().all(|&node| !self.is_trained(node)))
    }

    /// Whether the outputs are `x Wᵀ + b` of one use, features side by side: the gradient of output c with respect to them is
    /// the unit vector c. That holds for the channels of a single position as well, for which it is not used.
    pub fn makes_outputs(&self, one: &Use) -> bool {
        let features = |index: usize| matches!(self.nodes[index].kind.magnitude(), Magnitude::Features(_));
        matches!(one.structure, Structure::Outer(Matrix { positions: 1, .. }))
            && self.storage(self.output()) == one.node
            && one.node.checked_sub(1).is_some_and(features)
    }

    /// Elements that one base row keeps during a forward pass.
    pub fn forward_len(&self) -> usize {
        let saved: usize = self.nodes.iter().map(|node| node.kind.work().kept).sum();
        self.value_lens().sum::<usize>() + saved
    }

    /// Elements of the widest array of a pass, per row.
    pub fn widest_row(&self) -> usize {
        self.value_lens().max().unwrap_or(0).max(self.widest_work())
    }

    /// Elements that one gradient row keeps at most during a backward pass.
    pub fn backward_len(&self) -> usize {
        2 * (self.value_lens().max().unwrap_or(0) + self.widest_work()) + self.outputs
    }

    /// Products of a forward pass of one row.
    pub fn multiply_adds(&self) -> usize {
        self.nodes.iter().map(|node| node.kind.work().multiply_adds).sum()
    }

    fn value_lens(&self) -> impl Iterator<Item = usize> {
        (0..=self.nodes.len()).map(|node| self.node_len(node))
    }

    fn widest_work(&self) -> usize {
        self.nodes.iter().map(|node| node.kind.work().widest).max().unwrap_or(0)
    }
}
