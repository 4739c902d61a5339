/*!
Networks: a graph of layers, its forward pass and its backward pass, over any backend.

Node 0 is the network's input and node `i + 1` the output of layer `i`; every node names the nodes it reads, all of
them earlier. The parameters of all layers lie in one flat vector, each layer's weight and bias side by side in
PyTorch's order, each layer starting at a multiple of 64 elements.
*/

mod backward;
mod build;
mod directional;
mod forward;
mod initial;

pub use backward::Factor;
pub use build::GraphError;
pub use directional::Directional;
pub(crate) use forward::along;
pub use forward::{Forward, Segment};
pub use initial::{check_tensors, from_tensors};

use crate::activation::Activation;
use crate::compute::{Pooling, Window};

/// What a node computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// `x Wᵀ + b` on the last axis.
    Linear {
        /// Features in.
        width: usize,
        /// Features out.
        features: usize,
        /// Positions: the product of the axes before the last.
        positions: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// A convolution, as a product with patches.
    Conv2d {
        /// The window over the input.
        window: Window,
        /// Channels out.
        channels: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Pooling.
    Pool {
        /// The window over the input.
        window: Window,
        /// What it keeps.
        kind: Pooling,
    },
    /// The same numbers in another shape.
    Flatten,
    /// Normalisation of the last axis, with scale and shift.
    LayerNorm {
        /// Length of the last axis.
        width: usize,
        /// Product of the axes before it.
        positions: usize,
    },
    /// The sum of two nodes.
    Add,
    /// An elementwise function.
    Activation(Activation),
}

/// One layer in the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it computes.
    pub operation: Operation,
    /// The nodes that it reads.
    pub inputs: Vec<usize>,
    /// The shape of one example's output.
    pub shape: Vec<usize>,
    /// The node whose buffer holds the output: itself, but for `flatten`.
    storage: usize,
}

/// The parameters of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// The layer's index.
    pub layer: usize,
    /// The first element in the flat vector.
    pub offset: usize,
    /// Shape of the weight.
    pub weight: Vec<usize>,
    /// Length of the bias, 0 without one.
    pub bias: usize,
    /// Features of the gradient with respect to the output (0: a layer_norm).
    pub height: usize,
    /// Features of the input.
    pub width: usize,
    /// Positions that share the weight.
    pub positions: usize,
}

impl Parameters {
    /// Elements of the weight.
    pub fn weight_len(&self) -> usize {
        self.weight.iter().product()
    }

    /// Elements of weight and bias.
    pub fn len(&self) -> usize {
        self.weight_len() + self.bias
    }

    /// Never: a layer without parameters has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of one gradient row's δ: of every position.
    pub fn delta_len(&self) -> usize {
        self.positions * if self.is_norm() { self.width } else { self.height }
    }

    /// Whether this is a scale and shift, not a matrix.
    pub fn is_norm(&self) -> bool {
        self.height == 0
    }
}

/// A network's graph and the layout of its parameters.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The shape of one example.
    pub input: Vec<usize>,
    /// The layers, in order.
    pub nodes: Vec<Node>,
    /// The layers that have parameters, in order.
    pub parameters: Vec<Parameters>,
    /// Length of the flat parameter vector, gaps included.
    pub len: usize,
    /// C, the number of outputs.
    pub outputs: usize,
    /// Whether a node depends on parameters, by node.
    trained: Vec<bool>,
}

impl Graph {
    /// Elements of one example's input.
    pub fn input_len(&self) -> usize {
        self.input.iter().product()
    }

    /// Elements of one example's value at a node.
    pub(crate) fn node_len(&self, node: usize) -> usize {
        match node.checked_sub(1) {
            None => self.input_len(),
            Some(layer) => self.nodes[layer].shape.iter().product(),
        }
    }

    /// Whether a node's value depends on parameters.
    pub(crate) fn is_trained(&self, node: usize) -> bool {
        self.trained[node]
    }

    /// The node whose buffer holds a node's value.
    fn storage(&self, node: usize) -> usize {
        node.checked_sub(1).map_or(0, |layer| self.nodes[layer].storage)
    }

    /// The number of trained numbers, gaps excluded.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().map(Parameters::len).sum()
    }

    /// Whether a layer's input depends on no parameter: it is the same all along the path.
    pub fn has_constant_input(&self, own: &Parameters) -> bool {
        !self.trained[self.nodes[own.layer].inputs[0]]
    }

    /// Whether a layer is a linear one whose outputs are the network's: the gradient of output c with respect to its
    /// output is the unit vector c.
    pub fn is_last_linear(&self, own: &Parameters) -> bool {
        matches!(self.nodes[own.layer].operation, Operation::Linear { positions: 1, .. })
            && self.storage(self.nodes.len()) == own.layer + 1
    }

    /// Elements that one base row keeps during a forward pass.
    pub fn forward_len(&self) -> usize {
        let values: usize = (0..=self.nodes.len()).map(|node| self.node_len(node)).sum();
        let saved: usize = self.parameters.iter().map(|p| p.positions * (p.width + 1)).sum();
        values + saved
    }

    /// Elements of the widest array of a pass, per row.
    pub fn widest_row(&self) -> usize {
        let values = (0..=self.nodes.len()).map(|node| self.node_len(node));
        let factors = self.parameters.iter().map(|own| own.positions * own.width.max(own.height));
        values.chain(factors).max().unwrap_or(0)
    }

    /// Elements that one gradient row keeps at most during a backward pass.
    pub fn backward_len(&self) -> usize {
        let largest = (0..=self.nodes.len()).map(|node| self.node_len(node)).max().unwrap_or(0);
        let patches = self.parameters.iter().map(|p| p.positions * p.width.max(p.height)).max().unwrap_or(0);
        2 * (largest + patches) + self.outputs
    }
}
