//! The change of the weights, taken apart by examples: how large each part is, and some of the parts themselves.

use super::{Named, Store};
use crate::compute::{Element, convert};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter, write_npy, write_safetensors};
use crate::graph::{Graph, Tensor};
use crate::path::Superposed;
use std::ops::Range;

/// `superposition.npy`, and the vectors of chosen examples.
#[derive(Debug)]
pub struct Parts<E> {
    /// Of each layer, the places of its blocks of parameters in the flat vector.
    layers: Vec<Vec<Range<usize>>>,
    /// `w_S - w_0`, flat.
    change: Vec<f64>,
    /// Of each layer, the square of its change's norm; none of a layer whose change is mostly rounding.
    squares: Vec<Option<f64>>,
    /// `[m, layers, 2]`.
    sizes: Vec<f64>,
    /// The same of what gradients before the first step made, `[layers, 2]`; empty where there is none.
    earlier: Vec<f64>,
    /// The examples whose vectors are kept, and those vectors, flat.
    kept: Vec<(u32, Vec<E>)>,
}

impl<E: Element> Parts<E> {
    /// Nothing yet, of a path of so many steps from `first` to `last`; the vectors of the examples `kept` will be kept.
    pub fn new(network: &Graph, steps: usize, [first, last]: [&[E]; 2], kept: &[u32]) -> Self {
        let [first, last] = [first, last].map(|weights| weights.iter().map(|w| w.to_f64()).collect::<Vec<f64>>());
        let change: Vec<f64> = last.iter().zip(&first).map(|(last, first)| last - first).collect();
        let part =
            |block: usize| network.blocks[block].offset..network.blocks[block].offset + network.blocks[block].len();
        let layers: Vec<Vec<Range<usize>>> =
            network.layers().into_iter().map(|blocks| blocks.map(part).collect()).collect();
        let square = |layer: &Vec<Range<usize>>| {
            let [change, first, last] = [&change, &first, &last].map(|vector| parts(vector, layer));
            let step = E::ROUNDING * norm(&first).max(norm(&last));
            (norm(&change) > rounding(steps, step)).then(|| dot(&change, &change))
        };
        Self {
            squares: layers.iter().map(square).collect(),
            layers,
            change,
            sizes: Vec::new(),
            earlier: Vec::new(),
            kept: kept.iter().map(|&example| (example, vec![E::ZERO; network.len])).collect(),
        }
    }

    /// Takes in the parts of a set of examples. Sets come in order.
    pub fn insert(&mut self, set: &Range<usize>, found: &Superposed) {
        let Superposed { examples, earlier } = found;
        for (place, example) in set.clone().enumerate() {
            let mut vectors = examples.iter();
            for (number, layer) in self.layers.iter().enumerate() {
                let mut whole = Vec::new();
                for (block, vectors) in layer.iter().zip(vectors.by_ref()) {
                    let own = &vectors[place * block.len()..][..block.len()];
                    for (_, kept) in self.kept.iter_mut().filter(|(wanted, _)| *wanted as usize == example) {
                        kept[block.clone()].copy_from_slice(&convert::<E>(own));
                    }
                    whole.extend_from_slice(own);
                }
                let size = self.size(number, &whole);
                self.sizes.extend(size);
            }
        }
        if let Some(earlier) = earlier {
            let mut blocks = earlier.iter();
            let of = |layer: &Vec<Range<usize>>| blocks.by_ref().take(layer.len()).flatten().copied().collect();
            let whole: Vec<Vec<f64>> = self.layers.iter().map(of).collect();
            self.earlier = whole.iter().enumerate().flat_map(|(number, whole)| self.size(number, whole)).collect();
        }
    }

    /// The norm of a layer's vector, and its share along the layer's change.
    fn size(&self, layer: usize, vector: &[f64]) -> [f64; 2] {
        let share = |square| dot(vector, &parts(&self.change, &self.layers[layer])) / square;
        [norm(vector), self.squares[layer].map_or(f64::NAN, share)]
    }

    /// Examples whose vectors were taken in.
    pub fn examples(&self) -> usize {
        self.sizes.len() / (2 * self.layers.len()).max(1)
    }

    /// Shares that are not a number: those of layers whose change is mostly rounding.
    pub fn undefined_shares(&self) -> usize {
        self.examples() * self.squares.iter().filter(|square| square.is_none()).count()
    }

    /// Writes what was taken in.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        writer.put("sizes", &self.sizes)?;
        writer.put("earlier", &self.earlier)?;
        Ok(self.kept.iter().try_for_each(|(_, vector)| writer.put("vector", vector))?)
    }

    /// Takes what was [saved](Self::save).
    ///
    /// # Errors
    ///
    /// A file that holds something else.
    pub fn restore(&mut self, reader: &mut StateReader) -> Result<(), Error> {
        self.sizes = reader.take("sizes")?;
        self.earlier = reader.take("earlier")?;
        for (_, vector) in &mut self.kept {
            *vector = reader.take_exactly("vector", vector.len())?;
        }
        Ok(())
    }

    /// Writes `superposition.npy`, `superposition_earlier.npy` where there is such a part, and where vectors are kept
    /// `superposition.safetensors`: the tensors of the weights, each with a first axis over the chosen examples.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&self, store: &Store, network: &Graph) -> Result<(), Error> {
        for (name, shape, values) in self.arrays() {
            write_npy(&store.path(&format!("{name}.npy")), &shape, &convert::<E>(values))?;
        }
        if self.kept.is_empty() {
            return Ok(());
        }
        let tensors = self.tensors(network);
        let views: Vec<(String, Vec<usize>, &[E])> =
            tensors.iter().map(|(name, shape, values)| (name.clone(), shape.clone(), values.as_slice())).collect();
        Ok(write_safetensors(&store.path("superposition.safetensors"), &views)?)
    }

    /// The same of a run in memory: the arrays with their names, tensors behind `superposition.`.
    pub fn results(&self, network: &Graph) -> Vec<Named> {
        let arrays = self.arrays().map(|(name, shape, values)| Named::new(name, &shape, convert::<E>(values)));
        let tensors = self.tensors(network).into_iter().filter(|_| !self.kept.is_empty());
        let tensors = tensors.map(|(name, shape, values)| Named::new(&format!("superposition.{name}"), &shape, values));
        arrays.chain(tensors).collect()
    }

    /// The arrays of sizes that there are.
    fn arrays(&self) -> impl Iterator<Item = (&'static str, Vec<usize>, &Vec<f64>)> {
        let layers = self.layers.len();
        let earlier = (!self.earlier.is_empty()).then(|| ("superposition_earlier", vec![layers, 2], &self.earlier));
        std::iter::once(("superposition", vec![self.examples(), layers, 2], &self.sizes)).chain(earlier)
    }

    /// The vectors that are kept, by tensor.
    fn tensors(&self, network: &Graph) -> Vec<(String, Vec<usize>, Vec<E>)> {
        let of = |tensor: &Tensor| {
            let part = tensor.offset..tensor.offset + tensor.len();
            let values = self.kept.iter().flat_map(|(_, vector)| &vector[part.clone()]).copied().collect();
            (tensor.name.clone(), [&[self.kept.len()], &tensor.shape[..]].concat(), values)
        };
        network.blocks.iter().flat_map(|block| &block.tensors).map(of).collect()
    }
}

/// The largest norm that a layer's change may have and be mostly rounding, where a step rounds by `step` at the most. Errors of
/// single steps add up like a random walk, and a share shall be right to a thousandth; where every step is smaller than its
/// rounding, weights stand still and the errors all point the same way.
fn rounding(steps: usize, step: f64) -> f64 {
    const ACCURACY: f64 = 1e-3;
    let walk = (steps as f64).sqrt();
    step * walk * walk.max(1.0 / ACCURACY)
}

/// What a layer has of a flat vector.
fn parts(vector: &[f64], layer: &[Range<usize>]) -> Vec<f64> {
    layer.iter().flat_map(|block| &vector[block.clone()]).copied().collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(vector: &[f64]) -> f64 {
    dot(vector, vector).sqrt()
}
