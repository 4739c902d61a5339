//! Graphs are built node by node; every shape is worked out and checked on the way.

use super::mode::{Modal, Mode};
use super::naming::{Naming, Ownership};
use super::primitive::{Bare, Built, Kind, Parameter, Parameters, Primitive, Rearrange, Used};
use super::{Block, Graph, Input, Node, NodeId, Role, Structure, Tensor, Use};
use crate::key::near;
use std::collections::BTreeMap;

/// Whose nodes are added: it gives their tensors the beginning of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The index of a layer.
    pub layer: usize,
    /// What the names of its tensors begin with.
    pub name: String,
}

impl Owner {
    /// The name of one of its tensors.
    pub(super) fn tensor(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }
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

impl Graph {
    /// A graph of no nodes: its output is its input.
    pub fn empty(input: &[usize]) -> Self {
        let outputs = input.iter().product();
        Self {
            input: input.to_vec(),
            inputs: vec![Input::only(input)],
            nodes: Vec::new(),
            blocks: Vec::new(),
            held: Vec::new(),
            len: 0,
            trained_len: 0,
            outputs,
            naming: Naming::default(),
            input_nodes: vec![0],
            views: BTreeMap::new(),
            follows_held: false,
            running: Vec::new(),
            modal: Modal::new(Mode::Evaluation),
            seed: 0,
            twin: None,
        }
    }

    /// Adds a node with parameters of its own where the primitive has any; its owner gives them their names, and their names
    /// say whether they are trained. The node becomes the output.
    ///
    /// # Errors
    ///
    /// Inputs that are no earlier nodes or have other shapes, and more elements than can be counted.
    pub fn add(&mut self, owner: impl Into<Owner>, kind: impl Into<Kind>, inputs: &[NodeId]) -> Result<NodeId, String> {
        let (owner, kind) = (owner.into(), kind.into());
        let built = self.check(&kind, inputs)?;
        let Some(parameters) = &built.parameters else {
            return Ok(self.push(kind, built, inputs, Used::default()));
        };
        let names: Vec<String> = parameters.tensors.iter().map(|drawn| owner.tensor(drawn.name)).collect();
        let used = match self.naming.of(&names) {
            Ownership::Own(role) => self.add_block(&owner, parameters, role)?,
            Ownership::Tied(target) => {
                let used = self.tied(target, parameters)?;
                self.naming.make(&names[0]);
                used
            }
            Ownership::Apart => return self.add_apart(&owner, &kind, inputs),
        };
        Ok(self.push(kind, built, inputs, used))
    }

    /// Adds a node without its bias, and the bias as a node of its own, added to the first one's value.
    fn add_apart(&mut self, owner: &Owner, kind: &Kind, inputs: &[NodeId]) -> Result<NodeId, String> {
        let Some(Bare { kind, bias, shape }) = kind.bare() else {
            let name = kind.name();
            return Err(format!("the tensors of {name} stay together: tie, freeze or group all of them alike"));
        };
        let value = self.add(owner, kind, inputs)?;
        let bias = self.add(owner, Parameter::new(&bias.shape)?.named(bias.name).drawn(bias.initial), &[])?;
        let reshape = Rearrange::reshape(self.shape(bias), &shape)?;
        let bias = self.add(owner, reshape, &[bias])?;
        let sum = Rearrange::add(&[self.shape(value), &shape])?;
        self.add(owner, sum, &[value, bias])
    }

    /// The use of the only tensor of an earlier block by a node that asks for one of its shape.
    fn tied(&self, target: &str, parameters: &Parameters) -> Result<Used, String> {
        let own = |block: &Block| matches!(block.tensors.as_slice(), [only] if only.name == target);
        let held = self.held.iter().position(own);
        let Some(block) = held.or_else(|| self.blocks.iter().position(own)) else {
            let names: Vec<&str> = self.tensors().map(|tensor| tensor.name.as_str()).collect();
            return Err(format!("{target:?} is not the name of an earlier layer's tensor{}", near(target, &names)));
        };
        let mut used = Used { block, held: held.is_some(), ..Used::default() };
        let shared = self.block(used);
        check_padding(shared, parameters)?;
        let (wanted, shape) = (parameters.shapes().next().unwrap_or_default(), &shared.tensors[0].shape);
        if wanted != shape.as_slice() {
            let drawn = parameters.tensors[0].name;
            return Err(format!(
                "{drawn}: has shape {wanted:?} here, and {target:?}, which it is tied to, has {shape:?}"
            ));
        }
        (used.place, used.offset) = (shared.uses.len(), shared.offset);
        Ok(used)
    }

    /// Adds a node whose tensors are no parameters: training leaves them as they are, whatever their names.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_fixed(
        &mut self,
        owner: impl Into<Owner>,
        kind: impl Into<Kind>,
        inputs: &[NodeId],
    ) -> Result<NodeId, String> {
        self.add_as(Role::Fixed, owner.into(), kind.into(), inputs)
    }

    /// Adds a node whose tensors are of a role, whatever their names.
    pub(super) fn add_as(&mut self, role: Role, owner: Owner, kind: Kind, inputs: &[NodeId]) -> Result<NodeId, String> {
        let built = self.check(&kind, inputs)?;
        let used = match &built.parameters {
            None => Used::default(),
            Some(parameters) => self.add_block(&owner, parameters, role)?,
        };
        Ok(self.push(kind, built, inputs, used))
    }

    /// Makes an earlier node the output, and drops all after it.
    pub(super) fn end_at(&mut self, output: NodeId) {
        self.nodes.truncate(output);
        self.outputs = self.node_len(output);
        let blocks = self.blocks.iter_mut().chain(&mut self.held);
        blocks.for_each(|block| block.uses.retain(|one| one.node <= output));
        self.running.retain(|running| running.normal <= output);
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
        built.parameters.iter().try_for_each(|parameters| check_padding(shared, parameters))?;
        let used = Used { block, held: false, place: shared.uses.len(), offset: shared.offset };
        Ok(self.push(kind, built, inputs, used))
    }

    /// Adds a node that shares the parameters of an earlier node, whatever training does with them.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add); an earlier node of other parameters than the primitive asks for.
    pub fn add_again(&mut self, earlier: NodeId, kind: impl Into<Kind>, inputs: &[NodeId]) -> Result<NodeId, String> {
        let kind = kind.into();
        let built = self.check(&kind, inputs)?;
        let node = earlier.checked_sub(1).and_then(|index| self.nodes.get(index));
        let node = node.ok_or_else(|| format!("node {earlier} has no parameters to share"))?;
        let shapes =
            |built: &Built| built.parameters.iter().flat_map(Parameters::shapes).map(<[usize]>::to_vec).collect();
        let (wanted, shared): (Vec<_>, Vec<_>) = (shapes(&built), shapes(&node.kind.built()));
        if wanted != shared || shared.is_empty() {
            return Err(format!("it needs parameters of the shapes {wanted:?}; those to share have {shared:?}"));
        }
        let used = node.used;
        let place = self.block_mut(used).uses.len();
        Ok(self.push(kind, built, inputs, Used { place, ..used }))
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
        if looked_up && self.reads(inputs, |node| node.drawn) {
            return Err(
                "it looks rows up by whole numbers, which dropout before it would change; put dropout behind it".into(),
            );
        }
        Ok(built)
    }

    fn push(&mut self, kind: Kind, built: Built, inputs: &[NodeId], used: Used) -> NodeId {
        let node = self.nodes.len() + 1;
        let Built { shape, parameters, aliases, draws, .. } = built;
        let storage = inputs.first().filter(|_| aliases).map_or(node, |&input| self.storage(input));
        let trained = self.depends(parameters.is_some(), used, inputs);
        let parametric = parameters.is_some() || self.reads(inputs, |node| node.parametric);
        let drawn = draws || self.reads(inputs, |node| node.drawn);
        if let Some(Parameters { structure, .. }) = parameters {
            self.block_mut(used).uses.push(Use { node, structure });
        }
        self.outputs = shape.iter().product();
        self.nodes.push(Node { kind, inputs: inputs.to_vec(), shape, storage, trained, parametric, drawn, used });
        node
    }

    /// Reserves the parameters of a node: trained ones behind those before, and others behind all.
    fn add_block(&mut self, owner: &Owner, parameters: &Parameters, role: Role) -> Result<Used, String> {
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        let total = parameters.shapes().try_fold(0usize, |sum, shape| sum.checked_add(count(shape)?));
        let Some(total) = total.filter(|&total| total < MOST_PARAMETERS) else {
            let shape = parameters.shapes().next().unwrap_or_default();
            return Err(format!("weights of shape {shape:?} are more parameters than can be counted; make it smaller"));
        };
        let offset = if role.is_held() { self.len } else { self.trained_len };
        let mut tensors: Vec<Tensor> = Vec::new();
        for drawn in &parameters.tensors {
            let (name, shape, initial) = (owner.tensor(drawn.name), drawn.shape.clone(), drawn.initial.clone());
            let offset = tensors.last().map_or(offset, |before| before.offset + before.len());
            tensors.push(Tensor { name, shape, offset, initial });
        }
        let room = total.next_multiple_of(ALIGNMENT);
        if !role.is_held() {
            self.move_held(room);
            self.trained_len += room;
        }
        self.len += room;
        let blocks = if role.is_held() { &mut self.held } else { &mut self.blocks };
        blocks.push(Block { layer: owner.layer, role, offset, tensors, uses: Vec::new() });
        Ok(Used { block: blocks.len() - 1, held: role.is_held(), place: 0, offset })
    }

    /// Moves the held parameters back, to make room for trained ones before them.
    fn move_held(&mut self, room: usize) {
        for block in &mut self.held {
            block.offset += room;
            block.tensors.iter_mut().for_each(|tensor| tensor.offset += room);
        }
        self.nodes.iter_mut().filter(|node| node.used.held).for_each(|node| node.used.offset += room);
    }

    /// The block that a node uses.
    pub(super) fn block(&self, used: Used) -> &Block {
        if used.held { &self.held[used.block] } else { &self.blocks[used.block] }
    }

    /// As [`block`](Self::block), to be changed.
    fn block_mut(&mut self, used: Used) -> &mut Block {
        if used.held { &mut self.held[used.block] } else { &mut self.blocks[used.block] }
    }
}

/// Fails where one use of a table leaves a row out of its gradient and another does not: the queries' rows, which are those of all
/// uses together, could not tell.
fn check_padding(shared: &Block, parameters: &Parameters) -> Result<(), String> {
    let padding = parameters.structure.padding();
    if shared.uses.iter().all(|one| one.structure.padding() == padding) {
        return Ok(());
    }
    let table = shared.tensors.first().map_or("", |tensor| &tensor.name);
    Err(format!(
        "padding_idx: {table:?} is shared by layers that do not leave the same row out of their gradients; give all of them the same \
         padding_idx or none, or a table of its own"
    ))
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
