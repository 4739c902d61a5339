//! `layer_norm`: the last axes to mean 0 and variance 1, then a factor and a shift for each feature.

use super::{Lower, Reads, only};
use crate::graph::primitive::{Normalize, ScaleShift};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, Number, at};

/// The last axes to mean 0 and variance 1, with weight and bias.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    /// How many of the last axes are one row.
    pub axes: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a weight, and a bias where `bias` says so.
    pub affine: bool,
    /// Whether a bias goes with the weight.
    pub bias: bool,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self::START
    }
}

impl Lower for LayerNorm {
    const NAME: &'static str = "layer_norm";
    const HELP: &'static str = "the last axes to mean 0 and variance 1, with weight and bias";
    const START: Self = LayerNorm { axes: 1, eps: 1e-5, affine: true, bias: true };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("axes", "how many of the last axes are normalised together", at!(LayerNorm.axes, Count::from(1))),
        Key::new("eps", "added to the variance", at!(LayerNorm.eps, Number::NotNegative)),
        Key::new("affine", "whether a weight, and a bias, follow", at!(LayerNorm.affine, Flag)),
        Key::new("bias", "whether a bias goes with the weight", at!(LayerNorm.bias, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let width = last(shape, self.axes)?;
        let normalize = Normalize::about_mean(shape).of_rows(width).with_eps(self.eps);
        let normal = graph.add(owner, normalize, &[input])?;
        if !self.affine {
            return Ok(normal);
        }
        let scale = ScaleShift::of_axes(graph.shape(normal), self.axes, self.bias);
        graph.add(owner, scale, &[normal])
    }
}

/// Elements of the last axes of a shape.
pub(super) fn last(shape: &[usize], axes: usize) -> Result<usize, String> {
    let before = shape.len().checked_sub(axes).ok_or_else(|| {
        format!("axes = {axes}: the input has shape {shape:?}, {} axes; name fewer", shape.len())
    })?;
    Ok(shape[before..].iter().product())
}
