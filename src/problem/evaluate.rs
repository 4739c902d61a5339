//! A network's outputs at some weights, and their derivatives: what a translation of it is checked by.

use crate::compute::{Backend, Element, RowMap, Slice, SliceMut, Start, convert};
use crate::device::Work;
use crate::error::Error;
use crate::graph::{Graph, Segment};
use crate::tangent::write_gradient;
use crate::training::rows_at_once;

/// A network at some weights, as it predicts.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The network.
    pub network: &'a Graph,
    /// Its flat weights.
    pub weights: &'a [f64],
    /// `[n, …]`.
    pub inputs: &'a [f64],
    /// `[n, C]`: what the gradients of the outputs are multiplied by and added up with; without it there is no backward pass.
    pub seeds: Option<&'a [f64]>,
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// `[n, C]`.
    pub outputs: Vec<f64>,
    /// The gradient of `Σ seeds · outputs`, flat as the weights; held parameters have theirs where they are
    /// [followed](Graph::following_held).
    pub gradient: Option<Vec<f64>>,
}

impl Work for Evaluation<'_> {
    type Output = Evaluated;

    fn on<B: Backend>(self, backend: &B) -> Result<Evaluated, Error> {
        let Self { network, weights, inputs, seeds } = self;
        let (width, outputs) = (network.input_len().max(1), network.outputs);
        let at_once = if network.couples_rows() { inputs.len() / width } else { rows_at_once(network) };
        let at_once = at_once.max(1);
        let (weights, mut found) = (backend.upload(&convert::<B::Element>(weights))?, Vec::new());
        let mut gradient = backend.zeros(network.len)?;
        for (number, rows) in inputs.chunks(width * at_once).enumerate() {
            let (count, first) = (rows.len() / width, number * at_once);
            let rows = backend.upload(&convert::<B::Element>(rows))?;
            let pass = network.forward(backend, Segment::at(&weights), Slice::new(&rows, 0, count * width), count)?;
            found.extend(backend.download(network.outputs(&pass))?.into_iter().map(Element::to_f64));
            let Some(seeds) = seeds else { continue };
            let seed = backend.upload(&convert::<B::Element>(&seeds[first * outputs..(first + count) * outputs]))?;
            let own: Vec<u32> = (0..count as u32).collect();
            let map = RowMap::new(backend, &[0, count as u32], &own, &vec![1.0; count])?;
            let none = |_: usize| false;
            network.backward_of_all(backend, Segment::at(&weights), &pass, (1, seed), &none, &mut |factor| {
                let block = if factor.held { &network.held[factor.block] } else { &network.blocks[factor.block] };
                let out = SliceMut::new(&mut gradient, block.offset, block.len());
                write_gradient(backend, &map, None, &factor, Start::Output, out)
            })?;
        }
        let gradient = match seeds {
            None => None,
            Some(_) => {
                let flat = backend.download(Slice::new(&gradient, 0, network.len))?;
                Some(flat.into_iter().map(Element::to_f64).collect())
            }
        };
        Ok(Evaluated { outputs: found, gradient })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::compute::cpu::CpuBackend;
    use crate::layer::{Layer, LayerKind, Linear};

    /// Against central differences of the outputs.
    #[test]
    fn gradients_are_those_of_the_outputs() -> Result<(), Box<dyn std::error::Error>> {
        let linear = |features| LayerKind::Linear(Linear { features, bias: true });
        let layers = [linear(3), LayerKind::Activation(Activation::Tanh), linear(2)];
        let network = Graph::new(&[2], &layers.map(Layer::new))?;
        let (weights, inputs) = (network.draw(3), [0.3, -0.7, 1.1, 0.2, -0.4, 0.9]);
        let seeds = [1.0, -0.5, 0.25, 2.0, -1.5, 0.75];
        let backend = CpuBackend::<f64>::new();
        let at = |weights: &[f64], seeds: Option<&[f64]>| {
            Evaluation { network: &network, weights, inputs: &inputs, seeds }.on(&backend)
        };
        let sum = |weights: &[f64]| -> Result<f64, Error> {
            Ok(at(weights, None)?.outputs.iter().zip(seeds).map(|(output, seed)| output * seed).sum())
        };
        let found = at(&weights, Some(&seeds))?;
        assert_eq!(at(&weights, None)?, Evaluated { outputs: found.outputs.clone(), gradient: None });
        let gradient = found.gradient.ok_or("no gradient")?;
        // The error of a central difference is about h²/6 of the third derivative, and ε/h of the sum.
        let step = 1e-5;
        for tensor in network.tensors() {
            for place in tensor.offset..tensor.offset + tensor.len() {
                let moved = |by: f64| {
                    let mut weights = weights.clone();
                    weights[place] += by;
                    sum(&weights)
                };
                let difference = (moved(step)? - moved(-step)?) / (2.0 * step);
                assert!((difference - gradient[place]).abs() < 1e-8, "{place}: {difference} {}", gradient[place]);
            }
        }
        Ok(())
    }
}
