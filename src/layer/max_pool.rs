//! The largest of windows over lines and images.

use super::sweep::sweep;
use super::{Lower, Reads, only};
use crate::compute::Pooling;
use crate::graph::primitive::Pool;
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Key, Optional, PerAxis, at};

/// The largest of each window; of equal ones the first in row order. Over `N` axes, which follow that of the channels.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxPool<const N: usize> {
    /// Sides of the window.
    pub kernel: [usize; N],
    /// From one window to the next; without it, the windows lie side by side. A rest is dropped.
    pub stride: Option<[usize; N]>,
    /// What is smaller than every number, on each side; at most half of the kernel.
    pub padding: [usize; N],
    /// Inputs from one entry of the window to the next.
    pub dilation: [usize; N],
}

impl<const N: usize> MaxPool<N> {
    /// Windows side by side, with the same side along every axis.
    pub const fn square(kernel: usize) -> Self {
        Self { kernel: [kernel; N], stride: None, padding: [0; N], dilation: [1; N] }
    }
}

/// By number of axes.
const NAMES: [&str; 2] = ["max_pool1d", "max_pool2d"];
const HELP: [&str; 2] = [
    "the largest of each window of lines; of equal ones the first, as in PyTorch",
    "the largest of each window; of equal ones the first in row order, as in PyTorch",
];

impl<const N: usize> Lower for MaxPool<N>
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
            "what is smaller than every number, on each side; at most half of the kernel",
            at!(Self.padding, PerAxis(Count::from(0))),
        ),
        Key::new("dilation", "from one entry of the window to the next", at!(Self.dilation, PerAxis(Count::from(1)))),
    ];
    const HAS_PARAMETERS: bool = false;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let sweep = sweep(self.kernel, self.stride.unwrap_or(self.kernel), self.padding, self.dilation);
        let pool = Pool::new(graph.shape(input), sweep, Pooling::Max)?;
        graph.add(owner, pool, &[input])
    }
}
