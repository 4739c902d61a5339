//! `conv2d`: a convolution of images.

use super::{Inputs, Lower};
use crate::graph::primitive::Convolve;
use crate::graph::{Graph, NodeId};

/// A convolution of images: channels, height, width.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv2d {
    /// Outputs for each position.
    pub channels: usize,
    /// Side of the window.
    pub kernel: usize,
    /// Inputs one window to the next.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Lower for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn lower(&self, graph: &mut Graph, layer: usize, inputs: Inputs) -> Result<NodeId, String> {
        let window = (self.kernel, self.stride, self.padding);
        let convolve = Convolve::new(graph.shape(inputs.named), self.channels, window, self.bias)?;
        graph.add(layer, convolve, &[inputs.named])
    }
}
