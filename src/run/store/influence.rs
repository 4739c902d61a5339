//! The influences of a run in the making, tile by tile: all of them or their largest, and the derivatives by the learning rates.

use super::{Grid, Of, Place, Tiles, TopLists};
use crate::compute::{Element, Entries};
use crate::error::Error;
use crate::path::{Finished, Tile, interleave};
use std::ops::Range;

/// The influences, in tiles of some queries with all examples.
#[derive(Debug)]
pub struct InfluenceArrays<E> {
    /// R and S.
    rows: usize,
    steps: usize,
    /// `[n, m, R]`, where all are kept.
    whole: Option<Tiles<E>>,
    /// What is kept of them, where not all are.
    top: Option<TopLists<E>>,
    /// `[n, R, S]`.
    rates: Tiles<E>,
}

impl<E: Element> InfluenceArrays<E> {
    /// Makes the arrays of n queries, m examples, R values and S steps, or finds them, in tiles of `side` queries. With `top`, so many of
    /// the largest influences of each sign are kept, and not the others.
    ///
    /// # Errors
    ///
    /// A folder that cannot be made.
    pub fn create(
        place: Place<'_>,
        [queries, examples, rows, steps]: [usize; 4],
        side: usize,
        top: Option<usize>,
    ) -> Result<Self, Error> {
        let array = |name: &str, across: usize, each: usize| {
            let grid = Grid::new([side, across], [queries, across], each * size_of::<E>());
            Tiles::create(place, name, &[queries, across, each], 0, &grid)
        };
        let whole = top.is_none().then(|| array("influence", examples, rows)).transpose()?;
        let lists = |count| TopLists::new(place, Of::Influence, (count, rows), [queries, examples], [side, examples]);
        Ok(Self { rows, steps, whole, top: top.map(lists), rates: array("influence_rates", rows, steps)? })
    }

    /// The tile of the rates that belongs to a tile of pairs.
    fn of_rates(&self, tile: &Tile) -> Tile {
        Tile { queries: tile.queries.clone(), examples: 0..self.rows }
    }

    /// Whether a tile is there.
    pub fn has(&self, tile: &Tile) -> bool {
        self.whole.iter().all(|whole| whole.has(0, tile))
            && self.top.iter().all(|top| top.has(tile))
            && self.rates.has(0, &self.of_rates(tile))
    }

    /// Compares a tile with its checksums.
    ///
    /// # Errors
    ///
    /// A tile that was changed after it was written.
    pub fn verify(&self, tile: &Tile) -> Result<(), Error> {
        self.whole.iter().try_for_each(|whole| whole.verify(0, tile))?;
        self.top.iter().try_for_each(|top| top.verify(tile))?;
        self.rates.verify(0, &self.of_rates(tile))
    }

    /// Removes what killed processes left behind; nobody else may write.
    ///
    /// # Errors
    ///
    /// A file that cannot be removed.
    pub fn sweep(&self) -> Result<(), Error> {
        self.whole.iter().try_for_each(Tiles::sweep)?;
        self.rates.sweep()
    }

    /// Writes a tile that was computed in pieces, each of some queries.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn write(&self, tile: &Tile, pieces: &[(Tile, Finished)]) -> Result<(), Error> {
        let of = |query: usize| pieces.iter().find(|(piece, _)| piece.queries.contains(&query));
        let fill = |query: usize, examples: Range<usize>, out: &mut [E]| {
            if let Some((piece, Finished { influence, .. })) = of(query) {
                interleave(out, influence, Entries::Loss, (self.rows, 1), piece, query, examples);
            }
        };
        self.whole
            .iter()
            .try_for_each(|whole| whole.write(0, tile, &mut |query, examples, out| fill(query, examples, out)))?;
        self.top.iter().try_for_each(|top| top.write(tile, &fill))?;
        self.rates.write(0, &self.of_rates(tile), &mut |query, values, out| {
            if let Some((piece, Finished { effects, .. })) = of(query) {
                let first = ((query - piece.queries.start) * self.rows + values.start) * self.steps;
                out.iter_mut().zip(&effects.rates[first..]).for_each(|(out, &rate)| *out = E::from_f64(rate));
            }
        })
    }

    /// The arrays that come of its tiles, with their names.
    pub fn results(&self) -> Vec<(String, &Tiles<E>)> {
        let whole = self.whole.iter().map(|whole| ("influence".to_owned(), whole));
        whole.chain([("influence_rates".to_owned(), &self.rates)]).collect()
    }

    /// The lists of the largest.
    pub fn lists(&self) -> impl Iterator<Item = &TopLists<E>> {
        self.top.iter()
    }
}
