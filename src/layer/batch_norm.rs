//! `batch_norm`: every channel by statistics of its own, then a factor and a shift for each.

use super::conv::reshaped;
use super::{Lower, Reads, only};
use crate::activation::Activation;
use crate::graph::primitive::{BatchNormalize, Parameter, Pointwise, Product, Rearrange};
use crate::graph::{Graph, Initial, Mode, NodeId, Owner, Running};
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
            Statistics::Batch => {
                "those of the batch in training, as PyTorch in train mode, and the running ones, which training moves even where `frozen` names them, for queries"
            }
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
            "how much of a batch's statistics enters the running ones; nothing does with statistics = \"running\"",
            at!(BatchNorm.momentum, Number::Share),
        ),
        Key::new("affine", "whether a weight and a bias follow", at!(BatchNorm.affine, Flag)),
        Key::new("statistics", "where mean and variance come from", at!(BatchNorm.statistics, Words)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    /// Where no batch passes as PyTorch computes it, `x g + (β - mean g)` with `g = γ / √(variance + eps)` for each channel;
    /// of a batch `γ` times the normalised channels, plus β. Both have the same tensors.
    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input).to_vec();
        let [channels, sides @ ..] = shape.as_slice() else { return Err("the input is a number without axes".into()) };
        let own = [*channels];
        let kept = [("running_mean", 0.0), ("running_var", 1.0)].map(|(name, start)| {
            let tensor = constant(&own, name, start)?;
            match self.statistics {
                Statistics::Running => graph.add_fixed(owner, tensor, &[]),
                Statistics::Batch => graph.add_running(owner, tensor),
            }
        });
        let [mean, variance] = kept;
        let (mean, variance) = (mean?, variance?);
        let of_batch = self.statistics == Statistics::Batch && graph.mode() == Mode::Training;
        let (value, factor, shift) = if of_batch {
            let normal = graph.add(owner, BatchNormalize::new(&shape, self.eps)?, &[input])?;
            graph.run_with(Running { normal, mean, variance, momentum: self.momentum });
            let [weight, bias] = self.affine_tensors(graph, owner, &own)?;
            (normal, weight, bias)
        } else {
            let raised = graph.add(owner, Rearrange::offset(&own, self.eps), &[variance])?;
            let mut factor = graph.add(owner, Pointwise::new(&own, Activation::Rsqrt), &[raised])?;
            let [weight, bias] = self.affine_tensors(graph, owner, &own)?;
            if let Some(weight) = weight {
                factor = graph.add(owner, Product::new(&own), &[factor, weight])?;
            }
            let moved = graph.add(owner, Product::new(&own), &[mean, factor])?;
            let mut shift = graph.add(owner, Rearrange::scale(&own, -1.0), &[moved])?;
            if let Some(bias) = bias {
                shift = graph.add(owner, Rearrange::add(&[&own, &own])?, &[shift, bias])?;
            }
            (input, Some(factor), Some(shift))
        };
        let column: Vec<usize> = own.into_iter().chain(sides.iter().map(|_| 1)).collect();
        let mut value = value;
        if let Some(factor) = factor {
            let factor = reshaped(graph, owner, factor, &column)?;
            let factor = graph.add(owner, Rearrange::broadcast(&column, &shape)?, &[factor])?;
            value = graph.add(owner, Product::new(&shape), &[value, factor])?;
        }
        if let Some(shift) = shift {
            let shift = reshaped(graph, owner, shift, &column)?;
            value = graph.add(owner, Rearrange::add(&[&shape, &column])?, &[value, shift])?;
        }
        Ok(value)
    }
}

impl BatchNorm {
    /// The weight and the bias, where there are any.
    fn affine_tensors(
        &self,
        graph: &mut Graph,
        owner: &Owner,
        shape: &[usize],
    ) -> Result<[Option<NodeId>; 2], String> {
        let mut add = |name, start| graph.add(owner, constant(shape, name, start)?, &[]);
        if self.affine { Ok([Some(add("weight", 1.0)?), Some(add("bias", 0.0)?)]) } else { Ok([None, None]) }
    }
}

/// A tensor that begins with the same number everywhere.
fn constant(shape: &[usize], name: &'static str, start: f64) -> Result<Parameter, String> {
    Ok(Parameter::new(shape)?.named(name).drawn(Initial::Constant(start)))
}
