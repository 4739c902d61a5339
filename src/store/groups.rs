//! An array of pairs and its parts by layer, and arithmetic on arrays that are read once from front to back.

use super::Store;
use crate::backend::Element;
use crate::data::{DataError, NpyMap};
use rayon::prelude::*;

/// Elements of one piece: large enough to be worth a task, and small enough to stay in a cache.
const PIECE: usize = 1 << 14;

/// An array, and where the layers are kept apart, its parts.
#[derive(Debug)]
pub(super) struct Groups<E> {
    whole: NpyMap<E>,
    /// `[layers, …]`: the parts that the whole is the sum of.
    layers: Option<NpyMap<E>>,
}

impl<E: Element> Groups<E> {
    /// Makes `name.npy`, and `name_layers.npy` for a number of layers.
    pub fn create(store: &Store, name: &str, shape: &[usize], layers: Option<usize>) -> Result<Self, DataError> {
        let whole = NpyMap::create(&store.path(&format!("{name}.npy")), shape)?;
        let layers = layers.map(|layers| {
            let shape: Vec<usize> = std::iter::once(layers).chain(shape.iter().copied()).collect();
            NpyMap::create(&store.path(&format!("{name}_layers.npy")), &shape)
        });
        Ok(Self { whole, layers: layers.transpose()? })
    }

    /// The whole, right once the parts are added up.
    pub fn whole(&self) -> &[E] {
        self.whole.values()
    }

    /// What tiles are computed of: the parts, or the whole where there are none.
    pub fn parts(&self) -> impl Iterator<Item = &[E]> {
        let len = self.whole.values().len().max(1);
        self.layers.as_ref().unwrap_or(&self.whole).values().chunks(len)
    }

    /// As [`parts`](Self::parts), to be changed.
    pub fn parts_mut(&mut self) -> impl Iterator<Item = &mut [E]> {
        let len = self.whole.values().len().max(1);
        self.layers.as_mut().unwrap_or(&mut self.whole).values_mut().chunks_mut(len)
    }

    /// The whole from its parts.
    pub fn add_up(&mut self) {
        let Some(layers) = &self.layers else { return };
        let (whole, layers) = (self.whole.values_mut(), layers.values());
        let len = whole.len();
        whole.par_chunks_mut(PIECE).enumerate().for_each(|(piece, whole)| {
            for (place, value) in whole.iter_mut().enumerate() {
                let parts = layers[piece * PIECE + place..].iter().step_by(len);
                *value = E::from_f64(parts.map(|part| part.to_f64()).sum());
            }
        });
    }

    /// The files.
    pub fn into_maps(self) -> impl Iterator<Item = NpyMap<E>> {
        std::iter::once(self.whole).chain(self.layers)
    }
}

/// `-Σ … / K` where K does not vanish: the numerators carry the sign already. Returns how many are not a number.
pub(super) fn ratio<E: Element>(out: &mut [E], numerators: &[E], kernel: &[E]) -> usize {
    let largest = kernel.par_iter().map(|value| value.to_f64().abs()).reduce(|| 0.0, f64::max);
    let bound = E::VANISHING * largest;
    let pieces = out.par_chunks_mut(PIECE).zip(numerators.par_chunks(PIECE)).zip(kernel.par_chunks(PIECE));
    let undefined = pieces.map(|((out, numerators), kernel)| {
        let mut undefined = 0;
        for ((out, numerator), kernel) in out.iter_mut().zip(numerators).zip(kernel) {
            let (numerator, kernel) = (numerator.to_f64(), kernel.to_f64());
            let vanishes = kernel.abs() < bound || kernel == 0.0;
            let value = if vanishes { f64::NAN } else { numerator / kernel };
            undefined += usize::from(value.is_nan());
            *out = E::from_f64(value);
        }
        undefined
    });
    undefined.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vanishing_kernel_has_no_coefficient() {
        let mut out = [0.0f64; 4];
        assert_eq!(ratio(&mut out, &[2.0, 0.0, 1.0, -3.0], &[4.0, 0.0, 1e-13, -1.0]), 2);
        assert!(out[0] == 0.5 && out[1].is_nan() && out[2].is_nan() && out[3] == 3.0, "{out:?}");
    }

    #[test]
    fn parts_add_up_beyond_one_piece() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let store = Store::new(folder.path());
        let mut groups = Groups::<f32>::create(&store, "x", &[PIECE + 3], Some(2))?;
        for (layer, part) in groups.parts_mut().enumerate() {
            part.iter_mut().enumerate().for_each(|(place, value)| *value = (place * (layer + 1)) as f32);
        }
        groups.add_up();
        assert!(groups.whole().iter().enumerate().all(|(place, &value)| value == (3 * place) as f32));
        Ok(())
    }
}
