//! The arrays of a run, gathered from tiles and written in the interface's order of axes.

use super::Store;
use crate::backend::Element;
use crate::data::{write_npy, write_safetensors};
use crate::error::Error;
use crate::network::Network;
use crate::path::{Finished, Spec, Tile};
use crate::tangent::Entries;

/// Every array of a run.
#[derive(Debug)]
pub struct Arrays<E> {
    outputs: usize,
    queries: usize,
    examples: usize,
    kernel_entries: Option<Entries>,
    layers: bool,
    attribution: Vec<Vec<E>>,
    kernel: Vec<Vec<E>>,
    numerator: Vec<Vec<E>>,
    tangent_initial: Vec<Vec<E>>,
    tangent_final: Vec<Vec<E>>,
    initial: Vec<f64>,
    prediction: Vec<f64>,
    regularizer: Vec<f64>,
    missed: Vec<f64>,
    residuals: Vec<f64>,
}

impl<E: Element> Arrays<E> {
    /// Room for the arrays that a run asks for.
    pub fn new(network: &Network, spec: &Spec, queries: usize, examples: usize, steps: usize) -> Self {
        let outputs = network.outputs;
        let groups = if spec.layers { network.parameters.len() } else { 1 };
        let room = |wanted: bool, groups: usize, entries: Entries| -> Vec<Vec<E>> {
            let count = if wanted { groups } else { 0 };
            vec![vec![E::ZERO; entries.len(outputs, queries, examples)]; count]
        };
        let entries = spec.kernel.unwrap_or(Entries::Trace);
        Self {
            outputs,
            queries,
            examples,
            kernel_entries: spec.kernel,
            layers: spec.layers,
            attribution: room(spec.attribution, groups, Entries::Loss),
            kernel: room(spec.kernel.is_some(), groups, entries),
            numerator: room(spec.coefficients, 1, entries),
            tangent_initial: room(spec.tangent, 1, entries),
            tangent_final: room(spec.tangent, 1, entries),
            initial: vec![0.0; queries * outputs],
            prediction: vec![0.0; queries * outputs],
            regularizer: vec![0.0; queries * outputs],
            missed: vec![0.0; queries * outputs],
            residuals: vec![0.0; steps],
        }
    }

    /// Puts a tile's results in their place.
    pub fn insert(&mut self, tile: &Tile, finished: &Finished) {
        let (outputs, examples) = (self.outputs, self.examples);
        let entries = self.kernel_entries.unwrap_or(Entries::Trace);
        let place = |into: &mut Vec<Vec<E>>, from: &Vec<Vec<f64>>, entries: Entries| {
            for (into, from) in into.iter_mut().zip(from) {
                scatter(into, from, entries, outputs, examples, tile);
            }
        };
        place(&mut self.attribution, &finished.attribution, Entries::Loss);
        place(&mut self.kernel, &finished.kernel, entries);
        place(&mut self.numerator, &finished.numerator, entries);
        place(&mut self.tangent_initial, &finished.tangent_initial, entries);
        place(&mut self.tangent_final, &finished.tangent_final, entries);
        if tile.examples.start == 0 {
            let (from, count) = (tile.queries.start * outputs, tile.queries.len());
            self.initial[from..][..count * outputs].copy_from_slice(&finished.initial);
            self.prediction[from..][..count * outputs].copy_from_slice(&finished.prediction);
            self.missed[from..][..count * outputs].copy_from_slice(&finished.missed);
            for (place, &value) in finished.regularizer.iter().enumerate() {
                let (output, query) = (place / count, place % count);
                self.regularizer[from + query * outputs + output] = value;
            }
            for (largest, &residual) in self.residuals.iter_mut().zip(&finished.residuals) {
                *largest = largest.max(residual);
            }
        }
    }

    /// `[n, C]`: outputs at the last weights.
    pub fn prediction(&self) -> &[f64] {
        &self.prediction
    }

    /// The largest residual of each step.
    pub fn residuals(&self) -> &[f64] {
        &self.residuals
    }

    /// `[n, C]`: prediction - initial - Σ attribution - regularizer. Without attribution, what the steps add up to:
    /// the same but for rounding.
    fn residual(&self) -> Vec<f64> {
        if self.attribution.is_empty() {
            return self.missed.clone();
        }
        let mut rest: Vec<f64> = (0..self.queries * self.outputs)
            .map(|entry| self.prediction[entry] - self.initial[entry] - self.regularizer[entry])
            .collect();
        let row = self.examples * self.outputs;
        for layer in &self.attribution {
            for (place, value) in layer.iter().enumerate() {
                rest[place / row * self.outputs + place % self.outputs] -= value.to_f64();
            }
        }
        rest
    }

    /// The largest residual relative to the largest change of an output.
    pub fn largest_relative_residual(&self) -> f64 {
        let change = self.prediction.iter().zip(&self.initial).map(|(last, first)| (last - first).abs());
        let change = change.fold(0.0, f64::max);
        let largest = self.residual().into_iter().map(f64::abs).fold(0.0, f64::max);
        if largest == 0.0 { 0.0 } else { largest / change }
    }

    /// Writes every array; returns how many coefficients are not a number.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(&self, store: &Store, network: &Network, weights: &[E]) -> Result<usize, Error> {
        let (n, m, outputs) = (self.queries, self.examples, self.outputs);
        let kernel_shape = match self.kernel_entries {
            Some(Entries::Full) => vec![n, m, outputs, outputs],
            Some(Entries::Diagonal | Entries::Loss) => vec![n, m, outputs],
            Some(Entries::Trace) | None => vec![n, m],
        };
        let kernel = self.write_groups(store, "kernel", &kernel_shape, &self.kernel)?;
        self.write_groups(store, "attribution", &[n, m, outputs], &self.attribution)?;
        let mut undefined = 0;
        if let Some(numerator) = self.numerator.first() {
            let coefficients = ratio(numerator, &kernel);
            undefined = coefficients.iter().filter(|value| value.to_f64().is_nan()).count();
            write_npy(&store.path("coefficients.npy"), &kernel_shape, &coefficients)?;
        }
        for (name, array) in
            [("tangent_initial.npy", &self.tangent_initial), ("tangent_final.npy", &self.tangent_final)]
        {
            if let Some(array) = array.first() {
                write_npy(&store.path(name), &kernel_shape, array)?;
            }
        }
        let residual = self.residual();
        let per_query = [
            ("initial.npy", &self.initial),
            ("prediction.npy", &self.prediction),
            ("regularizer.npy", &self.regularizer),
            ("residual.npy", &residual),
        ];
        for (name, values) in per_query {
            let values: Vec<E> = values.iter().map(|&value| E::from_f64(value)).collect();
            write_npy(&store.path(name), &[n, outputs], &values)?;
        }
        let tensors = network.tensors();
        let views: Vec<(String, Vec<usize>, &[E])> = tensors
            .into_iter()
            .map(|(name, shape, offset, len)| (name, shape, &weights[offset..offset + len]))
            .collect();
        write_safetensors(&store.path("weights_final.safetensors"), &views)?;
        Ok(undefined)
    }

    /// Writes an array and, where layers are kept apart, its parts; returns the whole.
    fn write_groups(&self, store: &Store, name: &str, shape: &[usize], groups: &[Vec<E>]) -> Result<Vec<E>, Error> {
        let Some(first) = groups.first() else {
            return Ok(Vec::new());
        };
        let whole: Vec<E> = if groups.len() == 1 {
            first.clone()
        } else {
            (0..first.len()).map(|place| E::from_f64(groups.iter().map(|group| group[place].to_f64()).sum())).collect()
        };
        write_npy(&store.path(&format!("{name}.npy")), shape, &whole)?;
        if self.layers {
            let mut layered = vec![groups.len()];
            layered.extend(shape);
            write_npy(&store.path(&format!("{name}_layers.npy")), &layered, &groups.concat())?;
        }
        Ok(whole)
    }
}

/// From a tile's order of axes to the interface's.
fn scatter<E: Element>(into: &mut [E], from: &[f64], entries: Entries, outputs: usize, examples: usize, tile: &Tile) {
    let (n, m) = (tile.queries.len(), tile.examples.len());
    let per_pair = entries.per_pair(outputs);
    let copies = if entries == Entries::Full { outputs } else { 1 };
    for (place, &value) in from.iter().enumerate() {
        let (example, rest) = (place % m, place / m);
        let (copy, rest) = (rest % copies, rest / copies);
        let (query, output) = (rest % n, rest / n);
        let pair = (tile.queries.start + query) * examples + tile.examples.start + example;
        into[pair * per_pair + output * copies + copy] = E::from_f64(value);
    }
}

/// `-Σ … / K` where K does not vanish: the numerators carry the sign already.
fn ratio<E: Element>(numerator: &[E], kernel: &[E]) -> Vec<E> {
    let largest = kernel.iter().map(|value| value.to_f64().abs()).fold(0.0, f64::max);
    let bound = E::VANISHING * largest;
    let entries = numerator.iter().zip(kernel).map(|(numerator, kernel)| {
        let (numerator, kernel) = (numerator.to_f64(), kernel.to_f64());
        E::from_f64(if kernel.abs() < bound || kernel == 0.0 { f64::NAN } else { numerator / kernel })
    });
    entries.collect()
}
