//! `conv2d`: a convolution of images.

use super::{Lower, Reads, only};
use crate::graph::primitive::Convolve;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, at};

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
    const NAME: &'static str = "conv2d";
    const HELP: &'static str = "a convolution of images: channels, height, width";
    const START: Self = Conv2d { channels: 0, kernel: 0, stride: 1, padding: 0, bias: true };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("channels", "outputs for each position", at!(Conv2d.channels, Count::from(1))),
        Key::required("kernel", "side of the window", at!(Conv2d.kernel, Count::from(1))),
        Key::new("stride", "from one window to the next", at!(Conv2d.stride, Count::from(1))),
        Key::new("padding", "zeros on each side", at!(Conv2d.padding, Count::from(0))),
        Key::new("bias", "whether a bias is added", at!(Conv2d.bias, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let window = (self.kernel, self.stride, self.padding);
        let convolve = Convolve::new(graph.shape(input), self.channels, window, self.bias)?;
        graph.add(owner, convolve, &[input])
    }
}
