//! Means of windows over lines and images.

use super::sweep::sweep;
use super::{Lower, Reads, only};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, Optional, PerAxis, at};

/// The mean of each window, the zeros of the padding among them. Over `N` axes, which follow that of the channels.
#[derive(Debug, Clone, PartialEq)]
pub struct AvgPool<const N: usize> {
    /// Sides of the window.
    pub kernel: [usize; N],
    /// From one window to the next; without it, the windows lie side by side. A rest is dropped.
    pub stride: Option<[usize; N]>,
    /// Zeros on each side, which count in the mean; at most half of the kernel.
    pub padding: [usize; N],
}

impl<const N: usize> AvgPool<N> {
    /// Windows side by side, with the same side along every axis.
    pub const fn square(kernel: usize) -> Self {
        Self { kernel: [kernel; N], stride: None, padding: [0; N] }
    }
}

/// By number of axes.
const NAMES: [&str; 2] = ["avg_pool1d", "avg_pool2d"];
const HELP: [&str; 2] = ["the mean of each window of lines", "the mean of each window"];

impl<const N: usize> Lower for AvgPool<N>
where
    [usize; N]: Default,
{
    const NAME: &'static str = NAMES[N - 1];
    const HELP: &'static str = HELP[N - 1];
    const START: Self = Self::square(0);
    const KEYS: &'static [Key<Self>] = &[
        Key::required("kernel", "sides of the window", at!(Self.kernel, PerAxis(Count::from(1)))),
        Key::new(
            "stride",
            "from one window to the next; without it, the kernel; a rest is dropped",
            at!(Self.stride, Optional(PerAxis(Count::from(1)))),
        ),
        Key::new(
            "padding",
            "zeros on each side, which count in the mean; at most half of the kernel",
            at!(Self.padding, PerAxis(Count::from(0))),
        ),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let sweep = sweep(self.kernel, self.stride.unwrap_or(self.kernel), self.padding, [1; N]);
        let pool = Pool::new(graph.shape(input), sweep, Pooling::Average)?;
        graph.add(owner, pool, &[input])
    }
}
