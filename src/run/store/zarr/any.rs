//! Arrays of pairs in tiles, of either type.

use super::{Take, TiledArray, read_layout};
use crate::error::Error;
use crate::run::store::Named;
use std::ops::Range;
use std::path::Path;

/// A [`TiledArray`] whose type is that of its file.
#[derive(Debug)]
pub enum AnyTiled {
    /// float32.
    Single(TiledArray<f32>),
    /// float64.
    Double(TiledArray<f64>),
}

impl AnyTiled {
    /// As [`TiledArray::open`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let layout = read_layout(folder)?;
        Ok(if layout.size == size_of::<f32>() {
            Self::Single(TiledArray::new(folder, layout))
        } else {
            Self::Double(TiledArray::new(folder, layout))
        })
    }

    /// As [`TiledArray::shape`].
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Single(array) => array.shape(),
            Self::Double(array) => array.shape(),
        }
    }

    /// Whether it has an axis of layers.
    pub fn has_layers(&self) -> bool {
        match self {
            Self::Single(array) => array.has_layers(),
            Self::Double(array) => array.has_layers(),
        }
    }

    /// As [`TiledArray::whole`], with a name.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn whole(&self, name: &str) -> Result<Named, Error> {
        Ok(match self {
            Self::Single(array) => Named::new(name, array.shape(), array.whole()?),
            Self::Double(array) => Named::new(name, array.shape(), array.whole()?),
        })
    }

    /// As [`TiledArray::find`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn find(&self, layer: usize, queries: Range<usize>, examples: Range<usize>) -> Result<(), Error> {
        match self {
            Self::Single(array) => array.find(layer, queries, examples),
            Self::Double(array) => array.find(layer, queries, examples),
        }
    }

    /// The queries and examples of a part.
    pub fn part(&self) -> [usize; 2] {
        match self {
            Self::Single(array) => array.grid().part,
            Self::Double(array) => array.grid().part,
        }
    }

    /// As [`TiledArray::read`], widened.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn read(
        &self,
        layer: usize,
        queries: Range<usize>,
        examples: Range<usize>,
        take: &mut Take<'_, f64>,
    ) -> Result<(), Error> {
        match self {
            Self::Single(array) => {
                let mut wide = Vec::new();
                array.read(layer, queries, examples, &mut |query, examples, values| {
                    wide.clear();
                    wide.extend(values.iter().map(|&value| f64::from(value)));
                    take(query, examples, &wide);
                })
            }
            Self::Double(array) => array.read(layer, queries, examples, take),
        }
    }

    /// Compares every byte with its checksum.
    ///
    /// # Errors
    ///
    /// As [`TiledArray::verify`].
    pub fn verify(&self) -> Result<(), Error> {
        match self {
            Self::Single(array) => array.verify_all(),
            Self::Double(array) => array.verify_all(),
        }
    }

    /// As [`TiledArray::export`].
    ///
    /// # Errors
    ///
    /// The same.
    pub fn export(&self, path: &Path, progress: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error> {
        match self {
            Self::Single(array) => array.export(path, progress),
            Self::Double(array) => array.export(path, progress),
        }
    }
}
