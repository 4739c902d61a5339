//! Biases that a normalisation by the batch takes out again, so that nothing depends on them in training.
//!
//! Their gradients are exactly zero, and rounding makes noise of them. An optimizer that divides gradients by their own sizes would
//! take steps of noise, and what examples contribute through them would be noise as well.

use super::primitive::{Kind, Primitive};
use super::{Block, Graph, NodeId};
use std::ops::Range;

impl Graph {
    /// The places, in the flat vector, of trained numbers whose gradients are zero whatever the examples.
    pub(crate) fn silent(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for node in &self.nodes {
            if let Kind::BatchNormalize(_) = &node.kind {
                self.constants_of(node.inputs[0], node.shape[0], &mut found);
            }
        }
        found
    }

    /// Finds the numbers that are added to a node's channels as they are, where nothing else reads the node.
    fn constants_of(&self, node: NodeId, channels: usize, found: &mut Vec<Range<usize>>) {
        let Some(own) = node.checked_sub(1).map(|index| &self.nodes[index]).filter(|_| self.readers(node) == 1) else {
            return;
        };
        let is_one = own.shape.len() == 1;
        match &own.kind {
            Kind::Affine(_) if is_one => found.extend(self.alone(node, "bias")),
            Kind::Convolve(_) => found.extend(self.alone(node, "bias")),
            Kind::Parameter(_) if is_one && own.shape[0] == channels => found.extend(self.alone(node, "")),
            kind if kind.name() == "add" => {
                for &input in &own.inputs {
                    let shape = self.shape(input);
                    let column = shape.len() == own.shape.len() && shape[0] == channels;
                    if shape == own.shape.as_slice() {
                        self.constants_of(input, channels, found);
                    } else if column && self.node_len(input) == channels {
                        self.constants_of(self.unshaped(input), channels, found);
                    }
                }
            }
            _ => {}
        }
    }

    /// How many nodes read a node's value.
    fn readers(&self, node: NodeId) -> usize {
        self.nodes.iter().flat_map(|reader| &reader.inputs).filter(|&&input| input == node).count()
    }

    /// The node of which one is another shape; itself where it is none, or where its source has other readers.
    fn unshaped(&self, node: NodeId) -> NodeId {
        match node.checked_sub(1).map(|index| &self.nodes[index]) {
            Some(own) if self.storage(node) != node && self.readers(node) == 1 => self.unshaped(own.inputs[0]),
            _ => node,
        }
    }

    /// The place of a node's last tensor whose name ends so, where the tensor is trained and no other node has it.
    fn alone(&self, node: NodeId, name: &str) -> Option<Range<usize>> {
        let used = self.nodes[node - 1].used;
        let block: &Block = self.blocks.get(used.block).filter(|_| !used.held)?;
        block.only_use()?;
        let tensor = block.tensors.last().filter(|tensor| tensor.name.ends_with(name))?;
        Some(tensor.offset..tensor.offset + tensor.len())
    }
}
