/*!
Graphs of primitives: the forward pass, the backward pass and derivatives along directions, over any backend.

Node 0 is the graph's input and node `i + 1` the output of [`Graph::nodes`]`[i]`; every node names the nodes that it reads, all
of them earlier. What a node computes is a [primitive]; the passes are loops over nodes and know nothing of kinds.

The parameters of all nodes lie in one flat vector. A [`Block`] is a stretch of it that is contracted together: the tensors of
a layer, side by side in PyTorch's order, from a multiple of 64 elements on. Several nodes may use the same block: its
gradient is the sum of its [uses](Use).

What training leaves as it is lies behind the trained parameters, in blocks that are [held](Graph::held): frozen tensors, and
fixed ones such as running statistics. Their values are as much a part of the weights, but no pass shows their gradients, and a
node that depends on no others has no backward pass. Of a path whose held tensors move as well, [`Graph::following_held`] does.
Running statistics move in every training, and are always followed.

Where some layer acts otherwise in training, as dropout does, a graph is that of predictions, which queries meet, and has a twin
for training, [`Graph::in_training`], which examples meet. Both have the same parameters at the same places, used as often.
*/

mod backward;
mod build;
mod design;
mod drawing;
mod forward;
mod hessian;
mod initial;
mod masks;
mod mode;
mod naming;
mod pooled;
pub mod primitive;
mod roles;
mod running;
mod silent;
mod structure;
mod tangent;
mod tokens;
mod view;

pub use backward::Factor;
pub use build::Owner;
pub use design::{Design, GraphError, Input};
pub use drawing::Draw;
pub use forward::{Forward, Segment};
pub use hessian::{Backward, Turn};
pub use initial::{Initial, check_tensors, from_tensors};
pub use mode::Mode;
pub use pooled::Pooled;
pub use roles::{Role, Roles};
pub use running::Running;
pub(crate) use silent::ones_but;
pub use structure::{Diagonal, Matrix, Structure, Table};
pub use tangent::Directional;
pub use view::View;

use mode::Modal;
use naming::Naming;
use primitive::{Kind, Magnitude, Primitive, Used};

use std::collections::BTreeMap;
use std::ops::Range;

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
    /// Whether the value depends on trained parameters or on held ones that are followed.
    trained: bool,
    /// Whether the value depends on any parameters.
    parametric: bool,
    /// Whether the value depends on what a step draws.
    drawn: bool,
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

    /// Whether its values are given with the graph, so that a file of weights need not have it.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.initial, Initial::Values(_))
    }
}

/// Parameters that lie side by side and whose gradients are contracted together.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The index of the layer that they belong to.
    pub layer: usize,
    /// What training does with them.
    pub role: Role,
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
    /// The shape of one example: that of its input, or where there are several a row of all their elements.
    pub input: Vec<usize>,
    /// The inputs, whose elements lie side by side in that order.
    pub inputs: Vec<Input>,
    /// The nodes after the input, in order. The last one's value is the output.
    pub nodes: Vec<Node>,
    /// The trained parameters, in order.
    pub blocks: Vec<Block>,
    /// The others, in order.
    pub held: Vec<Block>,
    /// Length of the flat parameter vector, gaps included.
    pub len: usize,
    /// Length of its first part, of the trained parameters.
    pub trained_len: usize,
    /// C, the number of outputs.
    pub outputs: usize,
    /// What is said of tensors by their names.
    naming: Naming,
    /// The node that holds each input.
    input_nodes: Vec<NodeId>,
    /// Where tensors are found in files that name them otherwise, by their own names.
    views: BTreeMap<String, View>,
    /// Whether gradients of held parameters are taken as well.
    follows_held: bool,
    /// The running statistics that its passes move.
    running: Vec<Running>,
    modal: Modal,
    /// What is drawn from in training.
    seed: u64,
    /// The same network in training, where some layer acts otherwise there.
    twin: Option<Box<Graph>>,
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

    /// Whether a node's value depends on trained parameters or on held ones that are followed.
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

    /// The layers that have trained parameters, in order, each with its blocks. Where results are split by layer, they have one
    /// entry for each.
    pub fn layers(&self) -> Vec<Range<usize>> {
        let mut layers: Vec<Range<usize>> = Vec::new();
        for (number, block) in self.blocks.iter().enumerate() {
            match layers.last_mut().filter(|last| self.blocks[last.start].layer == block.layer) {
                Some(last) => last.end = number + 1,
                None => layers.push(number..number + 1),
            }
        }
        layers
    }

    /// Every tensor, in the order of the layers.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let mut blocks: Vec<&Block> = self.blocks.iter().chain(&self.held).collect();
        if !self.held.is_empty() {
            blocks.sort_by_key(|block| block.layer);
        }
        blocks.into_iter().flat_map(|block| &block.tensors)
    }

    /// The names that a tensor goes by: its own, and those of tensors that are tied to it.
    pub fn names<'a>(&'a self, tensor: &'a Tensor) -> impl Iterator<Item = &'a str> {
        std::iter::once(tensor.name.as_str()).chain(self.naming.aliases(&tensor.name))
    }

    /// The same, taking gradients of held parameters as well: for a path on which they move.
    pub fn following_held(mut self) -> Self {
        self.follows_held = true;
        for index in 0..self.nodes.len() {
            let Node { kind, inputs, used, .. } = &self.nodes[index];
            self.nodes[index].trained = self.depends(kind.built().parameters.is_some(), *used, inputs);
        }
        self
    }

    /// Whether gradients of held parameters are taken as well.
    pub fn follows_held(&self) -> bool {
        self.follows_held
    }

    /// Whether a node with or without parameters moves.
    fn depends(&self, has_parameters: bool, used: Used, inputs: &[NodeId]) -> bool {
        let own = has_parameters && (self.follows_held || !used.held || self.block(used).role == Role::Running);
        own || inputs.iter().any(|&input| self.is_trained(input))
    }

    /// Whether the input of a use depends on no parameter, nor on what steps draw: it is the same all along the path.
    pub fn has_constant_input(&self, one: &Use) -> bool {
        one.node
            .checked_sub(1)
            .is_none_or(|index| !self.reads(&self.nodes[index].inputs, |node| node.parametric || node.drawn))
    }

    /// Whether any of some nodes is such a one; the graph's input is not.
    fn reads(&self, nodes: &[NodeId], such: impl Fn(&Node) -> bool) -> bool {
        nodes.iter().any(|node| node.checked_sub(1).is_some_and(|index| such(&self.nodes[index])))
    }

    /// Whether the outputs are `x Wᵀ + b` of one use, features side by side: the gradient of output c with respect to them is
    /// the unit vector c. That holds for the channels of a single position as well, for which it is not used.
    pub fn makes_outputs(&self, one: &Use) -> bool {
        let features = |index: usize| matches!(self.nodes[index].kind.magnitude(), Magnitude::Features(_));
        matches!(one.structure, Structure::Outer(Matrix { positions: 1, .. }))
            && self.storage(self.output()) == one.node
            && one.node.checked_sub(1).is_some_and(features)
    }

    /// Whether a use has one position, and each of its features reaches the outputs by elementwise functions and a last linear
    /// layer alone: δ of output c is then `W_c ∘ s`, s the same for all outputs.
    pub fn scales_outputs(&self, one: &Use) -> bool {
        let mut node = one.node;
        while let Some(reader) = self.only_reader(node).filter(|_| one.structure.positions() == 1) {
            node = reader + 1;
            match self.nodes[reader].kind {
                Kind::Pointwise(_) => {}
                Kind::Affine(ref last) => return last.is_vector() && self.storage(self.output()) == node,
                _ => return false,
            }
        }
        false
    }

    /// The block of a factor.
    pub(crate) fn block_of<T>(&self, factor: &Factor<'_, T>) -> &Block {
        if factor.held { &self.held[factor.block] } else { &self.blocks[factor.block] }
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
