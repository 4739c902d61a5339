//! A file's graph, node by node, as layers.

use super::batch::Size;
use super::constant::{Constant, Number, Numbers};
use super::fold::fold;
use super::inputs::inputs;
use super::network::Network;
use super::ops;
use super::proto::{Graph, Node, Tensor, is_onnx, noted};
use super::value::{Batch, Flow, Place, Value, Weight, own};
use super::{Options, Refusal, Refused, tensor};
use crate::layer::{self, LayerKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Elements of all arrays that are known at once, at the most.
const MOST_KNOWN: usize = 1 << 26;

/// The key under which PyTorch notes whether a tensor is a parameter or a buffer.
const KIND: &str = "pkg.torch.export.graph_signature.InputSpec.kind";

/// The work of translating.
pub(super) struct Translation<'a> {
    graph: &'a Graph<'a>,
    folder: &'a Path,
    tensors: BTreeMap<&'a str, &'a Tensor<'a>>,
    values: BTreeMap<&'a str, Value>,
    /// How many nodes yet to come read a value.
    readers: BTreeMap<&'a str, usize>,
    /// The nodes that give values.
    makers: BTreeMap<&'a str, &'a Node<'a>>,
    /// Tensors that are a layer of their own, because nodes take parts of them that overlap.
    whole: &'a BTreeSet<String>,
    parameters: Vec<(Weight, Place)>,
    known: usize,
    pub size: Size,
    pub network: Network,
    pub refusals: Vec<Refusal>,
}

impl<'a> Translation<'a> {
    pub fn new(
        graph: &'a Graph<'a>,
        folder: &'a Path,
        options: &Options,
        whole: &'a BTreeSet<String>,
    ) -> Result<Self, Refused> {
        let tensors: BTreeMap<&str, &Tensor<'_>> =
            graph.initializers.iter().map(|tensor| (tensor.name, tensor)).collect();
        let mut makers = BTreeMap::new();
        let mut readers = BTreeMap::new();
        for node in &graph.nodes {
            makers.extend(node.outputs.iter().map(|&output| (output, node)));
            node.inputs.iter().for_each(|input| *readers.entry(*input).or_insert(0) += 1);
        }
        let (inputs, flows, size) = inputs(graph, &tensors, options)?;
        let network = Network::new(inputs)?;
        let values = flows.into_iter().map(|(name, flow)| (name, Value::Flow(flow))).collect();
        let mut translation = Self {
            graph,
            folder,
            tensors,
            values,
            readers,
            makers,
            whole,
            size,
            network,
            parameters: Vec::new(),
            known: 0,
            refusals: Vec::new(),
        };
        for tensor in &graph.initializers {
            let value = translation.initializer(tensor)?;
            translation.values.insert(tensor.name, value);
        }
        Ok(translation)
    }

    /// An initializer: a part of the file's tensors, or where it is of whole numbers, what it holds.
    fn initializer(&self, tensor: &Tensor<'_>) -> Result<Value, Refused> {
        let note =
            self.graph.infos.iter().find(|info| info.name == tensor.name).and_then(|info| noted(&info.notes, KIND));
        let shape = tensor.shape()?;
        if tensor::is_real(tensor.kind).is_none() {
            return Ok(Value::Lost);
        }
        let is_number = (shape.is_empty() && note.is_none()) || shape.contains(&0);
        tensor.check(self.folder)?;
        match tensor::is_real(tensor.kind) {
            Some(true) if is_number => Ok(Value::Known(tensor::constant_in(tensor, self.folder)?)),
            Some(true) => {
                Ok(Value::Weight(Weight::whole(tensor.name, &shape, note.is_none_or(|kind| kind == "PARAMETER"))))
            }
            _ => Ok(Value::Known(tensor::constant_in(tensor, self.folder)?)),
        }
    }

    /// Translates what an output depends on.
    pub fn run(&mut self, output: &'a str) -> Result<Flow, Refused> {
        let needed = needed(self.graph, &self.makers, output);
        for (index, node) in self.graph.nodes.iter().enumerate() {
            if needed[index] {
                self.node(node);
            }
            for input in &node.inputs {
                self.release(input, output);
            }
        }
        match self.values.get(output) {
            Some(Value::Flow(flow)) => Ok(flow.clone()),
            Some(Value::Lost) | None if !self.refusals.is_empty() => Err("is not known".into()),
            _ => Err(format!("the output {output:?} does not depend on an input").into()),
        }
    }

    fn node(&mut self, node: &'a Node<'a>) {
        let inputs: Vec<Option<Value>> = node.inputs.iter().map(|name| self.values.get(name).cloned()).collect();
        let lost = node
            .inputs
            .iter()
            .zip(&inputs)
            .any(|(name, value)| !name.is_empty() && matches!(value, None | Some(Value::Lost)));
        let outputs = if lost { Ok(Vec::new()) } else { self.outputs(node, &inputs) };
        let outputs = outputs.unwrap_or_else(|refused| {
            self.refusals.push(Refusal::of(node, refused));
            Vec::new()
        });
        let mut outputs = outputs.into_iter();
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            let mut value = outputs.next().unwrap_or(Value::Lost);
            if let Value::Known(constant) = &value {
                self.known += constant.len();
                if self.known > MOST_KNOWN {
                    self.refusals.push(Refusal::of(node, "makes more arrays than can be held at once".into()));
                    value = Value::Lost;
                }
            }
            self.values.insert(name, value);
        }
    }

    fn outputs(&mut self, node: &'a Node<'a>, inputs: &[Option<Value>]) -> Result<Vec<Value>, Refused> {
        if !is_onnx(node.domain) {
            return Err(format!(
                "is an operator of {:?}, and not of ONNX itself; export with PyTorch's own exporter (dynamo=True)",
                node.domain
            )
            .into());
        }
        if node.has_graphs() {
            return Err("chooses or repeats parts of the network at run time; let the module do without a condition \
 on its inputs"
                .into());
        }
        let constants: Option<Vec<Option<Constant>>> = inputs
            .iter()
            .map(|input| match input {
                None => Some(None),
                Some(value) => self.constant(value).map(Some),
            })
            .collect();
        if let Some(constants) = constants.filter(|constants| constants.iter().any(Option::is_some)) {
            let constants: Vec<Option<&Constant>> = constants.iter().map(Option::as_ref).collect();
            if let Some(folded) = fold(node, &constants) {
                return Ok(folded?.into_iter().map(Value::Known).collect());
            }
        }
        ops::outputs(self, node, inputs)
    }

    /// Forgets a value that no later node reads.
    fn release(&mut self, name: &str, output: &str) {
        let Some(left) = self.readers.get_mut(name) else { return };
        *left = left.saturating_sub(1);
        if *left == 0
            && name != output
            && let Some(Value::Known(constant)) = self.values.get(name)
        {
            self.known = self.known.saturating_sub(constant.len());
            self.values.remove(name);
        }
    }

    /// The node that gives a value.
    pub fn maker(&self, name: &str) -> Option<&'a Node<'a>> {
        self.makers.get(name).copied()
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// The shape of a tensor of the file.
    pub fn shape_of(&self, name: &str) -> Result<Vec<usize>, Refused> {
        self.tensors.get(name).ok_or("takes a tensor that is not there")?.shape()
    }

    /// The array that a value is, where it is known: a buffer is as well.
    pub fn constant(&self, value: &Value) -> Option<Constant> {
        match value {
            Value::Known(constant) => Some(constant.clone()),
            Value::Weight(weight) if !weight.trained => {
                let tensor = self.tensors.get(weight.view.tensor.as_str())?;
                let whole = tensor::constant_in(tensor, self.folder).ok()?;
                viewed(&whole, weight)
            }
            _ => None,
        }
    }

    /// A part of a tensor as a layer's own; `None` where the tensor is a layer of its own.
    pub fn own(&self, value: &Value) -> Option<Weight> {
        match value {
            Value::Weight(weight) if !self.whole.contains(&weight.view.tensor) => Some(weight.clone()),
            _ => None,
        }
    }

    /// A value as one of the network.
    pub fn flow(&mut self, value: &Value) -> Result<Flow, Refused> {
        match value {
            Value::Flow(flow) => Ok(flow.clone()),
            Value::Weight(weight) => self.parameter(weight),
            Value::Known(constant) => {
                let numbers = constant.known()?;
                if let Some(wrong) = numbers.iter().find(|number| !number.is_finite()) {
                    return Err(format!(
                        "takes an array that holds {wrong}, which is allowed only where it is added before a softmax"
                    )
                    .into());
                }
                let place = self.network.add_constant(constant)?;
                let whole = constant.kind != Numbers::Real;
                Ok(Flow { place, shape: constant.shape.clone(), batch: None, whole })
            }
            Value::Stack(parts, shape) => {
                let flows = parts.iter().map(|part| self.parameter(part)).collect::<Result<Vec<_>, _>>()?;
                let rows = flows.iter().map(|flow| flow.shape[0]).sum();
                let stacked = [&[rows], &flows[0].shape[1..]].concat();
                let places: Vec<Place> = flows.iter().map(|flow| flow.place).collect();
                let stack = self.layer(layer::Concat { axis: 0 }, &places, &stacked, None)?;
                self.reshaped(&stack, shape, None)
            }
            Value::List(_) => Err("takes a value, and is given a list".into()),
            Value::Lost => Err("takes a value that is not known".into()),
        }
    }

    /// A part of a tensor as a layer of its own.
    fn parameter(&mut self, weight: &Weight) -> Result<Flow, Refused> {
        let found = self.parameters.iter().find(|(own, _)| own == weight).map(|(_, place)| *place);
        let flow = |place| Flow { place, shape: weight.shape.clone(), batch: None, whole: false };
        if let Some(place) = found {
            return Ok(flow(place));
        }
        let is_part = weight.view.rows.is_some() || weight.view.transposed || weight.view.reshape.is_some();
        let place = if is_part && self.whole.contains(&weight.view.tensor) {
            self.part(weight)?.place
        } else {
            let kind = layer::Parameter { shape: weight.shape.clone() };
            self.network.add(kind, &[], vec![("weight", weight.clone())])?
        };
        self.parameters.push((weight.clone(), place));
        Ok(flow(place))
    }

    /// A part of a tensor that is a layer of its own.
    fn part(&mut self, weight: &Weight) -> Result<Flow, Refused> {
        let name = weight.view.tensor.as_str();
        let shape = self.shape_of(name)?;
        let mut flow = self.parameter(&Weight::whole(name, &shape, weight.trained))?;
        if let Some([start, stop]) = weight.view.rows {
            let slice = layer::Slice { axis: 0, start: start as i64, stop: Some(stop as i64), step: 1 };
            flow = self.layer(slice, &[flow.place], &[&[stop - start], &shape[1..]].concat(), None)?;
        }
        if weight.view.transposed {
            let turned: Vec<usize> = flow.shape.iter().rev().copied().collect();
            flow = self.layer(layer::Permute { axes: vec![1, 0] }, &[flow.place], &turned, None)?;
        }
        self.reshaped(&flow, &weight.shape, None)
    }

    /// Adds a layer without tensors whose value has some sides in the file.
    pub fn layer(
        &mut self,
        kind: impl Into<LayerKind>,
        from: &[Place],
        shape: &[usize],
        batch: Option<Batch>,
    ) -> Result<Flow, Refused> {
        self.layer_with(kind, from, Vec::new(), shape, batch)
    }

    /// Adds a layer with tensors.
    pub fn layer_with(
        &mut self,
        kind: impl Into<LayerKind>,
        from: &[Place],
        tensors: Vec<(&'static str, Weight)>,
        shape: &[usize],
        batch: Option<Batch>,
    ) -> Result<Flow, Refused> {
        let place = self.network.add(kind, from, tensors)?;
        let (found, wanted) = (self.network.shape(place), own(shape, batch));
        if found != wanted {
            return Err(format!("gives an example the shape {found:?}, and {wanted:?} was expected").into());
        }
        Ok(Flow { place, shape: shape.to_vec(), batch, whole: false })
    }

    /// The same numbers in another shape.
    pub fn reshaped(&mut self, flow: &Flow, shape: &[usize], batch: Option<Batch>) -> Result<Flow, Refused> {
        let (before, after) = (flow.own(), own(shape, batch));
        if before == after {
            return Ok(Flow { shape: shape.to_vec(), batch, ..flow.clone() });
        }
        let sides = after.iter().map(|&side| side as i64).collect();
        let reshaped = self.layer(layer::Reshape { shape: sides }, &[flow.place], shape, batch)?;
        Ok(Flow { whole: flow.whole, ..reshaped })
    }

    /// The size of an axis, which may hold the batch.
    pub fn side(&self, flow: &Flow, axis: usize) -> Number {
        let side = flow.shape[axis] as f64;
        match (flow.is_batch(axis), self.size) {
            (false, _) => side.into(),
            (true, Size::Open) => Number { fixed: 0.0, batches: side },
            (true, Size::Fixed(size)) => (side * size as f64).into(),
        }
    }
}

/// What a view of an array holds.
fn viewed(whole: &Constant, weight: &Weight) -> Option<Constant> {
    let mut array = whole.clone();
    if let Some([start, stop]) = weight.view.rows {
        array = array.taken(0, &(start..stop).collect::<Vec<_>>()).ok()?;
    }
    if weight.view.transposed {
        array = array.permuted(&[1, 0]).ok()?;
    }
    array.reshaped(&weight.shape).ok()
}

/// Which nodes an output depends on.
fn needed<'a>(graph: &'a Graph<'a>, makers: &BTreeMap<&'a str, &'a Node<'a>>, output: &'a str) -> Vec<bool> {
    let mut names = vec![output];
    let mut seen = BTreeSet::new();
    while let Some(name) = names.pop() {
        if let Some(node) = makers.get(name).filter(|_| seen.insert(name)) {
            names.extend(node.inputs.iter().copied().filter(|name| !name.is_empty()));
        }
    }
    graph.nodes.iter().map(|node| node.outputs.iter().any(|name| seen.contains(name))).collect()
}
