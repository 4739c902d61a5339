//! Biases that a normalisation by the batch takes out again, so that nothing depends on them in training.
//!
//! Their gradients are exactly zero, and rounding makes noise of them. An optimizer that divides gradients by their own sizes would
//! take steps of noise, and what examples contribute through them would be noise as well.

use super::primitive::{Kind, Primitive};
use super::{Block, Graph, NodeId, Structure, Table};
use crate::compute::{Backend, Result, SliceMut};
use std::ops::Range;

/// A vector of so many ones, with zeros in some places; `None` where there is no such place.
pub(crate) fn ones_but<B: Backend>(backend: &B, len: usize, places: &[Range<usize>]) -> Result<Option<B::Buffer>> {
    if places.is_empty() {
        return Ok(None);
    }
    let mut factors = backend.scratch(len)?;
    backend.fill(SliceMut::new(&mut factors, 0, len), 1.0)?;
    for place in places {
        backend.fill(SliceMut::new(&mut factors, place.start, place.len()), 0.0)?;
    }
    Ok(Some(factors))
}

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

    /// The places of trained numbers by which no loss is derived: silent ones, and the rows of tables that stand for padding.
    pub(crate) fn without_gradient(&self) -> Vec<Range<usize>> {
        let mut found = self.silent();
        for block in &self.blocks {
            if let Some(Structure::Rows(Table { padding: Some(row), width, .. })) =
                block.uses.first().map(|one| one.structure)
            {
                found.push(block.offset + row * width..block.offset + (row + 1) * width);
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
                    let (shape, source) = (self.shape(input), self.unshaped(input));
                    let column = shape.len() == own.shape.len() && shape[0] == channels;
                    if column && self.node_len(input) == channels && self.is_parameter(source) {
                        self.constants_of(source, channels, found);
                    } else if shape == own.shape.as_slice() {
                        self.constants_of(input, channels, found);
                    }
                }
            }
            _ => {}
        }
    }

    fn is_parameter(&self, node: NodeId) -> bool {
        node.checked_sub(1).is_some_and(|index| matches!(self.nodes[index].kind, Kind::Parameter(_)))
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

#[cfg(test)]
mod tests {
    use crate::graph::{Design, Graph, Roles};
    use crate::layer::{BatchNorm, Conv2d, Layer, LayerKind, Linear, Lower, Reshape, Statistics};

    fn norm() -> LayerKind {
        BatchNorm { statistics: Statistics::Batch, ..BatchNorm::START }.into()
    }

    fn linear(features: usize) -> LayerKind {
        Linear { features, bias: true }.into()
    }

    fn network(input: &[usize], kinds: Vec<LayerKind>, roles: Roles) -> Graph {
        let layers: Vec<Layer> = kinds.into_iter().map(Layer::new).collect();
        Design { roles, ..Design::new(input, &layers) }.build().expect("a network")
    }

    /// The tensors whose gradients are zero in training.
    fn silent(network: &Graph) -> Vec<&str> {
        let places = network.in_training().silent();
        let is_silent = |offset: usize| places.iter().any(|place| place.start == offset);
        network.tensors().filter(|tensor| is_silent(tensor.offset)).map(|tensor| tensor.name.as_str()).collect()
    }

    #[test]
    fn biases_before_a_norm_are_silent() {
        let kinds = || vec![linear(3), norm(), linear(2)];
        assert_eq!(silent(&network(&[4], kinds(), Roles::default())), ["0.bias"]);
        let conv = Conv2d::square(3, 2, 1, 0, true).into();
        assert_eq!(silent(&network(&[1, 4, 4], vec![conv, norm()], Roles::default())), ["0.bias"]);
    }

    /// A bias that is trained otherwise than its weight is a node of its own.
    #[test]
    fn biases_apart_are_silent() {
        let patterns = || vec!["*.bias".to_owned()];
        let grouped = Roles { groups: vec![patterns()], ..Roles::default() };
        let frozen = Roles { frozen: vec!["0.weight".to_owned()], ..Roles::default() };
        for roles in [grouped, frozen] {
            assert_eq!(silent(&network(&[4], vec![linear(3), norm(), linear(2)], roles.clone())), ["0.bias"]);
            let conv = Conv2d::square(3, 2, 1, 0, true).into();
            assert_eq!(silent(&network(&[1, 4, 4], vec![conv, norm()], roles)), ["0.bias"]);
        }
    }

    /// A number for each position is no constant of a channel.
    #[test]
    fn biases_of_positions_are_heard() {
        let kinds = |bias| vec![linear(8), Reshape { shape: vec![2, 2, 2] }.into(), norm(), bias];
        let heard = network(&[4], kinds(Reshape { shape: vec![8] }.into()), Roles::default());
        assert!(silent(&heard).is_empty());
        let roles = Roles { groups: vec![vec!["*.bias".to_owned()]], ..Roles::default() };
        assert!(silent(&network(&[4], kinds(Reshape { shape: vec![8] }.into()), roles)).is_empty());
    }
}
