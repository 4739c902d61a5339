//! `rms_norm`: the last axes divided by their root mean square, then a factor for each feature.

use super::layer_norm::last;
use super::{Lower, Reads, only};
use crate::graph::primitive::{Normalize, ScaleShift};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::{Count, Flag, Key, Number, Optional, at};

/// The last axes to a mean square of 1, with weight.
#[derive(Debug, Clone, PartialEq)]
pub struct RmsNorm {
    /// How many of the last axes are one row.
    pub axes: usize,
    /// Added to the mean square; without it, the distance from 1 to the precision's next number.
    pub eps: Option<f64>,
    /// Whether there is a weight.
    pub affine: bool,
}

impl Default for RmsNorm {
    fn default() -> Self {
        Self::START
    }
}

impl Lower for RmsNorm {
    const NAME: &'static str = "rms_norm";
    const HELP: &'static str = "the last axes to mean square 1, with weight";
    const START: Self = RmsNorm { axes: 1, eps: None, affine: true };
    const KEYS: &'static [Key<Self>] = &[
        Key::new("axes", "how many of the last axes are normalised together", at!(RmsNorm.axes, Count::from(1))),
        Key::new(
            "eps",
            "added to the mean square; without it, the distance from 1 to the precision's next number",
            at!(RmsNorm.eps, Optional(Number::NotNegative)),
        ),
        Key::new("affine", "whether a weight follows", at!(RmsNorm.affine, Flag)),
    ];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let shape = graph.shape(input);
        let rows = Normalize::about_zero(shape).of_rows(last(shape, self.axes)?);
        let normalize = self.eps.map_or_else(|| rows.clone(), |eps| rows.clone().with_eps(eps));
        let normal = graph.add(owner, normalize, &[input])?;
        if !self.affine {
            return Ok(normal);
        }
        let scale = ScaleShift::of_axes(graph.shape(normal), self.axes, false);
        graph.add(owner, scale, &[normal])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::cpu::CpuBackend;
    use crate::compute::{Backend, Element, Slice};
    use crate::graph::Segment;
    use crate::layer::{Layer, LayerKind};

    fn values<E: Element>(x: &[f64], weight: &[f64]) -> Vec<f64> {
        let backend = CpuBackend::<E>::new();
        let layer = Layer::new(LayerKind::RmsNorm(RmsNorm::default()));
        let graph = Graph::new(&[x.len()], &[layer]).expect("a graph");
        let upload = |values: &[f64]| {
            let values: Vec<E> = values.iter().map(|&value| E::from_f64(value)).collect();
            backend.upload(&values).expect("room")
        };
        let mut weights = graph.draw(1);
        assert!(graph.tensors().map(|tensor| tensor.name.as_str()).eq(["0.weight"]));
        assert!(weights[..x.len()].iter().all(|&weight| weight == 1.0));
        weights[..x.len()].copy_from_slice(weight);
        let (x, weights) = (upload(x), upload(&weights));
        let pass = graph.forward(&backend, Segment::at(&weights), Slice::new(&x, 0, x.len()), 1).expect("a pass");
        backend.download(graph.outputs(&pass)).expect("values").into_iter().map(E::to_f64).collect()
    }

    /// `x / √(mean x² + eps) ∘ weight`; as in PyTorch eps is that of the arithmetic, and shows in rows as small as its root.
    #[test]
    fn rows_are_divided_by_their_root_mean_square() {
        let weight = [0.5, -2.0, 1.5];
        for size in [1.0, 1e-4] {
            let x = [1.0 * size, -2.0 * size, 3.0 * size];
            let close = |got: Vec<f64>, eps: f64| {
                let scale = 1.0 / (x.iter().map(|x| x * x).sum::<f64>() / 3.0 + eps).sqrt();
                let want = x.iter().zip(&weight).map(|(x, weight)| x * scale * weight);
                got.iter().zip(want).all(|(got, want)| (got - want).abs() < 8.0 * eps)
            };
            assert!(close(values::<f64>(&x, &weight), f64::EPSILON));
            assert!(close(values::<f32>(&x, &weight), f64::from(f32::EPSILON)));
        }
    }
}
