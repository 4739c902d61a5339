//! The largest contributions to each value of a query, or influences on it, kept in place of all: in the making, tile by tile, and the
//! arrays that come of it.

use super::exact::ExactSum;
use super::{Largest, Named, Place, STATE, Store};
use crate::compute::Element;
use crate::error::Error;
use crate::formats::{NpyMap, StateReader, StateWriter};
use crate::path::Tile;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something of each kind of amounts, in the order of [`Of::ALL`].
pub type Each<T> = [T; 2];

/// What amounts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Contributions.
    Attribution,
    /// Influences.
    Influence,
}

impl Of {
    /// All kinds, in the order in which they lie in a [`Each`].
    pub const ALL: Each<Self> = [Of::Attribution, Of::Influence];

    /// The name of the array that holds all.
    pub fn name(self) -> &'static str {
        match self {
            Of::Attribution => "attribution",
            Of::Influence => "influence",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.name() == name)
    }

    /// What the names of its files begin with.
    fn prefix(self) -> &'static str {
        match self {
            Of::Attribution => "",
            Of::Influence => "influence_",
        }
    }

    /// The files that come of it: the largest amounts, their examples, and the sums of the rest.
    pub fn files(self) -> [String; 3] {
        ["top_values", "top_examples", "top_rest"].map(|name| format!("{}{name}.npy", self.prefix()))
    }
}

/// The number of an example where there is none.
pub(super) const NONE: i64 = -1;

/// Gives a query's attributions of some examples, `[examples, R]`; of several queries at once.
pub type RowOf<'a, E> = dyn Fn(usize, Range<usize>, &mut [E]) + Sync + 'a;

/// What tiles keep of the amounts: a state file for each, which goes when the run is finished, or lists in memory.
#[derive(Debug)]
pub struct TopLists<E> {
    of: Of,
    kept: Kept,
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

/// Where tiles are kept, by the query and the example that they begin at.
#[derive(Debug)]
enum Kept {
    /// In files of a folder.
    Folder(PathBuf),
    /// In memory.
    Memory(Mutex<BTreeMap<(usize, usize), Vec<Largest>>>),
}

/// Where a tile begins.
fn begin(tile: &Tile) -> (usize, usize) {
    (tile.queries.start, tile.examples.start)
}

impl<E: Element> TopLists<E> {
    /// The `count` largest of each sign of every query's `rows` values, of a run in such tiles.
    pub fn new(place: Place<'_>, of: Of, (count, rows): (usize, usize), pairs: [usize; 2], sides: [usize; 2]) -> Self {
        let kept = match place {
            Place::Directory(store) => Kept::Folder(store.path(STATE)),
            Place::Memory => Kept::Memory(Mutex::default()),
        };
        Self { of, kept, count, rows, pairs, sides, element: PhantomData }
    }

    /// The file of the tile that begins at a query and an example.
    fn path(&self, folder: &Path, (query, example): (usize, usize)) -> PathBuf {
        folder.join(format!("{}top-{query}-{example}.state", self.of.prefix()))
    }

    /// Whether a tile is there.
    pub fn has(&self, tile: &Tile) -> bool {
        match &self.kept {
            Kept::Folder(folder) => self.path(folder, begin(tile)).is_file(),
            Kept::Memory(tiles) => lock(tiles).contains_key(&begin(tile)),
        }
    }

    /// Compares a tile with its checksum, where it has one.
    ///
    /// # Errors
    ///
    /// A tile that was changed after it was written.
    pub fn verify(&self, tile: &Tile) -> Result<(), Error> {
        match &self.kept {
            Kept::Folder(folder) => Ok(StateReader::open(&self.path(folder, begin(tile))).map(drop)?),
            Kept::Memory(_) => Ok(()),
        }
    }

    /// Keeps what is largest in a tile, whose attributions `fill` gives.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn write(&self, tile: &Tile, fill: &RowOf<'_, E>) -> Result<(), Error> {
        let of_query = |query: usize| -> Vec<Largest> {
            let mut row = vec![E::ZERO; tile.examples.len() * self.rows];
            fill(query, tile.examples.clone(), &mut row);
            let of_value = |value: usize| {
                let amounts = row.iter().skip(value).step_by(self.rows).map(|amount| amount.to_f64());
                Largest::of(&tile.examples.clone().zip(amounts).collect::<Vec<_>>(), self.count)
            };
            (0..self.rows).map(of_value).collect()
        };
        let all: Vec<Vec<Largest>> = tile.queries.clone().into_par_iter().map(of_query).collect();
        match &self.kept {
            Kept::Memory(tiles) => drop(lock(tiles).insert(begin(tile), all.concat())),
            Kept::Folder(folder) => {
                let mut writer = StateWriter::create(&self.path(folder, begin(tile)))?;
                save::<E>(&all.concat(), &mut writer)?;
                writer.finish()?;
            }
        }
        Ok(())
    }

    /// What is largest in the tile that begins at a query and an example, of so many values.
    fn tile(&self, at: (usize, usize), values: usize) -> Result<Vec<Largest>, Error> {
        match &self.kept {
            Kept::Memory(tiles) => {
                let missing = || Error::Damaged(format!("the lists of the tile at {at:?} are missing"));
                lock(tiles).get(&at).cloned().ok_or_else(missing)
            }
            Kept::Folder(folder) => {
                let path = self.path(folder, at);
                let missing =
                    || Error::Damaged(format!("{}: is missing; the same command computes it again", path.display()));
                restore::<E>(values, &mut StateReader::open(&path)?.ok_or_else(missing)?)
            }
        }
    }

    /// What is largest of all examples, of each value of some queries that are those of tiles.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged.
    pub fn of_queries(&self, queries: &Range<usize>) -> Result<Vec<Largest>, Error> {
        let mut all = vec![Largest::default(); queries.len() * self.rows];
        for example in (0..self.pairs[1]).step_by(self.sides[1]) {
            let tile = self.tile((queries.start, example), all.len())?;
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
        let [values, examples, rest] = self.of.files().map(|name| store.path(&name));
        let shape = |width: usize| [self.pairs[0], self.rows, width];
        let mut values = NpyMap::<E>::create(&values, &shape(2 * self.count))?;
        let mut examples = NpyMap::<i64>::create(&examples, &shape(2 * self.count))?;
        let mut rest = NpyMap::<E>::create(&rest, &shape(2))?;
        self.fill((values.values_mut(), examples.values_mut(), rest.values_mut()), progress)?;
        values.sync()?;
        examples.sync()?;
        rest.sync()?;
        values.commit()?;
        examples.commit()?;
        Ok(rest.commit()?)
    }

    /// The arrays of a run in memory, with their names.
    ///
    /// # Errors
    ///
    /// A tile that is missing.
    pub fn results(&self) -> Result<[Named; 3], Error> {
        let shape = |width: usize| [self.pairs[0], self.rows, width];
        let len = |width: usize| self.pairs[0] * self.rows * width;
        let (mut values, mut rest) = (vec![E::ZERO; len(2 * self.count)], vec![E::ZERO; len(2)]);
        let mut examples = vec![NONE; values.len()];
        self.fill((&mut values, &mut examples, &mut rest), &mut || Ok(()))?;
        let files = self.of.files();
        let [of_values, of_examples, of_rest] = files.each_ref().map(|name| name.trim_end_matches(".npy"));
        let wide = shape(2 * self.count);
        Ok([
            Named::new(of_values, &wide, values),
            Named::whole(of_examples, &wide, examples),
            Named::new(of_rest, &shape(2), rest),
        ])
    }

    /// Fills in contributions, their examples, and the sums of the rest.
    fn fill(
        &self,
        (values, examples, rest): (&mut [E], &mut [i64], &mut [E]),
        progress: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        examples.fill(NONE);
        for queries in self.lines() {
            for (at, own) in (queries.start * self.rows..).zip(self.of_queries(&queries)?) {
                for (sign, (list, sum)) in own.lists.iter().zip(own.rest()).enumerate() {
                    let first = (2 * at + sign) * self.count;
                    for (place, &(example, amount)) in (first..).zip(list) {
                        values[place] = E::from_f64(amount);
                        examples[place] = example as i64;
                    }
                    rest[2 * at + sign] = E::from_f64(sum);
                }
            }
            progress()?;
        }
        Ok(())
    }
}

fn lock<T>(tiles: &Mutex<T>) -> MutexGuard<'_, T> {
    tiles.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::MappedArray;
    use crate::random::numbers;
    use crate::run::store::Listed;

    const PAIRS: [usize; 2] = [5, 23];
    const ROWS: usize = 3;

    /// `[n, m, R]`: numbers of which many are equal, some are 0, and a query with those above zero alone.
    fn attribution<E: Element>() -> Vec<E> {
        let [n, m] = PAIRS;
        let number = |(place, own): (usize, f64)| {
            let tied = (own * 3.0).round() / 7.0;
            let value = if place % 2 == 0 { tied } else { own };
            if place / (m * ROWS) == 2 { value.abs() } else { value }
        };
        numbers(11, n * m * ROWS).into_iter().enumerate().map(number).map(E::from_f64).collect()
    }

    /// The lists of a value by sorting its whole column, `[2 k]` each.
    fn selected(amounts: &[f64], count: usize) -> (Vec<f64>, Vec<f64>) {
        let (mut values, mut examples) = (vec![0.0; 2 * count], vec![-1.0; 2 * count]);
        for (sign, first) in [(1.0, 0), (-1.0, count)] {
            let mut left: Vec<usize> = (0..amounts.len()).filter(|&at| sign * amounts[at] > 0.0).collect();
            for place in first..first + count {
                // The first of those that are largest.
                let Some(&best) =
                    left.iter().reduce(|best, at| if sign * amounts[*at] > sign * amounts[*best] { at } else { best })
                else {
                    break;
                };
                left.retain(|&at| at != best);
                (values[place], examples[place]) = (amounts[best], best as f64);
            }
        }
        (values, examples)
    }

    fn checked<E: Element>(
        of: Of,
        count: usize,
        sides: [usize; 2],
    ) -> Result<[Vec<u8>; 3], Box<dyn std::error::Error>> {
        let ([n, m], all, folder) = (PAIRS, attribution::<E>(), tempfile::tempdir()?);
        let store = Store::new(folder.path());
        store.create()?;
        let lists = TopLists::<E>::new(Place::Directory(&store), of, (count, ROWS), PAIRS, sides);
        let side = |all: usize, side: usize| (0..all).step_by(side).map(move |first| first..all.min(first + side));
        for queries in side(n, sides[0]) {
            for examples in side(m, sides[1]) {
                let tile = Tile { queries: queries.clone(), examples };
                assert!(!lists.has(&tile));
                lists.write(&tile, &|query, examples, out| {
                    out.copy_from_slice(&all[(query * m + examples.start) * ROWS..(query * m + examples.end) * ROWS]);
                })?;
                assert!(lists.has(&tile));
                lists.verify(&tile)?;
            }
        }
        let in_memory = TopLists::<E>::new(Place::Memory, of, (count, ROWS), PAIRS, sides);
        for queries in side(n, sides[0]) {
            for examples in side(m, sides[1]) {
                in_memory.write(&Tile { queries: queries.clone(), examples }, &|query, examples, out| {
                    out.copy_from_slice(&all[(query * m + examples.start) * ROWS..(query * m + examples.end) * ROWS]);
                })?;
            }
        }
        let mut lines = 0;
        lists.publish(&store, &mut || {
            lines += 1;
            Ok(())
        })?;
        assert_eq!((lines, lists.lines().len()), (n.div_ceil(sides[0]), n.div_ceil(sides[0])));
        let open = |name: &str| -> Result<MappedArray, Box<dyn std::error::Error>> {
            Ok(MappedArray::open(&store.path(name))?.ok_or("no file")?)
        };
        let files = of.files();
        let [values, examples, rest] = [open(&files[0])?, open(&files[1])?, open(&files[2])?];
        assert_eq!((&values.shape, &examples.shape), (&vec![n, ROWS, 2 * count], &vec![n, ROWS, 2 * count]));
        assert_eq!(rest.shape, [n, ROWS, 2]);
        assert!(examples.slice::<i64>(0, 1).is_some() && values.slice::<E>(0, 1).is_some());
        let finished = Listed::open(folder.path(), of, [n, ROWS, m])?.ok_or("no lists")?;
        for at in 0..n * ROWS {
            let amounts: Vec<f64> =
                (0..m).map(|example| all[(at / ROWS * m + example) * ROWS + at % ROWS].to_f64()).collect();
            let width = 2 * count;
            let (found, numbers) = (values.values(at * width, width), examples.values(at * width, width));
            assert_eq!((&found, &numbers), (&selected(&amounts, count).0, &selected(&amounts, count).1));
            let total = |amounts: &[f64], sign: f64| amounts.iter().filter(|&own| sign * own > 0.0).sum::<f64>();
            for (sign, rest) in [1.0, -1.0].into_iter().zip(rest.values(2 * at, 2)) {
                let want = total(&amounts, sign) - total(&found, sign);
                assert!((rest - want).abs() <= 32.0 * E::ROUNDING * total(&amounts, sign).abs(), "{rest} {want}");
                assert!(sign * rest >= 0.0);
            }
            // What is read back is what was written.
            let own = finished.of(at / ROWS, at % ROWS)?;
            let read: Vec<f64> = own.lists.iter().flatten().map(|&(_, amount)| amount).collect();
            let written: Vec<f64> = found.into_iter().filter(|&amount| amount != 0.0).collect();
            assert_eq!(read, written);
            assert_eq!(own.rest().as_slice(), rest.values(2 * at, 2));
        }
        for (array, file) in in_memory.results()?.iter().zip([&values, &examples, &rest]) {
            assert_eq!((&array.shape, array.numbers.to_f64()), (&file.shape, file.all()));
        }
        let bytes = files.map(|name| std::fs::read(store.path(&name)).unwrap_or_default());
        Ok(bytes)
    }

    /// However the run is cut: along queries, along examples, both, and not at all.
    #[test]
    fn the_lists_are_those_of_the_whole_attribution() -> Result<(), Box<dyn std::error::Error>> {
        for count in [1, 4, 23, 30] {
            let of = Of::Attribution;
            let whole = (checked::<f32>(of, count, PAIRS)?, checked::<f64>(Of::Influence, count, PAIRS)?);
            for sides in [[2, 23], [5, 4], [3, 7], [1, 1]] {
                assert!(
                    whole.0 == checked::<f32>(of, count, sides)? && whole.1 == checked::<f64>(of, count, sides)?,
                    "{sides:?}"
                );
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_gone_or_changed_is_told() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let store = Store::new(folder.path());
        store.create()?;
        let lists = TopLists::<f64>::new(Place::Directory(&store), Of::Attribution, (2, 1), [1, 4], [1, 2]);
        let tile = |first: usize| Tile { queries: 0..1, examples: first..first + 2 };
        lists.write(&tile(0), &|_, _, out| out.copy_from_slice(&[1.0, 2.0]))?;
        let problem = lists.of_queries(&(0..1)).err().ok_or("it is whole")?.to_string();
        assert!(problem.contains("top-0-2.state: is missing"), "{problem}");
        lists.write(&tile(2), &|_, _, out| out.copy_from_slice(&[3.0, -2.0]))?;
        assert_eq!(lists.of_queries(&(0..1))?[0].sums(), [6.0, -2.0]);
        lists.publish(&store, &mut || Ok(()))?;
        // An example beyond all, and arrays of another run.
        let problem = Listed::open(folder.path(), Of::Attribution, [1, 1, 3])?
            .ok_or("no lists")?
            .of(0, 0)
            .err()
            .ok_or("it is one")?;
        assert!(problem.to_string().contains("names example 3, and there are 3"), "{problem}");
        assert!(
            Listed::open(folder.path(), Of::Attribution, [2, 1, 4]).is_err()
                && Listed::open(folder.path(), Of::Attribution, [1, 4, 4]).is_err()
        );
        let path = store.state("top-0-2.state");
        let mut bytes = std::fs::read(&path)?;
        bytes[40] ^= 1;
        std::fs::write(&path, bytes)?;
        assert!(lists.verify(&tile(2)).is_err() && lists.of_queries(&(0..1)).is_err());
        std::fs::remove_file(store.path(&Of::Attribution.files()[1]))?;
        assert!(Listed::open(folder.path(), Of::Attribution, [1, 1, 4]).is_err());
        Ok(())
    }
}
