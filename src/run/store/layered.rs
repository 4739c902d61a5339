//! Arrays of pairs by layers of a finished run, whichever way they are stored.

use super::pairs::{blocks, span};
use super::stored::StoredArray;
use crate::error::Error;
use std::path::Path;

/// An array `[layers, n, m, rest..]` or by windows of training, of which a query's row of a layer is read at a time, or less of it.
#[derive(Debug)]
pub struct LayeredArray(StoredArray);

impl LayeredArray {
    /// Opens `name.npy`, or else `name.zarr`, of a run directory; `None` where there is neither.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that is not such an array.
    pub fn open(directory: &Path, name: &str) -> Result<Option<Self>, Error> {
        let array = StoredArray::open(directory, name, |tiled| match tiled.has_layers() {
            true => Ok(()),
            false => Err("is an array without layers"),
        })?;
        Ok(array.map(Self))
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// A query's row of a layer, `[m, rest..]`.
    ///
    /// # Errors
    ///
    /// A row beyond the array, or a tile that is missing or damaged.
    pub fn row(&self, layer: usize, query: usize) -> Result<Vec<f64>, Error> {
        let [row, examples, entry] = self.place(layer, query)?;
        match &self.0 {
            StoredArray::Whole(array) => Ok(array.values(row * examples * entry, examples * entry)),
            StoredArray::Tiled(array) => {
                let (queries, examples) = (query..query + 1, 0..examples);
                // No memory is asked for that the files do not fill.
                array.find(layer, queries.clone(), examples.clone())?;
                let mut row = vec![0.0; examples.len() * entry];
                array.read(layer, queries, examples, &mut |_, part, values| {
                    row[part.start * entry..][..values.len()].copy_from_slice(values);
                })?;
                Ok(row)
            }
        }
    }

    /// Reads what a query's row of a layer has of some examples, in any order, each part of the file once. `take` gets the place in
    /// the list and the pair's numbers.
    ///
    /// # Errors
    ///
    /// As [`row`](Self::row), or an example beyond the array.
    pub fn pairs(
        &self,
        layer: usize,
        query: usize,
        examples: &[usize],
        take: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), Error> {
        let [row, count, entry] = self.place(layer, query)?;
        if let Some(example) = examples.iter().find(|&&example| example >= count) {
            return Err(Error::Input(format!("example {example} is beyond an array of {count}")));
        }
        match &self.0 {
            StoredArray::Whole(array) => {
                for (place, example) in examples.iter().enumerate() {
                    take(place, &array.values((row * count + example) * entry, entry));
                }
                Ok(())
            }
            StoredArray::Tiled(array) => {
                let [_, wide] = array.part();
                blocks(examples, wide).into_iter().try_for_each(|places| {
                    array.read(layer, query..query + 1, span(examples, &places), &mut |_, part, values| {
                        for &place in &places {
                            take(place, &values[(examples[place] - part.start) * entry..][..entry]);
                        }
                    })
                })
            }
        }
    }

    /// Which row of all a query's row of a layer is, how many examples it has, and how many numbers each of them has.
    fn place(&self, layer: usize, query: usize) -> Result<[usize; 3], Error> {
        let [layers, queries, examples, rest @ ..] = self.shape() else {
            return Err(Error::Input("an array by layers has fewer than three axes".into()));
        };
        if layer >= *layers || query >= *queries {
            return Err(Error::Input(format!(
                "layer {layer}, query {query} are beyond an array of {layers} x {queries}"
            )));
        }
        let entry: usize = rest.iter().product();
        Ok([layer * queries + query, *examples, entry])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::write_npy;
    use crate::run::store::{Grid, TiledArray};

    const SHAPE: [usize; 4] = [2, 3, 5, 2];

    #[test]
    fn both_stores_read_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let [layers, n, m, entry] = SHAPE;
        let all: Vec<f32> = (0..layers * n * m * entry).map(|at| at as f32).collect();
        write_npy(&folder.path().join("whole.npy"), &SHAPE, &all)?;
        let tiled = folder.path().join("tiled.zarr");
        let tiled = TiledArray::<f32>::create(&tiled, &SHAPE, 1, &Grid { tile: [2, 4], part: [1, 2] })?;
        for layer in 0..layers {
            for tile in tiled.tiles() {
                tiled.write(layer, &tile, &mut |query, examples, out| {
                    let first = ((layer * n + query) * m + examples.start) * entry;
                    out.copy_from_slice(&all[first..][..examples.len() * entry]);
                })?;
            }
        }
        assert!(LayeredArray::open(folder.path(), "none")?.is_none());
        for name in ["whole", "tiled"] {
            let array = LayeredArray::open(folder.path(), name)?.ok_or("is not there")?;
            assert_eq!(array.shape(), SHAPE);
            for (layer, query) in [(0, 0), (1, 2), (0, 1)] {
                let first = ((layer * n + query) * m * entry) as f64;
                assert_eq!(array.row(layer, query)?, (0..m * entry).map(|at| first + at as f64).collect::<Vec<_>>());
            }
            let (shown, mut found) = ([4, 0, 3, 4], vec![Vec::<f64>::new(); 4]);
            array.pairs(1, 2, &shown, &mut |place, values| found[place].extend(values))?;
            let row = array.row(1, 2)?;
            assert_eq!(found, shown.map(|example| row[example * entry..][..entry].to_vec()));
            let beyond = |layer, query, example| array.pairs(layer, query, &[example], &mut |_, _| ()).is_err();
            assert!(array.row(2, 0).is_err() && array.row(0, 3).is_err());
            assert!(beyond(2, 0, 0) && beyond(0, 3, 0) && beyond(0, 0, 5));
        }
        Ok(())
    }
}
