//! Arrays of pairs of a finished run, whichever way they are stored.

use super::stored::StoredArray;
use super::zarr::Take;
use crate::error::Error;
use std::ops::Range;
use std::path::Path;

/// An array `[n, m, rest..]`, of which little is read at a time.
#[derive(Debug)]
pub struct PairArray(StoredArray);

impl PairArray {
    /// Opens `name.npy`, or else `name.zarr`, of a run directory; `None` where there is neither.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that is not such an array.
    pub fn open(directory: &Path, name: &str) -> Result<Option<Self>, Error> {
        let array = StoredArray::open(directory, name, |tiled| match tiled.has_layers() {
            true => Err("is an array by layers or windows, and should be their sum"),
            false => Ok(()),
        })?;
        Ok(array.map(Self))
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    /// Numbers of one pair.
    pub fn entry(&self) -> usize {
        self.shape().iter().skip(2).product()
    }

    /// Reads a rectangle of pairs, `[queries, examples, rest..]`: a row, a column, a pair.
    ///
    /// # Errors
    ///
    /// A rectangle beyond the array, or a tile that is missing or damaged.
    pub fn values(&self, queries: Range<usize>, examples: Range<usize>) -> Result<Vec<f64>, Error> {
        let (entry, width) = (self.entry(), examples.len());
        self.sides(&queries, &examples)?;
        if let StoredArray::Tiled(array) = &self.0 {
            // No memory is asked for that the files do not fill.
            array.find(0, queries.clone(), examples.clone())?;
        }
        let mut all = vec![0.0; queries.len() * width * entry];
        self.read(queries.clone(), examples.clone(), &mut |query, part, values| {
            let place = (query - queries.start) * width + part.start - examples.start;
            all[place * entry..][..values.len()].copy_from_slice(values);
        })?;
        Ok(all)
    }

    /// Reads the pairs of some queries with some examples, in any order, each part of the file once. `take` gets the
    /// places in the two lists and the pair's numbers.
    ///
    /// # Errors
    ///
    /// As [`values`](Self::values).
    pub fn pairs(
        &self,
        queries: &[usize],
        examples: &[usize],
        take: &mut dyn FnMut(usize, usize, &[f64]),
    ) -> Result<(), Error> {
        let (entry, [high, wide]) = match &self.0 {
            StoredArray::Whole(_) => (self.entry(), [1, 1]),
            StoredArray::Tiled(array) => (self.entry(), array.part()),
        };
        let columns = blocks(examples, wide);
        for rows in blocks(queries, high) {
            for columns in &columns {
                self.read(span(queries, &rows), span(examples, columns), &mut |query, part, values| {
                    for &row in rows.iter().filter(|&&row| queries[row] == query) {
                        for &column in columns {
                            take(row, column, &values[(examples[column] - part.start) * entry..][..entry]);
                        }
                    }
                })?;
            }
        }
        Ok(())
    }

    /// n and m, where a rectangle lies within them.
    fn sides(&self, queries: &Range<usize>, examples: &Range<usize>) -> Result<[usize; 2], Error> {
        let [n, m] = self.shape().first_chunk().copied().unwrap_or_default();
        if queries.end > n || examples.end > m {
            return Err(Error::Input(format!(
                "queries {queries:?}, examples {examples:?} are beyond an array of {n} x {m}"
            )));
        }
        Ok([n, m])
    }

    fn read(&self, queries: Range<usize>, examples: Range<usize>, take: &mut Take<'_, f64>) -> Result<(), Error> {
        let [_, m] = self.sides(&queries, &examples)?;
        match &self.0 {
            StoredArray::Whole(array) => {
                let entry = self.entry();
                for query in queries {
                    let first = (query * m + examples.start) * entry;
                    take(query, examples.clone(), &array.values(first, examples.len() * entry));
                }
                Ok(())
            }
            StoredArray::Tiled(array) => array.read(0, queries, examples, take),
        }
    }
}

/// The places of a list, those together whose numbers lie in one block of length `side`.
pub(super) fn blocks(numbers: &[usize], side: usize) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..numbers.len()).collect();
    places.sort_by_key(|&place| numbers[place]);
    places.chunk_by(|&a, &b| numbers[a] / side == numbers[b] / side).map(<[usize]>::to_vec).collect()
}

/// From the first to the last number of places, which are in the numbers' order.
pub(super) fn span(numbers: &[usize], places: &[usize]) -> Range<usize> {
    match places {
        [first, .., last] => numbers[*first]..numbers[*last] + 1,
        [one] => numbers[*one]..numbers[*one] + 1,
        [] => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::write_npy;
    use crate::run::store::{Grid, TiledArray};

    const SHAPE: [usize; 3] = [7, 9, 2];

    fn number(query: usize, example: usize, place: usize) -> f64 {
        (query * 100 + example * 10 + place) as f64
    }

    /// The same numbers in both kinds of store.
    fn both(folder: &Path) -> Result<[PairArray; 2], Box<dyn std::error::Error>> {
        let [n, m, entry] = SHAPE;
        let pairs = (0..n).flat_map(|query| (0..m).map(move |example| (query, example)));
        let all: Vec<f32> = pairs.flat_map(|(q, e)| (0..entry).map(move |place| number(q, e, place) as f32)).collect();
        write_npy(&folder.join("whole.npy"), &SHAPE, &all)?;
        let tiled = folder.join("tiled.zarr");
        let tiled = TiledArray::<f32>::create(&tiled, &SHAPE, 0, &Grid { tile: [4, 6], part: [2, 3] })?;
        for tile in tiled.tiles() {
            tiled.write(0, &tile, &mut |query, examples, out| {
                out.copy_from_slice(&all[(query * m + examples.start) * entry..][..examples.len() * entry]);
            })?;
        }
        let open = |name| PairArray::open(folder, name)?.ok_or(Error::Input("is not there".into()));
        Ok([open("whole")?, open("tiled")?])
    }

    #[test]
    fn both_stores_read_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        assert!(PairArray::open(folder.path(), "tiled")?.is_none());
        for array in both(folder.path())? {
            assert_eq!((array.shape(), array.entry()), (&SHAPE[..], 2));
            for (queries, examples) in [(3..4, 0..9), (0..7, 5..6), (6..7, 8..9), (1..5, 2..8), (0..0, 0..9)] {
                let all = array.values(queries.clone(), examples.clone())?;
                let pairs = queries.flat_map(|query| examples.clone().map(move |example| (query, example)));
                let expected: Vec<f64> = pairs.flat_map(|(q, e)| [number(q, e, 0), number(q, e, 1)]).collect();
                assert_eq!(all, expected);
            }
            let (queries, examples) = ([6, 0, 3, 1, 3], [8, 2, 5, 0]);
            let mut found = [[0; 4]; 5];
            array.pairs(&queries, &examples, &mut |row, column, values| {
                let (query, example) = (queries[row], examples[column]);
                assert_eq!(values, [number(query, example, 0), number(query, example, 1)]);
                found[row][column] += 1;
            })?;
            assert_eq!(found, [[1; 4]; 5]);
            assert!(array.values(0..8, 0..1).is_err() && array.pairs(&[0], &[9], &mut |_, _, _| ()).is_err());
        }
        Ok(())
    }
}
