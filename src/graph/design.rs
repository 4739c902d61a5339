//! A network before it is a graph: its input, its layers, and what is said of its tensors.

use super::{Graph, NodeId, Owner, Role, Roles};
use crate::key::near;
use crate::layer::{Layer, Reads, Source};
use std::collections::BTreeMap;

/// What a graph is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// The shape of one example.
    pub input: Vec<usize>,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// What is said of tensors by their names.
    pub roles: Roles,
}

/// A network that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum GraphError {
    /// A layer does not fit.
    #[error("model.layers[{layer}] ({kind}): {problem}")]
    Layer {
        /// The layer's index.
        layer: usize,
        /// The layer's type.
        kind: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// What another key says does not fit the layers.
    #[error("{key}: {problem}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

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
                let names: Vec<&str> = self.named.keys().map(String::as_str).collect();
                format!("from = {name:?} is not the name of an earlier layer{}", near(name, &names))
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

impl Design {
    /// Of an input of some shape and layers that are all trained.
    pub fn new(input: &[usize], layers: &[Layer]) -> Self {
        Self { input: input.to_vec(), layers: layers.to_vec(), roles: Roles::default() }
    }

    /// Builds the graph and works out every shape.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index; what is said of tensors that are not there, or of all.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let mut graph = Graph::empty(&self.input);
        graph.roles = self.roles.clone();
        let mut sources = Sources { outputs: vec![0], named: BTreeMap::new() };
        for (index, layer) in self.layers.iter().enumerate() {
            let failed = |problem| GraphError::Layer { layer: index, kind: layer.kind.name(), problem };
            let inputs = sources.of(layer).map_err(failed)?;
            let name = layer.name.clone().unwrap_or_else(|| index.to_string());
            let output = layer.kind.lower(&mut graph, &Owner { layer: index, name }, &inputs).map_err(failed)?;
            sources.add(layer, output).map_err(failed)?;
        }
        self.check(&graph)?;
        Ok(graph)
    }

    /// Fails where what is said of tensors leaves nothing to train, or is said of none.
    fn check(&self, graph: &Graph) -> Result<(), GraphError> {
        let names: Vec<&str> = graph.tensors().map(|tensor| tensor.name.as_str()).collect();
        self.roles.check(&names)?;
        if graph.blocks.is_empty() && graph.held.iter().any(|block| block.role == Role::Frozen) {
            let problem = "every parameter is frozen; there is nothing to train".to_owned();
            return Err(GraphError::Key { key: "model.frozen".into(), problem });
        }
        Ok(())
    }
}

impl Graph {
    /// Builds the graph of an input of some shape and of layers that are all trained.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index.
    pub fn new(input: &[usize], layers: &[Layer]) -> Result<Self, GraphError> {
        Design::new(input, layers).build()
    }
}
