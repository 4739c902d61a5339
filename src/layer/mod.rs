//! Layers, as PyTorch names them.

use crate::activation::Activation;
use crate::compute::Pooling;
use crate::graph::primitive::{Add, Affine, Convolve, Normalize, Pointwise, Pool, Reshape, ScaleShift};
use crate::graph::{Graph, NodeId};

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The layer it reads (`add`: the other summand); -1 is the network's input, `None` the layer before.
    pub from: Option<i64>,
    /// What it is.
    pub kind: LayerKind,
}

/// Kinds of layer, as PyTorch names them.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum LayerKind {
    Linear { features: usize, bias: bool },
    Conv2d { channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool },
    MaxPool2d { kernel: usize },
    AvgPool2d { kernel: usize },
    Flatten,
    LayerNorm,
    Add,
    Activation(Activation),
}

impl LayerKind {
    /// Its name in a run file.
    pub fn name(&self) -> &'static str {
        match self {
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

    /// Adds its nodes to a graph, as layer number `layer`; it reads the second of `from`, and where it reads two, the layer
    /// before, the first, as well.
    ///
    /// # Errors
    ///
    /// Shapes that it does not fit.
    pub(crate) fn lower(&self, graph: &mut Graph, layer: usize, from: [NodeId; 2]) -> Result<NodeId, String> {
        let [before, from] = from;
        let shape = graph.shape(from).to_vec();
        match self {
            LayerKind::Linear { features, bias } => graph.add(layer, Affine::new(&shape, *features, *bias), &[from]),
            LayerKind::Conv2d { channels, kernel, stride, padding, bias } => {
                graph.add(layer, Convolve::new(&shape, *channels, (*kernel, *stride, *padding), *bias)?, &[from])
            }
            LayerKind::MaxPool2d { kernel } => graph.add(layer, Pool::new(&shape, *kernel, Pooling::Max)?, &[from]),
            LayerKind::AvgPool2d { kernel } => graph.add(layer, Pool::new(&shape, *kernel, Pooling::Average)?, &[from]),
            LayerKind::Flatten => graph.add(layer, Reshape::flat(&shape), &[from]),
            LayerKind::LayerNorm => {
                let normal = graph.add(layer, Normalize::about_mean(&shape), &[from])?;
                graph.add(layer, ScaleShift::new(&shape, true), &[normal])
            }
            LayerKind::Add => graph.add(layer, Add::new(&[graph.shape(before), &shape])?, &[before, from]),
            LayerKind::Activation(activation) => graph.add(layer, Pointwise::new(&shape, *activation), &[from]),
        }
    }

    /// Whether it has any.
    pub fn has_parameters(&self) -> bool {
        matches!(self, LayerKind::Linear { .. } | LayerKind::Conv2d { .. } | LayerKind::LayerNorm)
    }
}
