//! From a list of layers to a graph with shapes.

use super::{Graph, Node, Operation, Parameters};
use crate::compute::{Pooling, Window};
use crate::layer::{Layer, LayerKind};

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

/// Elements of one example's value at a layer, at the most: devices count in 32 bits.
const MOST_ELEMENTS: usize = u32::MAX as usize;
/// Parameters at the most: more could not be counted with what they need.
const MOST_PARAMETERS: usize = 1 << 48;
/// Layers start at multiples of this many elements, so that a device can bind them directly.
const ALIGNMENT: usize = 64;

impl Graph {
    /// Builds the graph of an input of some shape and works out every shape.
    ///
    /// # Errors
    ///
    /// A layer that does not fit the shape it is given, by index.
    pub fn new(input: &[usize], layers: &[Layer]) -> Result<Self, GraphError> {
        let mut network = Self {
            input: input.to_vec(),
            nodes: Vec::new(),
            parameters: Vec::new(),
            len: 0,
            outputs: 0,
            trained: vec![false],
        };
        for (index, layer) in layers.iter().enumerate() {
            network.push(index, layer)?;
        }
        network.outputs = network.node_len(network.nodes.len());
        Ok(network)
    }

    fn shape(&self, node: usize) -> &[usize] {
        node.checked_sub(1).map_or(&self.input, |layer| &self.nodes[layer].shape)
    }

    fn push(&mut self, index: usize, layer: &Layer) -> Result<(), GraphError> {
        let named = match layer.from {
            None => index,
            Some(from) => usize::try_from(from + 1).ok().filter(|&node| node <= index).ok_or_else(|| GraphError {
                layer: index,
                kind: name(&layer.kind),
                problem: format!("from = {from} is not an earlier layer; name one from -1 (the input) on"),
            })?,
        };
        let inputs = match layer.kind {
            LayerKind::Add => vec![index, named],
            _ => vec![named],
        };
        let (operation, shape) = resolve(&layer.kind, self.shape(inputs[0]), self.shape(named))
            .map_err(|problem| GraphError { layer: index, kind: name(&layer.kind), problem })?;
        let failed = |problem| GraphError { layer: index, kind: name(&layer.kind), problem };
        elements(&shape).map_err(failed)?;
        let storage = if operation == Operation::Flatten { self.storage(inputs[0]) } else { index + 1 };
        let trained = inputs.iter().any(|&node| self.trained[node]);
        let has_parameters = self.add_parameters(index, &operation).map_err(failed)?;
        self.trained.push(trained || has_parameters);
        self.nodes.push(Node { operation, inputs, shape, storage });
        Ok(())
    }

    /// Reserves the layer's parameters; false where it has none.
    fn add_parameters(&mut self, layer: usize, operation: &Operation) -> Result<bool, String> {
        let (weight, bias, height, width, positions) = match operation {
            Operation::Linear { width, features, positions, bias } => {
                (vec![*features, *width], if *bias { *features } else { 0 }, *features, *width, *positions)
            }
            Operation::Conv2d { window, channels, bias } => (
                vec![*channels, window.channels, window.kernel, window.kernel],
                if *bias { *channels } else { 0 },
                *channels,
                window.patch(),
                window.positions(),
            ),
            Operation::LayerNorm { width, positions } => (vec![*width], *width, 0, *width, *positions),
            _ => return Ok(false),
        };
        let len = height
            .max(1)
            .checked_mul(width)
            .and_then(|weights| weights.checked_add(bias))
            .filter(|&len| len < MOST_PARAMETERS);
        if len.is_none() {
            return Err(format!(
                "weights of shape {weight:?} are more parameters than can be counted; make it smaller"
            ));
        }
        let parameters = Parameters { layer, offset: self.len, weight, bias, height, width, positions };
        self.len = (self.len + parameters.len()).next_multiple_of(ALIGNMENT);
        self.parameters.push(parameters);
        Ok(true)
    }
}

fn name(kind: &LayerKind) -> &'static str {
    match kind {
        LayerKind::Linear { .. } => "linear",
        LayerKind::Conv2d { .. } => "conv2d",
        LayerKind::MaxPool2d { .. } => "max_pool2d",
        LayerKind::AvgPool2d { .. } => "avg_pool2d",
        LayerKind::Flatten => "flatten",
        LayerKind::LayerNorm => "layer_norm",
        LayerKind::Add => "add",
        LayerKind::Activation(activation) => activation.name(),
    }
}

/// The operation of a layer whose input has `shape` (and whose other summand has shape `other`), and its output shape.
fn resolve(kind: &LayerKind, shape: &[usize], other: &[usize]) -> Result<(Operation, Vec<usize>), String> {
    let width = shape.last().copied().unwrap_or(1);
    let positions = shape.iter().product::<usize>() / width.max(1);
    let with_last = |last: usize| {
        let mut shape = shape.to_vec();
        shape.pop();
        shape.push(last);
        shape
    };
    match kind {
        LayerKind::Linear { features, bias } => {
            let operation = Operation::Linear { width, features: *features, positions, bias: *bias };
            Ok((operation, with_last(*features)))
        }
        LayerKind::Conv2d { channels, kernel, stride, padding, bias } => {
            let window = window(shape, *kernel, *stride, *padding)?;
            let shape = vec![*channels, window.out_height(), window.out_width()];
            Ok((Operation::Conv2d { window, channels: *channels, bias: *bias }, shape))
        }
        LayerKind::MaxPool2d { kernel } => pool(shape, *kernel, Pooling::Max),
        LayerKind::AvgPool2d { kernel } => pool(shape, *kernel, Pooling::Average),
        LayerKind::Flatten => Ok((Operation::Flatten, vec![shape.iter().product()])),
        LayerKind::LayerNorm => Ok((Operation::LayerNorm { width, positions }, shape.to_vec())),
        LayerKind::Add if shape == other => Ok((Operation::Add, shape.to_vec())),
        LayerKind::Add => Err(format!("the shapes {shape:?} and {other:?} differ; add needs two equal ones")),
        LayerKind::Activation(activation) => Ok((Operation::Activation(*activation), shape.to_vec())),
    }
}

fn pool(shape: &[usize], kernel: usize, kind: Pooling) -> Result<(Operation, Vec<usize>), String> {
    let window = window(shape, kernel, kernel, 0)?;
    let shape = vec![window.channels, window.out_height(), window.out_width()];
    Ok((Operation::Pool { window, kind }, shape))
}

fn window(shape: &[usize], kernel: usize, stride: usize, padding: usize) -> Result<Window, String> {
    let &[channels, height, width] = shape else {
        return Err(format!("the input has shape {shape:?}; images are [channels, height, width]"));
    };
    let window = Window { channels, height, width, kernel, stride, padding };
    if window.out_height() == 0 || window.out_width() == 0 {
        return Err(format!(
            "a window of {kernel} x {kernel} does not fit an image of {height} x {width} with padding {padding}; \
             make it smaller or drop the layer"
        ));
    }
    // What a convolution unfolds its image to.
    elements(&[channels, kernel, kernel, window.out_height(), window.out_width()])?;
    Ok(window)
}

/// How many elements a shape has.
fn elements(shape: &[usize]) -> Result<usize, String> {
    let count = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
    count.filter(|&count| count <= MOST_ELEMENTS).ok_or_else(|| {
        format!("one example has the shape {shape:?} there, more than {MOST_ELEMENTS} elements; make it smaller")
    })
}
