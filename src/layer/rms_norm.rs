//! `rms_norm`: the last axis divided by its root mean square, then a factor for each feature.

use super::{Lower, Reads, only};
use crate::graph::primitive::{Normalize, ScaleShift};
use crate::graph::{Graph, NodeId, Owner};
use crate::key::Key;

/// The last axis to a mean square of 1, with weight; eps is the distance from 1 to the precision's next number.
#[derive(Debug, Clone, PartialEq)]
pub struct RmsNorm;

impl Lower for RmsNorm {
    const NAME: &'static str = "rms_norm";
    const HELP: &'static str = "the last axis to mean square 1 (eps that of the precision), with weight";
    const START: Self = RmsNorm;
    const KEYS: &'static [Key<Self>] = &[];
    const HAS_PARAMETERS: bool = true;
    const READS: Reads = Reads::Exactly(1);

    fn lower(&self, graph: &mut Graph, owner: &Owner, inputs: &[NodeId]) -> Result<NodeId, String> {
        let input = only(inputs)?;
        let normalize = Normalize::about_zero(graph.shape(input));
        let normal = graph.add(owner, normalize, &[input])?;
        let scale = ScaleShift::new(graph.shape(normal), false);
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
        let layer = Layer::new(LayerKind::RmsNorm(RmsNorm));
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
