//! A network before it is a graph: its input, its layers, and what is said of its tensors.

use super::build::elements;
use super::primitive::Rearrange;
use super::{Graph, NodeId, Owner, Role, Roles};
use crate::key::near;
use crate::layer::{Layer, Reads, Source};
use std::collections::BTreeMap;
use std::ops::Range;

/// What a graph is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// The inputs of one example, whose numbers lie side by side in a row.
    pub inputs: Vec<Input>,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// What is said of tensors by their names.
    pub roles: Roles,
}

/// A part of an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What layers call it; none for the only one.
    pub name: Option<String>,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether it is of whole numbers, such as tokens.
    pub whole: bool,
}

impl Input {
    /// The only input of a network, of real numbers.
    pub fn only(shape: &[usize]) -> Self {
        Self { name: None, shape: shape.to_vec(), whole: false }
    }

    /// Its elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
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
#[derive(Default)]
struct Sources {
    /// The input, where there is one alone.
    input: Option<NodeId>,
    /// The output of each layer.
    outputs: Vec<NodeId>,
    /// Inputs and outputs with names.
    named: BTreeMap<String, NodeId>,
}

impl Sources {
    /// The nodes that a layer reads.
    fn of(&self, layer: &Layer) -> Result<Vec<NodeId>, String> {
        let reads = layer.kind.reads();
        let mut nodes: Vec<NodeId> = layer.from.iter().map(|source| self.find(source)).collect::<Result<_, _>>()?;
        if nodes.len() < reads.least() {
            let before = self.outputs.last().copied().or(self.input);
            nodes.insert(0, before.ok_or_else(|| format!("from: is required; name an input, {}", self.names()))?);
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
            Source::Index(-1) => {
                let several =
                    || format!("from = -1 is the only input, and there are several: name one, {}", self.names());
                self.input.ok_or_else(several)
            }
            Source::Index(index) => {
                let node = usize::try_from(*index).ok().and_then(|index| self.outputs.get(index).copied());
                node.ok_or_else(|| format!("from = {index} is not an earlier layer; name one from -1 (the input) on"))
            }
            Source::Name(name) => self.named.get(name).copied().ok_or_else(|| {
                let names: Vec<&str> = self.named.keys().map(String::as_str).collect();
                format!("from = {name:?} is not the name of an earlier layer or an input{}", near(name, &names))
            }),
        }
    }

    /// The names of all, for people.
    fn names(&self) -> String {
        self.named.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    fn add(&mut self, layer: &Layer, output: NodeId) -> Result<(), String> {
        self.outputs.push(output);
        let Some(name) = &layer.name else { return Ok(()) };
        match self.named.insert(name.clone(), output) {
            None => Ok(()),
            Some(_) => {
                Err(format!("name = {name:?} is that of an earlier layer or an input as well; give each its own"))
            }
        }
    }
}

impl Design {
    /// Of one input of some shape, and layers that are all trained.
    pub fn new(input: &[usize], layers: &[Layer]) -> Self {
        Self { inputs: vec![Input::only(input)], layers: layers.to_vec(), roles: Roles::default() }
    }

    /// Builds the graph and works out every shape.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index; what is said of tensors that are not there, or of all.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let (mut graph, mut sources) = self.begin()?;
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

    /// A graph of the inputs alone: the row itself where there is one, else a node for each part of the row.
    fn begin(&self) -> Result<(Graph, Sources), GraphError> {
        let wrong = |problem| GraphError::Key { key: "model.inputs".into(), problem };
        let mut sources = Sources::default();
        let lens =
            self.inputs.iter().map(|input| elements(&input.shape)).collect::<Result<Vec<usize>, _>>().map_err(wrong)?;
        let mut graph = match self.inputs.as_slice() {
            [only] => Graph::empty(&only.shape),
            _ => Graph::empty(&[lens.iter().sum()]),
        };
        (graph.inputs, graph.roles) = (self.inputs.clone(), self.roles.clone());
        for (place, input) in self.inputs.iter().enumerate() {
            let mut node = 0;
            if self.inputs.len() > 1 {
                let from: usize = lens[..place].iter().sum();
                node = part(&mut graph, from..from + lens[place], &input.shape).map_err(wrong)?;
            } else {
                sources.input = Some(0);
            }
            if let Some(name) = &input.name {
                sources.named.insert(name.clone(), node);
            }
        }
        Ok((graph, sources))
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

/// Adds the nodes of a part of the row of inputs, in its own shape.
fn part(graph: &mut Graph, range: Range<usize>, shape: &[usize]) -> Result<NodeId, String> {
    let slice = Rearrange::slice(&graph.input, 0, range, 1)?;
    let flat = graph.add(0, slice, &[0])?;
    let reshape = Rearrange::reshape(graph.shape(flat), shape)?;
    graph.add(0, reshape, &[flat])
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
