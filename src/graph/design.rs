//! A network before it is a graph: its input, its layers, and what is said of its tensors.

use super::build::elements;
use super::mode::{Modal, Mode};
use super::naming::Naming;
use super::primitive::Rearrange;
use super::{Graph, NodeId, Owner, Roles, View};
use crate::key::near;
use crate::layer::{Layer, Reads, Source};
use crate::plural::counted;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a graph is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// The inputs of one example, whose numbers lie side by side in a row.
    pub inputs: Vec<Input>,
    /// The layers, in order.
    pub layers: Vec<Layer>,
    /// The layer whose value is the output; the last one without it.
    pub output: Option<Source>,
    /// What is said of tensors by their names.
    pub roles: Roles,
    /// Where tensors are found in files that name them otherwise, by their own names.
    pub views: BTreeMap<String, View>,
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
    #[error("model.layers[{layer}]{} ({kind}): {problem}", quoted(name))]
    Layer {
        /// The layer's index.
        layer: usize,
        /// Its name.
        name: Option<String>,
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

/// A name for people, after a space; nothing where there is none.
fn quoted(name: &Option<String>) -> String {
    name.as_ref().map_or(String::new(), |name| format!(" {name:?}"))
}

/// A value that a layer may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Input(usize),
    Layer(usize),
}

/// The values that layers may read, by the names that they go by.
struct Places<'a> {
    inputs: usize,
    named: BTreeMap<&'a str, Place>,
}

impl<'a> Places<'a> {
    /// Those of a design.
    ///
    /// # Errors
    ///
    /// Two of one name.
    fn of(design: &'a Design) -> Result<Self, GraphError> {
        let mut named = BTreeMap::new();
        for (index, input) in design.inputs.iter().enumerate() {
            let Some(name) = input.name.as_deref() else { continue };
            let problem = if name.is_empty() {
                "an input's name is empty; give it one"
            } else if name.parse::<i64>().is_ok() {
                "a whole number is the index of a layer; give the input a name with a letter in it"
            } else if named.insert(name, Place::Input(index)).is_some() {
                "two inputs have this name; give each its own"
            } else {
                continue;
            };
            return Err(GraphError::Key { key: format!("model.inputs.{name:?}"), problem: problem.into() });
        }
        for (index, layer) in design.layers.iter().enumerate() {
            let Some(name) = layer.name.as_deref() else { continue };
            // A layer without a name goes by its index in the names of its tensors.
            let is_index = name.parse().is_ok_and(|other: usize| other != index && other < design.layers.len());
            if is_index || named.insert(name, Place::Layer(index)).is_some() {
                let problem = format!("name = {name:?} is that of another layer or input as well; give each its own");
                return Err(design.failed(index, problem));
            }
        }
        Ok(Self { inputs: design.inputs.len(), named })
    }

    /// What the layer of an index reads.
    fn read(&self, index: usize, layer: &Layer) -> Result<Vec<Place>, String> {
        let reads = layer.kind.reads();
        let mut places: Vec<Place> =
            layer.from.iter().map(|source| self.find(index, source)).collect::<Result<_, _>>()?;
        // A sum, a product or a row of values that names one has the layer before as its first; what tells its inputs apart,
        // as attention does, names them all.
        let takes_before = match reads {
            Reads::Exactly(count) => count == 1 && places.is_empty(),
            Reads::AtLeast(least) => least <= 2 && places.len() + 1 == least,
        };
        if takes_before {
            places.insert(0, self.before(index)?);
        }
        if reads.allows(places.len()) {
            return Ok(places);
        }
        let (kind, have) = (layer.kind.name(), counted(layer.from.len(), "layer"));
        Err(match reads {
            Reads::Exactly(count) => format!("from: names {have}, and {kind} reads {count}"),
            Reads::AtLeast(least) => format!("from: names {have}, and {kind} reads at least {least}"),
        })
    }

    /// What a layer reads that names nothing.
    fn before(&self, index: usize) -> Result<Place, String> {
        match (index.checked_sub(1), self.inputs) {
            (Some(before), _) => Ok(Place::Layer(before)),
            (None, 1) => Ok(Place::Input(0)),
            (None, _) => Err(format!("from: is required; name an input, {}", self.names())),
        }
    }

    /// The value that the layer of an index reads; it has to be an earlier one.
    fn find(&self, index: usize, source: &Source) -> Result<Place, String> {
        let earlier = |place: &Place| !matches!(place, Place::Layer(layer) if *layer >= index);
        match source {
            Source::Index(-1) if self.inputs == 1 => Ok(Place::Input(0)),
            Source::Index(-1) => {
                Err(format!("from = -1 is the only input, and there are several: name one, {}", self.names()))
            }
            Source::Index(number) => {
                let place = usize::try_from(*number).ok().map(Place::Layer).filter(earlier);
                place.ok_or_else(|| format!("from = {number} is not an earlier layer; name one from -1 (the input) on"))
            }
            Source::Name(name) => self.named.get(name.as_str()).copied().filter(earlier).ok_or_else(|| {
                let names: Vec<&str> =
                    self.named.iter().filter(|(_, place)| earlier(place)).map(|(name, _)| *name).collect();
                format!("from = {name:?} is not the name of an earlier layer or an input{}", near(name, &names))
            }),
        }
    }

    /// The names of all inputs, for people.
    fn names(&self) -> String {
        let inputs = self.named.iter().filter(|(_, place)| matches!(place, Place::Input(_)));
        inputs.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// The nodes of inputs and of the layers that are there.
struct Lowered {
    inputs: Vec<NodeId>,
    layers: Vec<Option<NodeId>>,
}

impl Lowered {
    fn of(&self, place: Place) -> NodeId {
        match place {
            Place::Input(index) => self.inputs[index],
            Place::Layer(index) => self.layers[index].unwrap_or(0),
        }
    }
}

impl Design {
    /// Of one input of some shape, and layers that are all trained.
    pub fn new(input: &[usize], layers: &[Layer]) -> Self {
        Self {
            inputs: vec![Input::only(input)],
            layers: layers.to_vec(),
            output: None,
            roles: Roles::default(),
            views: BTreeMap::new(),
        }
    }

    /// Builds the graph and works out every shape. Layers that the output does not depend on leave no nodes; their tensors are
    /// held, for files of weights to have them.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index; what is said of tensors that are not there, or of all.
    pub fn build(&self) -> Result<Graph, GraphError> {
        let places = Places::of(self)?;
        let read = |(index, layer)| places.read(index, layer).map_err(|problem| self.failed(index, problem));
        let reads: Vec<Vec<Place>> = self.layers.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        let last = self.last(&places)?;
        let needed = needed(&reads, last);
        let mut graph = self.build_in(Mode::Evaluation, &reads, &needed, last)?;
        self.check(&graph)?;
        if graph.modal.asked {
            graph.twin = Some(Box::new(self.build_in(Mode::Training, &reads, &needed, last)?));
        }
        Ok(graph)
    }

    /// The graph of one mode, from what each layer reads, whether the output needs it, and which value is the output.
    fn build_in(
        &self,
        mode: Mode,
        reads: &[Vec<Place>],
        needed: &[bool],
        last: Option<Place>,
    ) -> Result<Graph, GraphError> {
        let (mut graph, inputs) = self.begin()?;
        graph.modal = Modal::new(mode);
        let mut lowered = Lowered { inputs, layers: vec![None; self.layers.len()] };
        let (used, idle): (Vec<usize>, Vec<usize>) = (0..self.layers.len()).partition(|&index| needed[index]);
        for index in used {
            self.lower(index, &reads[index], &mut graph, &mut lowered)?;
        }
        let output = last.map_or(graph.output(), |last| lowered.of(last));
        graph.naming.idle = true;
        for index in idle {
            self.lower(index, &reads[index], &mut graph, &mut lowered)?;
        }
        graph.end_at(output);
        graph.views = self.views.clone();
        Ok(graph)
    }

    /// The value that is the output; `None` where there is no layer.
    fn last(&self, places: &Places<'_>) -> Result<Option<Place>, GraphError> {
        let Some(output) = &self.output else { return Ok(self.layers.len().checked_sub(1).map(Place::Layer)) };
        let found = match output {
            Source::Name(name) => places.named.get(name.as_str()).copied(),
            Source::Index(index) => {
                usize::try_from(*index).ok().filter(|&index| index < self.layers.len()).map(Place::Layer)
            }
        };
        found.filter(|place| matches!(place, Place::Layer(_))).map(Some).ok_or_else(|| {
            let names: Vec<&str> = self.layers.iter().filter_map(|layer| layer.name.as_deref()).collect();
            let (given, advice) = match output {
                Source::Name(name) => (format!("{name:?}"), near(name, &names)),
                Source::Index(index) => (index.to_string(), String::new()),
            };
            GraphError::Key { key: "model.output".into(), problem: format!("{given} is no layer{advice}") }
        })
    }

    /// Adds the nodes of a layer.
    fn lower(&self, index: usize, reads: &[Place], graph: &mut Graph, lowered: &mut Lowered) -> Result<(), GraphError> {
        let (layer, owner) = (&self.layers[index], self.owner(index));
        let inputs: Vec<NodeId> = reads.iter().map(|&place| lowered.of(place)).collect();
        let failed = |problem| self.failed(index, problem);
        lowered.layers[index] = Some(layer.kind.lower(graph, &owner, &inputs).map_err(failed)?);
        match layer.ties.iter().find(|(tensor, _)| !graph.naming.is_tied(&owner.tensor(tensor))) {
            None => Ok(()),
            Some((tensor, target)) => Err(failed(format!(
                "{tensor} = {target:?}: {} has no {tensor} to be tied; remove it",
                layer.kind.name()
            ))),
        }
    }

    fn owner(&self, index: usize) -> Owner {
        let name = self.layers[index].name.clone().unwrap_or_else(|| index.to_string());
        Owner { layer: index, name }
    }

    fn failed(&self, index: usize, problem: String) -> GraphError {
        let Layer { name, kind, .. } = &self.layers[index];
        GraphError::Layer { layer: index, name: name.clone(), kind: kind.name(), problem }
    }

    /// A graph of the inputs alone, and their nodes: the row itself where there is one, else a node for each part of the row.
    fn begin(&self) -> Result<(Graph, Vec<NodeId>), GraphError> {
        let wrong = |problem| GraphError::Key { key: "model.inputs".into(), problem };
        let shapes = self.inputs.iter().map(|input| elements(&input.shape));
        let lens: Vec<usize> = shapes.collect::<Result<_, _>>().map_err(wrong)?;
        let total = lens.iter().try_fold(0usize, |sum, &len| sum.checked_add(len)).unwrap_or(usize::MAX);
        elements(&[total]).map_err(wrong)?;
        let mut graph = match self.inputs.as_slice() {
            [only] => Graph::empty(&only.shape),
            _ => Graph::empty(&[total]),
        };
        let ties = self.layers.iter().enumerate().flat_map(|(index, layer)| {
            let owner = self.owner(index);
            layer.ties.iter().map(move |(tensor, target)| (owner.tensor(tensor), target.clone()))
        });
        graph.naming = Naming::new(&self.roles, ties);
        graph.inputs = self.inputs.clone();
        if self.inputs.len() == 1 {
            return Ok((graph, vec![0]));
        }
        let mut from = 0;
        let mut nodes = Vec::new();
        for (input, len) in self.inputs.iter().zip(lens) {
            nodes.push(part(&mut graph, from..from + len, &input.shape).map_err(wrong)?);
            from += len;
        }
        graph.input_nodes = nodes.clone();
        Ok((graph, nodes))
    }

    /// Fails where what is said of tensors leaves nothing to train, or is said of none.
    fn check(&self, graph: &Graph) -> Result<(), GraphError> {
        let own = graph.tensors().map(|tensor| tensor.name.as_str());
        let names: Vec<&str> = own.chain(graph.naming.ties()).collect();
        self.roles.check(&names)?;
        if let Some(unknown) = self.views.keys().find(|name| !names.contains(&name.as_str())) {
            let problem = format!("{unknown:?} is the name of no tensor{}", near(unknown, &names));
            return Err(GraphError::Key { key: "model.parameters".into(), problem });
        }
        if graph.blocks.is_empty() && !self.roles.frozen.is_empty() {
            let problem = "every parameter is frozen; there is nothing to train".to_owned();
            return Err(GraphError::Key { key: "model.frozen".into(), problem });
        }
        Ok(())
    }
}

/// Which layers a value depends on.
fn needed(reads: &[Vec<Place>], last: Option<Place>) -> Vec<bool> {
    let mut needed = vec![false; reads.len()];
    let mut open: Vec<Place> = last.into_iter().collect();
    while let Some(place) = open.pop() {
        if let Place::Layer(index) = place
            && !std::mem::replace(&mut needed[index], true)
        {
            open.extend(&reads[index]);
        }
    }
    needed
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
