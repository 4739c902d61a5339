//! Graphs are built node by node; every shape is worked out and checked on the way.

use super::primitive::{Built, Kind, Parameters, Primitive, Used};
use super::{Block, Graph, Node, NodeId, Tensor, Use};
use crate::layer::{Inputs, Layer};

/// A model that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("model.layers[{layer}] ({kind}): {problem}")]
pub struct GraphError {
    /// The layer's index.
    pub layer: usize,
    /// The layer's type.
    pub kind: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

/// Elements of one example's value at a node, at the most: devices count in 32 bits.
const MOST_ELEMENTS: usize = u32::MAX as usize;
/// Parameters at the most: more could not be counted with what they need.
const MOST_PARAMETERS: usize = 1 << 48;
/// Blocks start at multiples of this many elements, so that a device can bind them directly.
const ALIGNMENT: usize = 64;

impl Graph {
    /// Builds the graph of an input of some shape and works out every shape.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index.
    pub fn new(input: &[usize], layers: &[Layer]) -> Result<Self, GraphError> {
        let mut graph = Self::empty(input);
        // The output of each layer, after the input.
        let mut outputs: Vec<NodeId> = vec![0];
        for (index, layer) in layers.iter().enumerate() {
            let failed = |problem| GraphError { layer: index, kind: layer.kind.name(), problem };
            let output = |from: i64| {
                let earlier = usize::try_from(from + 1).ok().and_then(|place| outputs.get(place).copied());
                earlier.ok_or_else(|| format!("from = {from} is not an earlier layer; name one from -1 (the input) on"))
            };
            let before = outputs[index];
            let named = layer.from.map_or(Ok(before), output).map_err(failed)?;
            outputs.push(layer.kind.lower(&mut graph, index, Inputs { before, named }).map_err(failed)?);
        }
        Ok(graph)
    }

    /// A graph of no nodes: its output is its input.
    pub fn empty(input: &[usize]) -> Self {
        let outputs = input.iter().product();
        Self { input: input.to_vec(), nodes: Vec::new(), blocks: Vec::new(), len: 0, outputs }
    }

    /// Adds a node with parameters of its own where the primitive has any; `layer` is the layer that it belongs to, which
    /// gives them their names. The node becomes the output.
    ///
    /// # Errors
    ///
    /// Inputs that are no earlier nodes or have other shapes, and more elements than can be counted.
    pub fn add(&mut self, layer: usize, kind: impl Into<Kind>, inputs: &[NodeId]) -> Result<NodeId, String> {
        let kind = kind.into();
        let built = self.check(&kind, inputs)?;
        let used = match &built.parameters {
            None => Used::default(),
            Some(parameters) => self.add_block(layer, parameters)?,
        };
        Ok(self.push(kind, built, inputs, used))
    }

    /// Adds a node that shares the parameters of a block with the nodes that use it already.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add); a block that is not there, and one of other tensors than the primitive asks for.
    pub fn add_tied(&mut self, block: usize, kind: impl Into<Kind>, inputs: &[NodeId]) -> Result<NodeId, String> {
        let kind = kind.into();
        let built = self.check(&kind, inputs)?;
        let shared = self.blocks.get(block).ok_or_else(|| format!("there is no block {block} to share"))?;
        let wanted: Vec<&[usize]> = built.parameters.iter().flat_map(Parameters::shapes).collect();
        let shapes: Vec<&[usize]> = shared.tensors.iter().map(|tensor| tensor.shape.as_slice()).collect();
        if wanted != shapes {
            return Err(format!("it needs parameters of the shapes {wanted:?}; those to share have {shapes:?}"));
        }
        let used = Used { block, place: shared.uses.len(), offset: shared.offset };
        Ok(self.push(kind, built, inputs, used))
    }

    fn check(&self, kind: &Kind, inputs: &[NodeId]) -> Result<Built, String> {
        let built = kind.built();
        if let Some(node) = inputs.iter().find(|&&node| node > self.nodes.len()) {
            return Err(format!("node {node} is not an earlier one"));
        }
        let lens: Vec<usize> = inputs.iter().map(|&node| self.node_len(node)).collect();
        if lens != built.inputs {
            return Err(format!("its inputs have {lens:?} elements; it takes {:?}", built.inputs));
        }
        elements(&built.shape)?;
        Ok(built)
    }

    fn push(&mut self, kind: Kind, built: Built, inputs: &[NodeId], used: Used) -> NodeId {
        let node = self.nodes.len() + 1;
        let Built { shape, parameters, aliases, .. } = built;
        let storage = inputs.first().filter(|_| aliases).map_or(node, |&input| self.storage(input));
        let trained = parameters.is_some() || inputs.iter().any(|&input| self.is_trained(input));
        if let Some(Parameters { structure, .. }) = parameters {
            self.blocks[used.block].uses.push(Use { node, structure });
        }
        self.outputs = shape.iter().product();
        self.nodes.push(Node { kind, inputs: inputs.to_vec(), shape, storage, trained, used });
        node
    }

    /// Reserves the parameters of a node.
    fn add_block(&mut self, layer: usize, parameters: &Parameters) -> Result<Used, String> {
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let total = parameters.shapes().try_fold(0usize, |sum, shape| sum.checked_add(count(shape)?));
        if total.is_none_or(|total| total >= MOST_PARAMETERS) {
            let shape = parameters.shapes().next().unwrap_or_default();
            return Err(format!("weights of shape {shape:?} are more parameters than can be counted; make it smaller"));
        }
        let (block, offset) = (self.blocks.len(), self.len);
        let mut tensors: Vec<Tensor> = Vec::new();
        for drawn in &parameters.tensors {
            let (name, shape, initial) = (format!("{layer}.{}", drawn.name), drawn.shape.clone(), drawn.initial);
            let offset = tensors.last().map_or(offset, |before| before.offset + before.len());
            tensors.push(Tensor { name, shape, offset, initial });
        }
        self.blocks.push(Block { layer, offset, tensors, uses: Vec::new() });
        self.len = (offset + self.blocks[block].len()).next_multiple_of(ALIGNMENT);
        Ok(Used { block, place: 0, offset })
    }
}

/// How many elements a shape has.
///
/// # Errors
///
/// More than a device can count.
pub(super) fn elements(shape: &[usize]) -> Result<usize, String> {
    let count = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
    count.filter(|&count| count <= MOST_ELEMENTS).ok_or_else(|| {
        format!("one example has the shape {shape:?} there, more than {MOST_ELEMENTS} elements; make it smaller")
    })
}
