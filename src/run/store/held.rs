//! Where the tiles of arrays of pairs are: in folders of a run directory, or in memory.

use super::{Fill, Grid, Store, Take, TiledArray};
use crate::compute::Element;
use crate::error::Error;
use crate::path::Tile;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

/// Where arrays are made.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In folders beside their final names.
    Directory(&'a Store),
    /// In memory.
    Memory,
}

/// An array of pairs in the making.
#[derive(Debug)]
pub enum Tiles<E> {
    /// In a folder, a file a tile.
    Folder(TiledArray<E>),
    /// In memory, whole.
    Memory(HeldArray<E>),
}

/// What the folder of an array in the making is called.
fn working_name(name: &str) -> String {
    format!("{name}.zarr.tmp")
}

/// The folder of an array: beside its final name, or at it where a run was interrupted between naming two of them.
pub fn folder(store: &Store, name: &str) -> PathBuf {
    let (working, last) = (store.path(&working_name(name)), store.path(&format!("{name}.zarr")));
    if last.is_dir() && !working.exists() { last } else { working }
}

impl<E: Element> Tiles<E> {
    /// Makes it, or finds it; as [`TiledArray::create`].
    ///
    /// # Errors
    ///
    /// A folder that cannot be made.
    pub fn create(place: Place<'_>, name: &str, shape: &[usize], axis: usize, grid: &Grid) -> Result<Self, Error> {
        Ok(match place {
            Place::Directory(store) => Self::Folder(TiledArray::create(&folder(store, name), shape, axis, grid)?),
            Place::Memory => Self::Memory(HeldArray::new(shape, axis)),
        })
    }

    /// The length of the leading axis, or 1.
    pub fn layers(&self) -> usize {
        match self {
            Self::Folder(array) => array.layers(),
            Self::Memory(array) => array.layers(),
        }
    }

    /// How many tiles a layer has; in memory it is whole.
    pub fn tiles(&self) -> usize {
        match self {
            Self::Folder(array) => array.tiles().count(),
            Self::Memory(_) => 1,
        }
    }

    /// Whether a tile is there; in memory all have their place.
    pub fn has(&self, layer: usize, tile: &Tile) -> bool {
        match self {
            Self::Folder(array) => array.has(layer, tile),
            Self::Memory(_) => true,
        }
    }

    /// Compares a tile with its checksums, where it has any.
    ///
    /// # Errors
    ///
    /// As [`TiledArray::verify`].
    pub fn verify(&self, layer: usize, tile: &Tile) -> Result<(), Error> {
        match self {
            Self::Folder(array) => array.verify(layer, tile),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Removes what killed processes left behind.
    ///
    /// # Errors
    ///
    /// As [`TiledArray::sweep`].
    pub fn sweep(&self) -> Result<(), Error> {
        match self {
            Self::Folder(array) => array.sweep(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Writes a tile; as [`TiledArray::write`].
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn write(&self, layer: usize, tile: &Tile, fill: &mut Fill<'_, E>) -> Result<(), Error> {
        match self {
            Self::Folder(array) => array.write(layer, tile, fill),
            Self::Memory(array) => {
                array.write(layer, tile, fill);
                Ok(())
            }
        }
    }

    /// Reads a rectangle of pairs; as [`TiledArray::read`].
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged.
    pub fn read(
        &self,
        layer: usize,
        queries: Range<usize>,
        examples: Range<usize>,
        take: &mut Take<'_, E>,
    ) -> Result<(), Error> {
        match self {
            Self::Folder(array) => array.read(layer, queries, examples, take),
            Self::Memory(array) => {
                array.read(layer, queries, &examples, take);
                Ok(())
            }
        }
    }
}

/// An array of pairs in memory: `[n, m, rest..]`, or `[L, n, m, rest..]`.
#[derive(Debug)]
pub struct HeldArray<E> {
    shape: Vec<usize>,
    axis: usize,
    values: RwLock<Vec<E>>,
}

impl<E: Element> HeldArray<E> {
    /// Zeros of a shape with n at `axis`.
    pub fn new(shape: &[usize], axis: usize) -> Self {
        Self { shape: shape.to_vec(), axis, values: RwLock::new(vec![E::ZERO; shape.iter().product()]) }
    }

    /// The length of the leading axis, or 1.
    pub fn layers(&self) -> usize {
        self.shape[..self.axis].iter().product()
    }

    /// Numbers of one pair.
    fn entry(&self) -> usize {
        self.shape[self.axis + 2..].iter().product()
    }

    /// Where a query's numbers for some examples are.
    fn place(&self, layer: usize, query: usize, examples: &Range<usize>) -> Range<usize> {
        let ([n, m], entry) = ([self.shape[self.axis], self.shape[self.axis + 1]], self.entry());
        let first = ((layer * n + query) * m + examples.start) * entry;
        first..first + examples.len() * entry
    }

    fn write(&self, layer: usize, tile: &Tile, fill: &mut Fill<'_, E>) {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        for query in tile.queries.clone() {
            fill(query, tile.examples.clone(), &mut values[self.place(layer, query, &tile.examples)]);
        }
    }

    fn read(&self, layer: usize, queries: Range<usize>, examples: &Range<usize>, take: &mut Take<'_, E>) {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        for query in queries {
            take(query, examples.clone(), &values[self.place(layer, query, examples)]);
        }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers, which it has no more.
    pub fn take(&self) -> Vec<E> {
        std::mem::take(&mut *self.values.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An array in memory holds what one in a folder does.
    #[test]
    fn both_places_hold_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let (folder, shape) = (tempfile::tempdir()?, [2, 5, 7, 3]);
        let store = Store::new(folder.path());
        store.create()?;
        let grid = Grid { tile: [4, 4], part: [2, 2] };
        let arrays =
            [Place::Directory(&store), Place::Memory].map(|place| Tiles::<f32>::create(place, "x", &shape, 1, &grid));
        let mut read = Vec::new();
        for array in arrays {
            let array = array?;
            assert_eq!(array.layers(), 2);
            for layer in 0..2 {
                for (queries, examples) in [(0..4, 0..4), (0..4, 4..7), (4..5, 0..4), (4..5, 4..7)] {
                    let tile = Tile { queries, examples };
                    array.write(layer, &tile, &mut |query, examples, out| {
                        for (place, out) in out.iter_mut().enumerate() {
                            *out = (layer * 1000 + query * 100 + examples.start * 10 + place) as f32;
                        }
                        let by_example = examples.clone().zip(out.chunks_exact_mut(3));
                        by_example.for_each(|(example, out)| out[0] = (layer * 100 + query * 10 + example) as f32);
                        out.chunks_exact_mut(3).for_each(|out| out[1..].fill(query as f32));
                    })?;
                    array.verify(layer, &tile)?;
                    assert!(array.has(layer, &tile));
                }
            }
            let mut rows = vec![vec![0.0; 5 * 3]; 4];
            array.read(1, 1..5, 1..6, &mut |query, examples, values| {
                rows[query - 1][(examples.start - 1) * 3..][..values.len()].copy_from_slice(values);
            })?;
            read.push(rows);
        }
        assert_eq!(read[0], read[1]);
        assert_eq!(read[0][3][..6], [141.0, 4.0, 4.0, 142.0, 4.0, 4.0]);
        Ok(())
    }
}
