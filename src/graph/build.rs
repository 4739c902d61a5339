//! Graphs are built node by node; every shape is worked out and checked on the way.

use super::primitive::{Built, Kind, Parameters, Primitive, Used};
use super::{Block, Graph, Node, NodeId, Structure, Tensor, Use};
use crate::key::nearest;
use crate::layer::{Layer, Reads, Source};
use std::collections::BTreeMap;

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

/// Whose nodes are added: it gives their tensors the beginning of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The index of a layer.
    pub layer: usize,
    /// What the names of its tensors begin with.
    pub name: String,
}

impl From<usize> for Owner {
    fn from(layer: usize) -> Self {
        Self { layer, name: layer.to_string() }
    }
}

impl From<&Owner> for Owner {
    fn from(owner: &Owner) -> Self {
        owner.clone()
    }
}

/// Elements of one example's value at a node, at the most: devices count in 32 bits.
const MOST_ELEMENTS: usize = u32::MAX as usize;
/// Parameters at the most: more could not be counted with what they need.
const MOST_PARAMETERS: usize = 1 << 48;
/// Blocks start at multiples of this many elements, so that a device can bind them directly.
const ALIGNMENT: usize = 64;

/// The values that a layer may read.
struct Sources {
    /// The output of each layer, after the input.
    outputs: Vec<NodeId>,
    /// Those with names.
    named: BTreeMap<String, NodeId>,
}

impl Sources {
    /// The nodes that a layer reads.
    fn of(&self, layer: &Layer) -> Result<Vec<NodeId>, String> {
        let reads = layer.kind.reads();
        let mut nodes: Vec<NodeId> = layer.from.iter().map(|source| self.find(source)).collect::<Result<_, _>>()?;
        if nodes.len() < reads.least() {
            nodes.insert(0, self.outputs[self.outputs.len() - 1]);
        }
        if reads.allows(nodes.len()) {
            return Ok(nodes);
        }
        let (kind, have) = (layer.kind.name(), layer.from.len());
        Err(match reads {
            Reads::Exactly(count) => format!("from: names {have} layers, and {kind} reads {count}"),
            Reads::AtLeast(least) => format!("from: names {have} layers, and {kind} reads at least {least}"),
        })
    }

    fn find(&self, source: &Source) -> Result<NodeId, String> {
        match source {
            Source::Index(index) => {
                let place = index.checked_add(1).and_then(|place| usize::try_from(place).ok());
                place
                    .and_then(|place| self.outputs.get(place).copied())
                    .ok_or_else(|| format!("from = {index} is not an earlier layer; name one from -1 (the input) on"))
            }
            Source::Name(name) => self.named.get(name).copied().ok_or_else(|| {
                let near = nearest(name, self.named.keys().map(String::as_str));
                format!("from = {name:?} is not the name of an earlier layer{}", did_you_mean(near))
            }),
        }
    }

    fn add(&mut self, layer: &Layer, output: NodeId) -> Result<(), String> {
        self.outputs.push(output);
        let Some(name) = &layer.name else { return Ok(()) };
        match self.named.insert(name.clone(), output) {
            None => Ok(()),
            Some(_) => Err(format!("name = {name:?} is an earlier layer's as well; give each its own")),
        }
    }
}

/// Advice for a word that is not known, where something is near.
fn did_you_mean(near: &str) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {near:?}?") }
}

impl Graph {
    /// Builds the graph of an input of some shape and works out every shape.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index.
    pub fn new(input: &[usize], layers: &[Layer]) -> Result<Self, GraphError> {
        let mut graph = Self::empty(input);
        let mut sources = Sources { outputs: vec![0], named: BTreeMap::new() };
        for (index, layer) in layers.iter().enumerate() {
            let failed = |problem| GraphError { layer: index, kind: layer.kind.name(), problem };
            let inputs = sources.of(layer).map_err(failed)?;
            let name = layer.name.clone().unwrap_or_else(|| index.to_string());
            let output = layer.kind.lower(&mut graph, &Owner { layer: index, name }, &inputs).map_err(failed)?;
            sources.add(layer, output).map_err(failed)?;
        }
        Ok(graph)
    }

    /// A graph of no nodes: its output is its input.
    pub fn empty(input: &[usize]) -> Self {
        let outputs = input.iter().product();
        Self { input: input.to_vec(), nodes: Vec::new(), blocks: Vec::new(), len: 0, outputs }
    }

    /// Adds a node with parameters of its own where the primitive has any; its owner gives them their names. The node becomes
    /// the output.
    ///
    /// # Errors
    ///
    /// Inputs that are no earlier nodes or have other shapes, and more elements than can be counted.
    pub fn add(&mut self, owner: impl Into<Owner>, kind: impl Into<Kind>, inputs: &[NodeId]) -> Result<NodeId, String> {
        let kind = kind.into();
        let built = self.check(&kind, inputs)?;
        let used = match &built.parameters {
            None => Used::default(),
            Some(parameters) => self.add_block(&owner.into(), parameters)?,
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
        let looked_up = built.parameters.as_ref().is_some_and(|own| matches!(own.structure, Structure::Rows(_)));
        if looked_up && inputs.iter().any(|&node| self.is_trained(node)) {
            return Err(
                "it looks rows up by whole numbers, and its input depends on parameters; let it read an input".into()
            );
        }
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
    fn add_block(&mut self, owner: &Owner, parameters: &Parameters) -> Result<Used, String> {
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let total = parameters.shapes().try_fold(0usize, |sum, shape| sum.checked_add(count(shape)?));
        if total.is_none_or(|total| total >= MOST_PARAMETERS) {
            let shape = parameters.shapes().next().unwrap_or_default();
            return Err(format!("weights of shape {shape:?} are more parameters than can be counted; make it smaller"));
        }
        let (block, offset) = (self.blocks.len(), self.len);
        let mut tensors: Vec<Tensor> = Vec::new();
        for drawn in &parameters.tensors {
            let (name, shape, initial) = (format!("{}.{}", owner.name, drawn.name), drawn.shape.clone(), drawn.initial);
            let offset = tensors.last().map_or(offset, |before| before.offset + before.len());
            tensors.push(Tensor { name, shape, offset, initial });
        }
        self.blocks.push(Block { layer: owner.layer, offset, tensors, uses: Vec::new() });
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
