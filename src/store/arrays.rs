//! The arrays of a run: gathered from tiles in the interface's order of axes, in files, so that they may be larger than
//! memory.

use super::groups::{Groups, ratio};
use super::place::{mirror, scatter};
use super::{Parts, Store};
use crate::backend::{Element, Entries};
use crate::data::{NpyMap, write_npy, write_safetensors};
use crate::error::Error;
use crate::network::Network;
use crate::path::{Finished, Spec, Tile};
use crate::training::{Kept, Trajectory};
use rayon::prelude::*;

/// Every array of a run. Those of pairs lie in files beside their final names; those of queries alone in memory.
#[derive(Debug)]
pub struct Arrays<E> {
    /// R, values of a query's readout, and C, outputs of an example.
    rows: usize,
    outputs: usize,
    queries: usize,
    examples: usize,
    entries: Entries,
    attribution: Option<Groups<E>>,
    kernel: Option<Groups<E>>,
    /// The coefficients' numerators, in a file that never gets a name, and the coefficients.
    coefficients: Option<[NpyMap<E>; 2]>,
    /// At the first and at the last weights.
    tangent: Option<[NpyMap<E>; 2]>,
    initial: Vec<f64>,
    prediction: Vec<f64>,
    regularizer: Vec<f64>,
    /// Of a path that was recorded elsewhere.
    unexplained: Option<Vec<f64>>,
    /// The parts of the weights' change.
    parts: Option<Parts<E>>,
    /// What the steps add up to, and in the end the residual.
    residual: Vec<f64>,
    residuals: Vec<f64>,
    /// Quadrature nodes of each step, summed over the queries.
    nodes: Vec<usize>,
    /// Queries whose step was not explained to the tolerance, by step.
    missed: Vec<usize>,
}

impl<E: Element> Arrays<E> {
    /// Makes the files of the arrays that a run asks for.
    ///
    /// # Errors
    ///
    /// A file that cannot be made, or a disk without room for it.
    pub fn create(
        store: &Store,
        network: &Network,
        spec: &Spec,
        queries: usize,
        examples: usize,
        trajectory: &Trajectory,
    ) -> Result<Self, Error> {
        let (rows, outputs, steps) = (spec.readout.len(network.outputs), network.outputs, trajectory.steps.len());
        let groups = spec.layers.then_some(network.parameters.len());
        let entries = spec.kernel.unwrap_or(Entries::Trace);
        let mut shape = vec![queries, examples];
        shape.extend(match entries {
            Entries::Trace => vec![],
            Entries::Diagonal | Entries::Loss => vec![rows],
            Entries::Full => vec![rows, outputs],
        });
        let whole = |name: &str| NpyMap::create(&store.path(name), &shape);
        let pair = |wanted: bool, names: [&str; 2]| -> Result<_, Error> {
            Ok(if wanted { Some([whole(names[0])?, whole(names[1])?]) } else { None })
        };
        let attribution = [queries, examples, rows];
        let attribution = spec.attribution.then(|| Groups::create(store, "attribution", &attribution, groups));
        let kernel = spec.kernel.map(|_| Groups::create(store, "kernel", &shape, groups));
        Ok(Self {
            rows,
            outputs,
            queries,
            examples,
            entries,
            attribution: attribution.transpose()?,
            kernel: kernel.transpose()?,
            coefficients: pair(spec.coefficients, ["numerators", "coefficients.npy"])?,
            tangent: pair(spec.tangent, ["tangent_initial.npy", "tangent_final.npy"])?,
            initial: vec![0.0; queries * rows],
            prediction: vec![0.0; queries * rows],
            regularizer: vec![0.0; queries * rows],
            unexplained: trajectory.rows(Kept::Unexplained).map(|_| vec![0.0; queries * rows]),
            parts: None,
            residual: vec![0.0; queries * rows],
            residuals: vec![0.0; steps],
            nodes: vec![0; steps],
            missed: vec![0; steps],
        })
    }

    /// Puts a tile's results in their place.
    pub fn insert(&mut self, tile: &Tile, finished: &Finished) {
        let (rows, outputs, examples, entries) = (self.rows, self.outputs, self.examples, self.entries);
        let put = |into: &mut [E], from: &Vec<Vec<f64>>, group: usize, entries: Entries| {
            if let Some(from) = from.get(group) {
                scatter(into, from, entries, (rows, outputs), examples, tile);
            }
        };
        for (groups, from, entries) in [
            (&mut self.attribution, &finished.attribution, Entries::Loss),
            (&mut self.kernel, &finished.kernel, entries),
        ] {
            for (group, into) in groups.iter_mut().flat_map(Groups::parts_mut).enumerate() {
                put(into, from, group, entries);
            }
        }
        if let Some([numerators, _]) = &mut self.coefficients {
            put(numerators.values_mut(), &finished.numerator, 0, entries);
        }
        if let Some([first, last]) = &mut self.tangent {
            put(first.values_mut(), &finished.tangent_initial, 0, entries);
            put(last.values_mut(), &finished.tangent_final, 0, entries);
        }
        if tile.examples.start == 0 {
            let (from, count) = (tile.queries.start * rows, tile.queries.len());
            self.initial[from..][..count * rows].copy_from_slice(&finished.initial);
            self.prediction[from..][..count * rows].copy_from_slice(&finished.prediction);
            self.residual[from..][..count * rows].copy_from_slice(&finished.missed);
            let turn = |into: &mut Vec<f64>, values: &[f64]| {
                for (place, &value) in values.iter().enumerate() {
                    into[from + place % count * rows + place / count] = value;
                }
            };
            turn(&mut self.regularizer, &finished.regularizer);
            if let Some(unexplained) = &mut self.unexplained {
                turn(unexplained, &finished.unexplained);
            }
            let counts = [(&mut self.nodes, &finished.nodes), (&mut self.missed, &finished.missed_queries)];
            counts.into_iter().for_each(|(all, own)| all.iter_mut().zip(own).for_each(|(all, own)| *all += own));
            for (largest, &residual) in self.residuals.iter_mut().zip(&finished.residuals) {
                *largest = larger(*largest, residual);
            }
        }
    }

    /// Fills the half of a symmetric kernel that was not computed: examples before the query.
    pub fn mirror_kernel(&mut self) {
        for part in self.kernel.iter_mut().flat_map(Groups::parts_mut) {
            mirror(part, self.examples, self.entries, self.outputs);
        }
    }

    /// The same for the tangent kernels.
    pub fn mirror_tangent(&mut self) {
        for array in self.tangent.iter_mut().flatten() {
            mirror(array.values_mut(), self.examples, self.entries, self.outputs);
        }
    }

    /// `[n, R]`: the readout at the last weights.
    pub fn prediction(&self) -> &[f64] {
        &self.prediction
    }

    /// The largest residual of each step.
    pub fn residuals(&self) -> &[f64] {
        &self.residuals
    }

    /// Quadrature nodes of each step, and queries whose step was not explained, summed over the queries.
    pub fn nodes(&self) -> (&[usize], &[usize]) {
        (&self.nodes, &self.missed)
    }

    /// The largest residual relative to the largest change of the readout, once the arrays are complete.
    pub fn largest_relative_residual(&self) -> f64 {
        self.of_largest_change(&self.residual)
    }

    /// The same of what an imported path leaves unexplained; `None` of other paths.
    pub fn largest_relative_unexplained(&self) -> Option<f64> {
        self.unexplained.as_ref().map(|unexplained| self.of_largest_change(unexplained))
    }

    fn of_largest_change(&self, term: &[f64]) -> f64 {
        let change = self.prediction.iter().zip(&self.initial).map(|(last, first)| (last - first).abs());
        let change = change.fold(0.0, larger);
        let largest = term.iter().map(|value| value.abs()).fold(0.0, larger);
        if largest == 0.0 { 0.0 } else { largest / change }
    }

    /// Takes in the parts of the weights' change.
    pub fn superpose(&mut self, parts: Parts<E>) {
        self.parts = Some(parts);
    }

    /// After the last tile: the sums over layers, the residual and the coefficients; returns how many of these are not
    /// a number.
    pub fn complete(&mut self) -> usize {
        for groups in [&mut self.attribution, &mut self.kernel].into_iter().flatten() {
            groups.add_up();
        }
        self.find_residual();
        match (&mut self.coefficients, &self.kernel) {
            (Some([numerators, coefficients]), Some(kernel)) => {
                ratio(coefficients.values_mut(), numerators.values(), kernel.whole())
            }
            _ => 0,
        }
    }

    /// `[n, R]`: prediction - initial - Σ attribution - regularizer - unexplained. Without attribution, what the steps add up to: the
    /// same but for rounding.
    fn find_residual(&mut self) {
        let Some(attribution) = &self.attribution else { return };
        let change = self.prediction.iter().zip(&self.initial).zip(&self.regularizer);
        for (rest, ((last, first), regularizer)) in self.residual.iter_mut().zip(change) {
            *rest = last - first - regularizer;
        }
        if let Some(unexplained) = &self.unexplained {
            self.residual.iter_mut().zip(unexplained).for_each(|(rest, unexplained)| *rest -= unexplained);
        }
        let (rows, row) = (self.rows, self.examples * self.rows);
        for part in attribution.parts() {
            self.residual.par_chunks_mut(rows).zip(part.par_chunks(row)).for_each(|(rest, row)| {
                for values in row.chunks_exact(rows) {
                    rest.iter_mut().zip(values).for_each(|(rest, value)| *rest -= value.to_f64());
                }
            });
        }
    }

    /// Writes what is still in memory, waits until all is on the disk, and gives every file its name.
    ///
    /// # Errors
    ///
    /// A file that cannot be written.
    pub fn write(self, store: &Store, network: &Network, weights: &[E]) -> Result<(), Error> {
        let per_query = [
            ("initial.npy", &self.initial),
            ("prediction.npy", &self.prediction),
            ("regularizer.npy", &self.regularizer),
            ("residual.npy", &self.residual),
        ];
        let unexplained = self.unexplained.as_ref().map(|values| ("unexplained.npy", values));
        // Names are given when all is on the disk: a disk that fails on the way leaves none.
        let groups = self.attribution.into_iter().chain(self.kernel);
        let coefficients = self.coefficients.into_iter().map(|[_, coefficients]| coefficients);
        let maps: Vec<NpyMap<E>> =
            groups.flat_map(Groups::into_maps).chain(coefficients).chain(self.tangent.into_iter().flatten()).collect();
        maps.iter().try_for_each(NpyMap::sync)?;
        for (name, values) in per_query.into_iter().chain(unexplained) {
            let values: Vec<E> = values.iter().map(|&value| E::from_f64(value)).collect();
            write_npy(&store.path(name), &[self.queries, self.rows], &values)?;
        }
        if let Some(parts) = &self.parts {
            parts.write(store, network)?;
        }
        let tensors = network.tensors();
        let views: Vec<(String, Vec<usize>, &[E])> = tensors
            .into_iter()
            .map(|(name, shape, offset, len)| (name, shape, &weights[offset..offset + len]))
            .collect();
        write_safetensors(&store.path("weights_final.safetensors"), &views)?;
        Ok(maps.into_iter().try_for_each(NpyMap::commit)?)
    }
}

/// The larger of two numbers, NaN being the largest of all: what went wrong must not be lost.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::larger;

    #[test]
    fn nan_is_the_largest() {
        let largest = |values: &[f64]| values.iter().copied().fold(0.0, larger);
        assert_eq!(largest(&[1.0, 3.0, 2.0]), 3.0);
        assert!(largest(&[1.0, f64::NAN, 2.0]).is_nan() && largest(&[f64::NAN, 1.0]).is_nan());
        assert_eq!(largest(&[f64::INFINITY, 1.0]), f64::INFINITY);
    }
}
