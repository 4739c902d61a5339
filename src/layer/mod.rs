//! Layers, as PyTorch names them.

pub(crate) mod keys;

use crate::activation::Activation;

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

    /// Whether it reads a layer besides the one before.
    pub fn needs_from(&self) -> bool {
        matches!(self, LayerKind::Add)
    }

    /// Whether it has parameters.
    pub fn has_parameters(&self) -> bool {
        matches!(self, LayerKind::Linear { .. } | LayerKind::Conv2d { .. } | LayerKind::LayerNorm)
    }
}
