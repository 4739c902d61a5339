//! The change of the weights, taken apart by examples: how large each part is, and some of the parts themselves.

use super::Store;
use crate::backend::{Element, convert};
use crate::data::{StateReader, StateWriter, write_npy, write_safetensors};
use crate::error::Error;
use crate::network::Network;
use std::ops::Range;

/// `superposition.npy`, and the vectors of chosen examples.
#[derive(Debug)]
pub struct Parts<E> {
    /// Of each layer, the place of its parameters in the flat vector.
    layers: Vec<Range<usize>>,
    /// `w_T - w_0`, flat.
    change: Vec<f64>,
    /// `[m, layers, 2]`.
    sizes: Vec<f64>,
    /// The examples whose vectors are kept, and those vectors, flat.
    kept: Vec<(u32, Vec<E>)>,
}

impl<E: Element> Parts<E> {
    /// Nothing yet, of a path from `first` to `last`; the vectors of the examples `kept` will be kept.
    pub fn new(network: &Network, first: &[E], last: &[E], kept: &[u32]) -> Self {
        Self {
            layers: network.parameters.iter().map(|own| own.offset..own.offset + own.len()).collect(),
            change: last.iter().zip(first).map(|(last, first)| last.to_f64() - first.to_f64()).collect(),
            sizes: Vec::new(),
            kept: kept.iter().map(|&example| (example, vec![E::ZERO; network.len])).collect(),
        }
    }

    /// Takes in the vectors of a set of examples, for each layer `[examples, parameters]`. Sets come in order.
    pub fn insert(&mut self, set: &Range<usize>, vectors: &[Vec<f64>]) {
        for (place, example) in set.clone().enumerate() {
            for (layer, vectors) in self.layers.iter().zip(vectors) {
                let own = &vectors[place * layer.len()..][..layer.len()];
                let change = &self.change[layer.clone()];
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                self.sizes.extend([dot(own, own).sqrt(), share(dot(own, change), dot(change, change))]);
                for (_, kept) in self.kept.iter_mut().filter(|(wanted, _)| *wanted as usize == example) {
                    kept[layer.clone()].copy_from_slice(&convert::<E>(own));
                }
            }
        }
    }

    /// Examples whose vectors were taken in.
    pub fn examples(&self) -> usize {
        self.sizes.len() / (2 * self.layers.len()).max(1)
    }

    /// Writes what was taken in.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        writer.put("sizes", &self.sizes)?;
        Ok(self.kept.iter().try_for_each(|(_, vector)| writer.put("vector", vector))?)
    }

    /// Takes what was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    pub fn restore(&mut self, reader: &mut StateReader) -> Result<(), Error> {
        self.sizes = reader.take("sizes")?;
        for (_, vector) in &mut self.kept {
            *vector = reader.take_exactly("vector", vector.len())?;
        }
        Ok(())
    }

    /// Writes `superposition.npy`, and where vectors are kept `superposition.safetensors`: the tensors of the weights, each
    /// with a first axis over the chosen examples.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&self, store: &Store, network: &Network) -> Result<(), Error> {
        let layers = self.layers.len();
        let shape = [self.examples(), layers, 2];
        write_npy(&store.path("superposition.npy"), &shape, &convert::<E>(&self.sizes))?;
        if self.kept.is_empty() {
            return Ok(());
        }
        let tensors: Vec<(String, Vec<usize>, Vec<E>)> = network
            .tensors()
            .into_iter()
            .map(|(name, shape, offset, len)| {
                let values = self.kept.iter().flat_map(|(_, vector)| &vector[offset..offset + len]).copied().collect();
                (name, [vec![self.kept.len()], shape].concat(), values)
            })
            .collect();
        let views: Vec<(String, Vec<usize>, &[E])> =
            tensors.iter().map(|(name, shape, values)| (name.clone(), shape.clone(), values.as_slice())).collect();
        Ok(write_safetensors(&store.path("superposition.safetensors"), &views)?)
    }
}

/// A part's share of a layer's change; none of a layer that did not change.
fn share(along: f64, all: f64) -> f64 {
    if all == 0.0 { 0.0 } else { along / all }
}
