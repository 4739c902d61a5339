//! `batch_norm`: every channel by statistics of its own, then a factor and a shift for each.

use super::conv::reshaped;
use super::{Lower, Reads, only};
use crate::activation::Activation;
use crate::graph::primitive::{Parameter, Pointwise, Product, Rearrange};
use crate::graph::{Graph, Initial, NodeId, Owner};
use crate::key::{Flag, Key, Number, Word, Words, at};

/// Every channel, the first axis, less its mean over the root of its variance, with a weight and a bias for each.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// How much of a batch's statistics enters the running ones.
    pub momentum: f64,
    /// Whether there are a weight and a bias.
    pub affine: bool,
    /// Where mean and variance come from.
    pub statistics: Statistics,
}

/// Where the mean and the variance of a channel come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistics {
    /// From what was kept: training leaves it as it is.
    Running,
    /// From the batch.
    Batch,
}

impl Word for Statistics {
    fn all() -> Vec<Self> {
        vec![Statistics::Running, Statistics::Batch]
    }

    fn word(self) -> &'static str {
        match self {
            Statistics::Running => "running",
            Statistics::Batch => "batch",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Statistics::Running => "the tensors running_mean and running_var, as PyTorch in eval mode",
            Statistics::Batch => "those of the batch, which is not there yet",
        }
    }
}

impl Lower for BatchNorm {
    const NAME: &'static str = "batch_norm";
    const HELP: &'static str = "every channel, the first axis, less its mean over the root of its variance, with weight and bias";
    const START: Self = BatchNorm { eps: 1e-5, momentum: 0.1, affine: true, statistics: Statistics::Running };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("eps", "added to the variance", at!(BatchNorm.eps, Number::NotNegative)),
        Key::new(
            "momentum",
            "how much of a batch's statistics enters the running ones; nothing does where they stay as they are",
            at!(BatchNorm.momentum, Number::NotNegative),
        ),
        Key::new("affine", "whether a weight and a bias follow", at!(BatchNorm.affine, Flag)),
        Key::new("statistics", "where mean and variance come from", at!(BatchNorm.statistics, Words)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    /// As PyTorch computes it, `x g + (β - mean g)` with `g = γ / √(variance + eps)` for each channel.
    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        if self.statistics == Statistics::Batch {
            return Err("statistics = \"batch\" is not there yet; take \"running\", which is PyTorch's eval mode".into());
        }
        let input = only(inputs)?;
        let shape = graph.shape(input).to_vec();
        let [channels, sides @ ..] = shape.as_slice() else { return Err("the input is a number without axes".into()) };
        let own = [*channels];
        let tensor = |name, start| Ok::<_, String>(Parameter::new(&own)?.named(name).drawn(Initial::Constant(start)));
        let mean = graph.add_fixed(owner, tensor("running_mean", 0.0)?, &[])?;
        let variance = graph.add_fixed(owner, tensor("running_var", 1.0)?, &[])?;
        let raised = graph.add(owner, Rearrange::offset(&own, self.eps), &[variance])?;
        let mut factor = graph.add(owner, Pointwise::new(&own, Activation::Rsqrt), &[raised])?;
        if self.affine {
            let weight = graph.add(owner, tensor("weight", 1.0)?, &[])?;
            factor = graph.add(owner, Product::new(&own), &[factor, weight])?;
        }
        let moved = graph.add(owner, Product::new(&own), &[mean, factor])?;
        let mut shift = graph.add(owner, Rearrange::scale(&own, -1.0), &[moved])?;
        if self.affine {
            let bias = graph.add(owner, tensor("bias", 0.0)?, &[])?;
            shift = graph.add(owner, Rearrange::add(&[&own, &own])?, &[shift, bias])?;
        }
        let column: Vec<usize> = own.into_iter().chain(sides.iter().map(|_| 1)).collect();
        let [factor, shift] = [factor, shift].map(|node| reshaped(graph, owner, node, &column));
        let factor = graph.add(owner, Rearrange::broadcast(&column, &shape)?, &[factor?])?;
        let scaled = graph.add(owner, Product::new(&shape), &[input, factor])?;
        graph.add(owner, Rearrange::add(&[&shape, &column])?, &[scaled, shift?])
    }
}
