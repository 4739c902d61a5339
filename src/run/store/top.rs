//! The largest contributions to each value of a query, kept in the attribution's place: in the making, tile by tile, and the arrays
//! that come of it.

use super::exact::ExactSum;
use super::{Largest, STATE, Store};
use crate::compute::Element;
use crate::error::Error;
use crate::formats::{NpyMap, StateReader, StateWriter};
use crate::path::Tile;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::PathBuf;

/// The arrays that come of it: contributions, their examples, and the sums of the rest.
pub(super) const NAMES: [&str; 3] = ["top_values.npy", "top_examples.npy", "top_rest.npy"];

/// The number of an example where there is none.
pub(super) const NONE: i64 = -1;

/// What tiles keep of the attribution: a state file for each, which goes when the run is finished.
#[derive(Debug)]
pub struct TopLists<E> {
    folder: PathBuf,
    /// k.
    count: usize,
    /// R.
    rows: usize,
    /// n and m.
    pairs: [usize; 2],
    /// Queries and examples of a tile.
    sides: [usize; 2],
    element: PhantomData<E>,
}

impl<E: Element> TopLists<E> {
    /// The `count` largest of each sign of every query's `rows` values, of a run in such tiles.
    pub fn new(store: &Store, count: usize, rows: usize, pairs: [usize; 2], sides: [usize; 2]) -> Self {
        Self { folder: store.path(STATE), count, rows, pairs, sides, element: PhantomData }
    }

    /// The file of the tile that begins at a query and an example.
    fn path(&self, query: usize, example: usize) -> PathBuf {
        self.folder.join(format!("top-{query}-{example}.state"))
    }

    /// Whether a tile is there.
    pub fn has(&self, tile: &Tile) -> bool {
        self.path(tile.queries.start, tile.examples.start).is_file()
    }

    /// Compares a tile with its checksum.
    ///
    /// # Errors
    ///
    /// A tile that was changed after it was written.
    pub fn verify(&self, tile: &Tile) -> Result<(), Error> {
        StateReader::open(&self.path(tile.queries.start, tile.examples.start))?;
        Ok(())
    }

    /// Keeps what is largest in a tile; `fill` gives a query's attributions of some examples, `[examples, R]`.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn write(&self, tile: &Tile, fill: &dyn Fn(usize, Range<usize>, &mut [E])) -> Result<(), Error> {
        let mut all = Vec::new();
        let mut row = vec![E::ZERO; tile.examples.len() * self.rows];
        for query in tile.queries.clone() {
            fill(query, tile.examples.clone(), &mut row);
            for value in 0..self.rows {
                let amounts = row.iter().skip(value).step_by(self.rows).map(|amount| amount.to_f64());
                let amounts: Vec<(usize, f64)> = tile.examples.clone().zip(amounts).collect();
                all.push(Largest::of(&amounts, self.count));
            }
        }
        let mut writer = StateWriter::create(&self.path(tile.queries.start, tile.examples.start))?;
        save::<E>(&all, &mut writer)?;
        Ok(writer.finish()?)
    }

    /// What is largest of all examples, of each value of some queries that are those of tiles.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged.
    pub fn of_queries(&self, queries: &Range<usize>) -> Result<Vec<Largest>, Error> {
        let mut all = vec![Largest::default(); queries.len() * self.rows];
        for example in (0..self.pairs[1]).step_by(self.sides[1]) {
            let path = self.path(queries.start, example);
            let missing =
                || Error::Damaged(format!("{}: is missing; the same command computes it again", path.display()));
            let tile = restore::<E>(all.len(), &mut StateReader::open(&path)?.ok_or_else(missing)?)?;
            all = all.into_iter().zip(tile).map(|(all, tile)| all.join(tile, self.count)).collect();
        }
        Ok(all)
    }

    /// The queries of each line of tiles.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        let [[n, _], [side, _]] = [self.pairs, self.sides];
        (0..n).step_by(side).map(move |first| first..n.min(first + side))
    }

    /// Writes the arrays; `progress` is called once a line of tiles.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged, a disk that refuses, or what `progress` ends it with.
    pub fn publish(&self, store: &Store, progress: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let [values, examples, rest] = NAMES.map(|name| store.path(name));
        let shape = |width: usize| [self.pairs[0], self.rows, width];
        let mut values = NpyMap::<E>::create(&values, &shape(2 * self.count))?;
        let mut examples = NpyMap::<i64>::create(&examples, &shape(2 * self.count))?;
        let mut rest = NpyMap::<E>::create(&rest, &shape(2))?;
        examples.values_mut().fill(NONE);
        for queries in self.lines() {
            for (at, own) in (queries.start * self.rows..).zip(self.of_queries(&queries)?) {
                for (sign, (list, sum)) in own.lists.iter().zip(own.rest()).enumerate() {
                    let first = (2 * at + sign) * self.count;
                    for (place, &(example, amount)) in (first..).zip(list) {
                        values.values_mut()[place] = E::from_f64(amount);
                        examples.values_mut()[place] = example as i64;
                    }
                    rest.values_mut()[2 * at + sign] = E::from_f64(sum);
                }
            }
            progress()?;
        }
        values.sync()?;
        examples.sync()?;
        rest.sync()?;
        values.commit()?;
        examples.commit()?;
        Ok(rest.commit()?)
    }
}

/// Writes the lists of a tile.
fn save<E: Element>(all: &[Largest], writer: &mut StateWriter) -> Result<(), Error> {
    let listed = || all.iter().flat_map(|own| own.lists.iter().flatten());
    let lengths = all.iter().flat_map(|own| {
        own.lists.each_ref().map(Vec::len).into_iter().chain(own.all.each_ref().map(|sum| sum.parts().len()))
    });
    writer.put_counts("lengths", &lengths.collect::<Vec<_>>())?;
    writer.put("examples", &listed().map(|&(example, _)| example as u32).collect::<Vec<_>>())?;
    writer.put("amounts", &listed().map(|&(_, amount)| E::from_f64(amount)).collect::<Vec<_>>())?;
    let parts = all.iter().flat_map(|own| &own.all).flat_map(ExactSum::parts);
    Ok(writer.put("sums", &parts.copied().collect::<Vec<f64>>())?)
}

/// Takes what was [saved](save), of so many values.
fn restore<E: Element>(values: usize, reader: &mut StateReader) -> Result<Vec<Largest>, Error> {
    let lengths: Vec<u64> = reader.take_exactly("lengths", 4 * values)?;
    let mut examples = reader.take::<u32>("examples")?.into_iter();
    let mut amounts = reader.take::<E>("amounts")?.into_iter();
    let mut sums = reader.take::<f64>("sums")?.into_iter();
    let mut list = |len: u64| -> Vec<(usize, f64)> {
        let own = examples.by_ref().zip(amounts.by_ref()).take(len as usize);
        own.map(|(example, amount)| (example as usize, amount.to_f64())).collect()
    };
    let one = |lengths: &[u64]| -> Largest {
        let &[above, below, of_above, of_below] = lengths else { return Largest::default() };
        let lists = [above, below].map(&mut list);
        Largest { lists, all: [of_above, of_below].map(|len| sums.by_ref().take(len as usize).collect()) }
    };
    Ok(lengths.chunks_exact(4).map(one).collect())
}
