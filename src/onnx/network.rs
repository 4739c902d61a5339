//! The layers that a file becomes, and their shapes, which the engine's own graph works out.

use super::Refused;
use super::constant::Constant;
use super::value::{Place, Weight};
use crate::graph::primitive::Parameter as Raw;
use crate::graph::{Graph, Input, NodeId, Owner};
use crate::layer::{LayerKind, Parameter};

/// A layer, before it has a name.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub kind: LayerKind,
    pub from: Vec<Place>,
    /// Its tensors, by the layer's names for them.
    pub tensors: Vec<(&'static str, Weight)>,
}

/// The layers so far.
#[derive(Debug)]
pub(super) struct Network {
    pub inputs: Vec<Input>,
    pub steps: Vec<Step>,
    /// The arrays of layers of the type `constant`, each with the number of its step.
    pub constants: Vec<(usize, Constant)>,
    /// The same as a graph, in which every layer has tensors of its own.
    graph: Graph,
    inputs_at: Vec<NodeId>,
    steps_at: Vec<NodeId>,
}

impl Network {
    pub fn new(inputs: Vec<Input>) -> Result<Self, Refused> {
        let mut graph = Graph::empty(&[1]);
        let mut inputs_at = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            // Nothing that is trained, as an input is.
            let owner = Owner { layer: 0, name: format!("input {index}") };
            inputs_at.push(graph.add_fixed(owner, Raw::new(&input.shape)?, &[])?);
        }
        Ok(Self { inputs, steps: Vec::new(), constants: Vec::new(), graph, inputs_at, steps_at: Vec::new() })
    }

    /// The shape of one example of a value.
    pub fn shape(&self, place: Place) -> &[usize] {
        self.graph.shape(self.node(place))
    }

    fn node(&self, place: Place) -> NodeId {
        match place {
            Place::Input(index) => self.inputs_at[index],
            Place::Step(index) => self.steps_at[index],
        }
    }

    /// Adds a layer that reads some values and has some tensors.
    pub fn add(
        &mut self,
        kind: impl Into<LayerKind>,
        from: &[Place],
        tensors: Vec<(&'static str, Weight)>,
    ) -> Result<Place, Refused> {
        let kind = kind.into();
        if !kind.reads().allows(from.len()) {
            return Err(format!("gives {} values to a layer of type {}", from.len(), kind.name()).into());
        }
        let nodes: Vec<NodeId> = from.iter().map(|&place| self.node(place)).collect();
        let owner = Owner::from(self.steps.len());
        let node = kind.lower(&mut self.graph, &owner, &nodes)?;
        self.push(Step { kind, from: from.to_vec(), tensors }, node)
    }

    /// Adds an array that is the same for every example, of a shape.
    pub fn add_constant(&mut self, constant: &Constant) -> Result<Place, Refused> {
        let owner = Owner::from(self.steps.len());
        let kind = LayerKind::from(crate::layer::Constant { values: String::new() });
        let same =
            self.constants.iter().find(|(_, other)| other.shape == constant.shape && other.numbers == constant.numbers);
        if let Some((step, _)) = same {
            return Ok(Place::Step(*step));
        }
        let node = LayerKind::from(Parameter { shape: constant.shape.clone() }).lower(&mut self.graph, &owner, &[])?;
        self.constants.push((self.steps.len(), constant.clone()));
        self.push(Step { kind, from: Vec::new(), tensors: Vec::new() }, node)
    }

    fn push(&mut self, step: Step, node: NodeId) -> Result<Place, Refused> {
        self.steps.push(step);
        self.steps_at.push(node);
        Ok(Place::Step(self.steps.len() - 1))
    }
}
