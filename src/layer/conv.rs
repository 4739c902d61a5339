//! Convolutions of lines and of images.

use super::sweep::sweep;
use super::{Lower, Reads, only};
use crate::graph::primitive::Convolve;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, PerAxis, at};

/// A convolution over `N` axes, which follow that of the channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv<const N: usize> {
    /// Outputs for each position.
    pub channels: usize,
    /// Sides of the window.
    pub kernel: [usize; N],
    /// Inputs one window to the next.
    pub stride: [usize; N],
    /// Zeros on each side.
    pub padding: [usize; N],
    /// Inputs from one entry of the window to the next.
    pub dilation: [usize; N],
    /// Whether there is a bias.
    pub bias: bool,
}

impl<const N: usize> Conv<N> {
    /// With the same numbers for every axis, and no gaps in the window.
    pub const fn square(channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Self {
        Self { channels, kernel: [kernel; N], stride: [stride; N], padding: [padding; N], dilation: [1; N], bias }
    }
}

/// By number of axes: images are of two, lines of one.
const NAMES: [&str; 2] = ["conv1d", "conv2d"];
const HELP: [&str; 2] =
    ["a convolution of lines: channels, length", "a convolution of images: channels, height, width"];

impl<const N: usize> Lower for Conv<N> {
    const NAME: &'static str = NAMES[N - 1];
    const HELP: &'static str = HELP[N - 1];
    const START: Self = Self::square(0, 0, 1, 0, true);
    const KEYS: &'static [Key<Self>] = &[
        Key::required("channels", "outputs for each position", at!(Self.channels, Count::from(1))),
        Key::required("kernel", "sides of the window", at!(Self.kernel, PerAxis(Count::from(1)))),
        Key::new("stride", "from one window to the next", at!(Self.stride, PerAxis(Count::from(1)))),
        Key::new("padding", "zeros on each side", at!(Self.padding, PerAxis(Count::from(0)))),
        Key::new("dilation", "from one entry of the window to the next", at!(Self.dilation, PerAxis(Count::from(1)))),
        Key::new("bias", "whether a bias is added", at!(Self.bias, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let sweep = sweep(self.kernel, self.stride, self.padding, self.dilation);
        let convolve = Convolve::new(graph.shape(input), self.channels, sweep, self.bias)?;
        graph.add(owner, convolve, &[input])
    }
}
