//! Convolutions of lines and of images.

use super::sweep::sweep;
use super::{Lower, Reads, only};
use crate::graph::primitive::{Convolve, MatrixProduct, Parameter, Rearrange, Sweep, Unfold};
use crate::graph::{Graph, Initial, NodeId, Owner};
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
    /// How many groups the channels make up, each with outputs of its own.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl<const N: usize> Conv<N> {
    /// With the same numbers for every axis, no gaps in the window, and one group.
    pub const fn square(channels: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Self {
        let (kernel, stride, padding, dilation) = ([kernel; N], [stride; N], [padding; N], [1; N]);
        Self { channels, kernel, stride, padding, dilation, groups: 1, bias }
    }

    /// Adds a convolution whose groups of channels have weights of their own: products of the weights, as a value, with
    /// patches.
    fn grouped(&self, graph: &mut Graph, owner: &Owner, input: NodeId, sweep: Sweep) -> Result<NodeId, String> {
        let &Self { channels, groups, .. } = self;
        let shape = graph.shape(input).to_vec();
        let unfold = Unfold::new(&shape, sweep)?;
        if groups == 0 || !shape[0].is_multiple_of(groups) || !channels.is_multiple_of(groups) {
            return Err(format!(
                "groups = {groups}: does not divide the {} channels of an input of shape {shape:?} and the {channels} of the \
                 output",
                shape[0]
            ));
        }
        let (patch, positions) = (unfold.window().patch() / groups, unfold.window().positions());
        let shape_out = sweep.output(&unfold.window(), channels);
        let weight = [&[channels, shape[0] / groups][..], &self.kernel].concat();
        let weight = Parameter::new(&weight)?.drawn(Initial::fan_in(patch));
        let weight = graph.add(owner, weight, &[])?;
        let weight = reshaped(graph, owner, weight, &[groups, channels / groups, patch])?;
        let patches = graph.add(owner, unfold, &[input])?;
        let patches = reshaped(graph, owner, patches, &[positions, groups, patch])?;
        let order = Rearrange::permute(graph.shape(patches), &[1, 2, 0])?;
        let patches = graph.add(owner, order, &[patches])?;
        let product = MatrixProduct::new(graph.shape(weight), graph.shape(patches))?;
        let product = graph.add(owner, product, &[weight, patches])?;
        let out = reshaped(graph, owner, product, &shape_out)?;
        if self.bias { shifted(graph, owner, out, patch) } else { Ok(out) }
    }
}

/// Adds the same numbers in another shape.
pub(super) fn reshaped(graph: &mut Graph, owner: &Owner, input: NodeId, shape: &[usize]) -> Result<NodeId, String> {
    let reshape = Rearrange::reshape(graph.shape(input), shape)?;
    graph.add(owner, reshape, &[input])
}

/// Adds a bias for each channel, the first axis, drawn as the weights of so wide a window are.
pub(super) fn shifted(graph: &mut Graph, owner: &Owner, input: NodeId, width: usize) -> Result<NodeId, String> {
    let shape = graph.shape(input).to_vec();
    let mut sides = vec![1; shape.len()];
    sides[0] = shape[0];
    let bias = Parameter::new(&shape[..1])?.named("bias").drawn(Initial::fan_in(width));
    let bias = graph.add(owner, bias, &[])?;
    let bias = reshaped(graph, owner, bias, &sides)?;
    graph.add(owner, Rearrange::add(&[&shape, &sides])?, &[input, bias])
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
        Key::new(
            "groups",
            "how many groups the channels make up, each with outputs of its own",
            at!(Self.groups, Count::from(1)),
        ),
        Key::new("bias", "whether a bias is added", at!(Self.bias, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let sweep = sweep(self.kernel, self.stride, self.padding, self.dilation);
        if self.groups != 1 {
            return self.grouped(graph, owner, input, sweep);
        }
        let convolve = Convolve::new(graph.shape(input), self.channels, sweep, self.bias)?;
        graph.add(owner, convolve, &[input])
    }
}
