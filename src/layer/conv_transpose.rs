//! Transposed convolutions of lines and of images.

use super::conv::{reshaped, shifted};
use super::sweep::sweep;
use super::{Lower, Reads, only};
use crate::graph::primitive::{MatrixProduct, Parameter, Rearrange, Unfold};
use crate::graph::{Graph, Initial, NodeId, Owner};
use crate::key::{Count, Flag, Key, PerAxis, at};

/// A transposed convolution over `N` axes, which follow that of the channels: every input adds its multiple of the window to
/// the output.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvTranspose<const N: usize> {
    /// Outputs for each position.
    pub channels: usize,
    /// Sides of the window.
    pub kernel: [usize; N],
    /// Outputs from one window to the next.
    pub stride: [usize; N],
    /// Outputs that are cut off on each side.
    pub padding: [usize; N],
    /// Outputs that are added at the end of each axis.
    pub output_padding: [usize; N],
    /// Outputs from one entry of the window to the next.
    pub dilation: [usize; N],
    /// How many groups the channels make up, each with outputs of its own.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl<const N: usize> ConvTranspose<N> {
    /// The shape of the output for an input of a shape.
    fn output(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let [channels, sides @ ..] = shape else { return Err("the input is a number without axes".into()) };
        let axes = ["[channels, length]", "[channels, height, width]"][N - 1];
        if sides.len() != N {
            return Err(format!("the input has shape {shape:?}; it takes {axes}"));
        }
        let groups = self.groups;
        if groups == 0 || !channels.is_multiple_of(groups) || !self.channels.is_multiple_of(groups) {
            return Err(format!(
                "groups = {groups}: does not divide the {channels} channels of an input of shape {shape:?} and the {} of the \
                 output",
                self.channels
            ));
        }
        let side = |(axis, &side): (usize, &usize)| {
            let reach = self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?;
            let long = side.checked_sub(1)?.checked_mul(self.stride[axis])?.checked_add(reach)?;
            let long = long.checked_add(self.output_padding[axis])?.checked_add(1)?;
            long.checked_sub(self.padding[axis].checked_mul(2)?).filter(|&side| side > 0)
        };
        if self.output_padding.iter().zip(&self.stride).any(|(more, stride)| more >= stride) {
            let (more, stride) = (self.output_padding, self.stride);
            return Err(format!("output_padding = {more:?} must be below the stride, {stride:?}"));
        }
        let sides: Option<Vec<usize>> = sides.iter().enumerate().map(side).collect();
        let sides = sides.ok_or_else(|| {
            format!("nothing is left of an input of shape {shape:?} with padding {:?}; make it smaller", self.padding)
        })?;
        Ok(std::iter::once(self.channels).chain(sides).collect())
    }
}

/// By number of axes.
const NAMES: [&str; 2] = ["conv_transpose1d", "conv_transpose2d"];
const HELP: [&str; 2] = ["a transposed convolution of lines", "a transposed convolution of images"];

impl<const N: usize> Lower for ConvTranspose<N> {
    const NAME: &'static str = NAMES[N - 1];
    const HELP: &'static str = HELP[N - 1];
    const START: Self = Self {
        channels: 0,
        kernel: [0; N],
        stride: [1; N],
        padding: [0; N],
        output_padding: [0; N],
        dilation: [1; N],
        groups: 1,
        bias: true,
    };
    const KEYS: &'static [Key<Self>] = &[
        Key::required("channels", "outputs for each position", at!(Self.channels, Count::from(1))),
        Key::required("kernel", "sides of the window", at!(Self.kernel, PerAxis(Count::from(1)))),
        Key::new("stride", "outputs from one window to the next", at!(Self.stride, PerAxis(Count::from(1)))),
        Key::new("padding", "outputs that are cut off on each side", at!(Self.padding, PerAxis(Count::from(0)))),
        Key::new(
            "output_padding",
            "outputs that are added at the end of each axis; below the stride",
            at!(Self.output_padding, PerAxis(Count::from(0))),
        ),
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

    /// Products of pixels with the weights, as a value, folded into images.
    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input).to_vec();
        let out = self.output(&shape)?;
        let fold = Unfold::fold(&out, sweep(self.kernel, self.stride, self.padding, self.dilation))?;
        let (groups, patch, positions) = (self.groups, fold.window().patch() / self.groups, fold.window().positions());
        let weight = [&[shape[0], self.channels / groups][..], &self.kernel].concat();
        let weight = graph.add(owner, Parameter::new(&weight)?.drawn(Initial::fan_in(patch)), &[])?;
        let weight = reshaped(graph, owner, weight, &[groups, shape[0] / groups, patch])?;
        let pixels = reshaped(graph, owner, input, &[groups, shape[0] / groups, positions])?;
        let pixels = permuted(graph, owner, pixels, &[0, 2, 1])?;
        let product = MatrixProduct::new(graph.shape(pixels), graph.shape(weight))?;
        let product = graph.add(owner, product, &[pixels, weight])?;
        let patches = permuted(graph, owner, product, &[1, 0, 2])?;
        let folded = graph.add(owner, fold, &[patches])?;
        if self.bias { shifted(graph, owner, folded, patch) } else { Ok(folded) }
    }
}

fn permuted(graph: &mut Graph, owner: &Owner, input: NodeId, order: &[usize]) -> Result<NodeId, String> {
    let permute = Rearrange::permute(graph.shape(input), order)?;
    graph.add(owner, permute, &[input])
}
