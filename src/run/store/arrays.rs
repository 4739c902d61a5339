//! The arrays of pairs of a run, tile by tile, and what is made of them once every tile is there.

use super::held::folder;
use super::{Grid, InfluenceArrays, Named, Of, Place, Store, Tiles, TopLists};
use crate::compute::{Element, Entries};
use crate::error::Error;
use crate::path::{Finished, Spec, Tile, interleave, larger, transpose};
use crate::run::keys::StoreKind;
use std::ops::Range;

/// Gives one query's entries of some examples in a layer.
type Part<'a, E> = dyn Fn(usize, usize, Range<usize>, &mut [E]) + 'a;

/// An array, and where the layers are kept apart, its parts.
#[derive(Debug)]
struct Group<E> {
    whole: Tiles<E>,
    /// `[layers, …]`: the parts that the whole is the sum of.
    layers: Option<Tiles<E>>,
}

/// The name of the attribution's parts by window of training.
const WINDOWS: &str = "attribution_windows";

/// The arrays of pairs of a run: in folders of tiles beside their final names, or in memory.
#[derive(Debug)]
pub struct Arrays<E> {
    /// R, values of a query's readout, and C, outputs of an example.
    rows: usize,
    outputs: usize,
    examples: usize,
    /// T, where the attribution is split by positions.
    positions: usize,
    entries: Entries,
    attribution: Option<Group<E>>,
    /// `[windows, …]`: the attribution's parts by window of training, where those are kept apart.
    attribution_windows: Option<Tiles<E>>,
    /// What is kept of the attribution, where it is not kept whole.
    top: Option<TopLists<E>>,
    attribution_positions: Option<Group<E>>,
    kernel: Option<Group<E>>,
    /// The coefficients' numerators, which are no result, and the coefficients.
    coefficients: Option<[Tiles<E>; 2]>,
    /// At the first and at the last weights.
    tangent: Option<[Tiles<E>; 2]>,
    /// What is made in tiles of its own.
    influence: Option<InfluenceArrays<E>>,
}

impl<E: Element> Group<E> {
    fn create(
        place: Place<'_>,
        name: &str,
        shape: &[usize],
        layers: Option<usize>,
        grid: &Grid,
    ) -> Result<Self, Error> {
        let whole = Tiles::create(place, name, shape, 0, grid)?;
        let layers = layers.map(|layers| {
            let shape = [&[layers], shape].concat();
            Tiles::create(place, &format!("{name}_layers"), &shape, 1, grid)
        });
        Ok(Self { whole, layers: layers.transpose()? })
    }

    fn all(&self) -> impl Iterator<Item = &Tiles<E>> {
        std::iter::once(&self.whole).chain(&self.layers)
    }

    /// What tiles are computed of, with the number of its layers: the parts, or the whole where there are none.
    fn parts(&self) -> (&Tiles<E>, usize) {
        match &self.layers {
            Some(layers) => (layers, layers.layers()),
            None => (&self.whole, 1),
        }
    }

    /// Writes a tile of the parts and of their sum; `value` gives the numbers of a part.
    fn write(&self, tile: &Tile, value: &Part<'_, E>) -> Result<(), Error> {
        let Some(parts) = &self.layers else {
            return self.whole.write(0, tile, &mut |query, examples, out| value(0, query, examples, out));
        };
        for layer in 0..parts.layers() {
            parts.write(layer, tile, &mut |query, examples, out| value(layer, query, examples, out))?;
        }
        let mut part = Vec::new();
        let mut sum = Vec::new();
        self.whole.write(0, tile, &mut |query, examples, out| {
            part.resize(out.len(), E::ZERO);
            sum.clear();
            sum.resize(out.len(), 0.0);
            for layer in 0..parts.layers() {
                value(layer, query, examples.clone(), &mut part);
                sum.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part.to_f64());
            }
            out.iter_mut().zip(&sum).for_each(|(out, &sum)| *out = E::from_f64(sum));
        })
    }
}

impl<E: Element> Arrays<E> {
    /// Makes the arrays that a run asks for, or finds them. With `top`, so many of the largest attributions of each
    /// sign are kept, and not the others.
    ///
    /// # Errors
    ///
    /// A folder that cannot be made.
    pub fn create(
        place: Place<'_>,
        spec: &Spec,
        outputs: usize,
        layers: usize,
        [queries, examples]: [usize; 2],
        tile: [usize; 2],
        top: Option<usize>,
    ) -> Result<Self, Error> {
        let rows = spec.values(outputs);
        let groups = spec.layers.then_some(layers);
        let entries = spec.kernel.unwrap_or(Entries::Trace);
        let grid = |per_pair: usize| Grid::new(tile, [queries, examples], per_pair * size_of::<E>());
        let mut shape = vec![queries, examples];
        shape.extend(match entries {
            Entries::Trace => vec![],
            Entries::Diagonal | Entries::Loss => vec![rows],
            Entries::Full => vec![rows, outputs],
        });
        let of_kernel = grid(entries.per_pair(rows, outputs));
        let whole = |name: &str| Tiles::create(place, name, &shape, 0, &of_kernel);
        let pair = |wanted: bool, names: [&str; 2]| -> Result<_, Error> {
            Ok(if wanted { Some([whole(names[0])?, whole(names[1])?]) } else { None })
        };
        let attribution = [queries, examples, rows];
        let attribution = (spec.attribution && top.is_none())
            .then(|| Group::create(place, "attribution", &attribution, groups, &grid(rows)));
        let of_windows = || {
            let shape = [spec.windows, queries, examples, rows];
            Tiles::create(place, WINDOWS, &shape, 1, &grid(rows))
        };
        let of_positions = |positions: usize| {
            let shape = [queries, examples, rows, positions];
            Group::create(place, "attribution_positions", &shape, groups, &grid(rows * positions))
        };
        let kernel = spec.kernel.map(|_| Group::create(place, "kernel", &shape, groups, &of_kernel));
        Ok(Self {
            rows,
            outputs,
            examples,
            positions: spec.positions.unwrap_or(0),
            entries,
            attribution: attribution.transpose()?,
            attribution_windows: (spec.windows > 0).then(of_windows).transpose()?,
            top: top
                .filter(|_| spec.attribution)
                .map(|count| TopLists::new(place, Of::Attribution, (count, rows), [queries, examples], tile)),
            attribution_positions: spec.positions.map(of_positions).transpose()?,
            kernel: kernel.transpose()?,
            coefficients: pair(spec.coefficients, ["numerators", "coefficients"])?,
            tangent: pair(spec.tangent, ["tangent_initial", "tangent_final"])?,
            influence: None,
        })
    }

    /// The same with arrays of influences beside them.
    pub fn with(self, influence: InfluenceArrays<E>) -> Self {
        Self { influence: Some(influence), ..self }
    }

    /// The influences.
    pub fn influence(&self) -> Option<&InfluenceArrays<E>> {
        self.influence.as_ref()
    }

    /// The arrays that may have parts by layer, with their names.
    fn groups(&self) -> impl Iterator<Item = (&'static str, &Group<E>)> {
        let Self { attribution, attribution_positions, kernel, .. } = self;
        let named =
            [("attribution", attribution), ("attribution_positions", attribution_positions), ("kernel", kernel)];
        named.into_iter().filter_map(|(name, group)| Some((name, group.as_ref()?)))
    }

    /// The arrays that tiles are written to.
    fn of_tiles(&self) -> impl Iterator<Item = &Tiles<E>> {
        let groups = self.groups().flat_map(|(_, group)| group.all());
        let numerators = self.coefficients.iter().map(|[numerators, _]| numerators);
        groups.chain(&self.attribution_windows).chain(numerators).chain(self.tangent.iter().flatten())
    }

    /// Whether every array has a tile.
    pub fn has(&self, tile: &Tile) -> bool {
        let listed = self.top.iter().all(|top| top.has(tile));
        listed && self.of_tiles().all(|array| (0..array.layers()).all(|layer| array.has(layer, tile)))
    }

    /// Compares a tile with its checksums.
    ///
    /// # Errors
    ///
    /// A tile that was changed after it was written.
    pub fn verify(&self, tile: &Tile) -> Result<(), Error> {
        self.top.iter().try_for_each(|top| top.verify(tile))?;
        self.of_tiles().try_for_each(|array| (0..array.layers()).try_for_each(|layer| array.verify(layer, tile)))
    }

    /// Removes what killed processes left behind; nobody else may write.
    ///
    /// # Errors
    ///
    /// A file that cannot be removed.
    pub fn sweep(&self) -> Result<(), Error> {
        let coefficients = self.coefficients.iter().map(|[_, coefficients]| coefficients);
        self.of_tiles().chain(coefficients).try_for_each(Tiles::sweep)?;
        self.influence.iter().try_for_each(InfluenceArrays::sweep)
    }

    /// Writes a tile that was computed in pieces; returns the largest |K|.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn write(&self, tile: &Tile, pieces: &[(Tile, Finished)]) -> Result<f64, Error> {
        let kernel = Pieces { size: (self.rows, self.outputs), entries: self.entries, pieces };
        let attribution = Pieces { entries: Entries::Loss, ..kernel };
        let positions = Pieces { size: (self.rows, self.positions), entries: Entries::Full, pieces };
        if let Some(group) = &self.attribution {
            group.write(tile, &|layer, query, examples, out| {
                attribution.fill(|finished| &finished.attribution, layer, query, examples, out);
            })?;
        }
        if let Some(windows) = &self.attribution_windows {
            for window in 0..windows.layers() {
                windows.write(window, tile, &mut |query, examples, out| {
                    attribution.fill(|finished| &finished.windows, window, query, examples, out);
                })?;
            }
        }
        if let Some(top) = &self.top {
            top.write(tile, &|query, examples, out| {
                attribution.fill(|finished| &finished.attribution, 0, query, examples, out);
            })?;
        }
        if let Some(group) = &self.attribution_positions {
            group.write(tile, &|layer, query, examples, out| {
                positions.fill(|finished| &finished.positions, layer, query, examples, out);
            })?;
        }
        if let Some(group) = &self.kernel {
            group.write(tile, &|layer, query, examples, out| {
                kernel.fill(|finished| &finished.kernel, layer, query, examples, out);
            })?;
        }
        let whole = |array: &Tiles<E>, of: fn(&Finished) -> &Vec<Vec<f64>>| {
            array.write(0, tile, &mut |query, examples, out| kernel.fill(of, 0, query, examples, out))
        };
        if let Some([numerators, _]) = &self.coefficients {
            whole(numerators, |finished| &finished.numerator)?;
        }
        if let Some([first, last]) = &self.tangent {
            whole(first, |finished| &finished.tangent_initial)?;
            whole(last, |finished| &finished.tangent_final)?;
        }
        self.largest_kernel(tile)
    }

    /// The largest |K| of a tile, as it was written.
    fn largest_kernel(&self, tile: &Tile) -> Result<f64, Error> {
        let mut largest = 0.0;
        if let (Some(kernel), Some(_)) = (&self.kernel, &self.coefficients) {
            kernel.whole.read(0, tile.queries.clone(), tile.examples.clone(), &mut |_, _, values| {
                largest = values.iter().fold(largest, |largest, value| larger(value.to_f64().abs(), largest));
            })?;
        }
        Ok(largest)
    }

    /// Fills a tile's part of the half of a symmetric kernel that was not computed: examples before the query.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged, or a disk that refuses.
    pub fn mirror_kernel(&self, tile: &Tile) -> Result<(), Error> {
        let Some(kernel) = &self.kernel else { return Ok(()) };
        kernel.all().try_for_each(|array| (0..array.layers()).try_for_each(|layer| self.mirror(array, layer, tile)))
    }

    /// The same for the tangent kernels.
    ///
    /// # Errors
    ///
    /// As [`mirror_kernel`](Self::mirror_kernel).
    pub fn mirror_tangent(&self, tile: &Tile) -> Result<(), Error> {
        self.tangent.iter().flatten().try_for_each(|array| self.mirror(array, 0, tile))
    }

    fn mirror(&self, array: &Tiles<E>, layer: usize, tile: &Tile) -> Result<(), Error> {
        let Tile { queries, examples } = tile.clone();
        if examples.start + 1 >= queries.end {
            return Ok(());
        }
        let per_pair = self.entries.per_pair(self.rows, self.outputs);
        let mut whole = Whole::read(array, layer, tile, per_pair)?;
        // `K[q, i, c, d] = K[i, q, d, c]` for i < q.
        array.read(layer, examples.clone(), queries.clone(), &mut |example, own, from| {
            for (query, from) in own.zip(from.chunks_exact(per_pair)).filter(|(query, _)| example < *query) {
                transpose(whole.at(query, example, per_pair), from, self.entries, self.outputs);
            }
        })?;
        whole.write(array, layer)
    }

    /// A tile's coefficients, `-Σ … / K` where K does not vanish beside the largest |K|: the numerators carry the sign already.
    /// Returns how many are not a number.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged, or a disk that refuses.
    pub fn divide(&self, tile: &Tile, largest: f64) -> Result<usize, Error> {
        let (Some([numerators, coefficients]), Some(kernel)) = (&self.coefficients, &self.kernel) else { return Ok(0) };
        let per_pair = self.entries.per_pair(self.rows, self.outputs);
        let mut whole = Whole::read(numerators, 0, tile, per_pair)?;
        let mut undefined = 0;
        kernel.whole.read(0, tile.queries.clone(), tile.examples.clone(), &mut |query, own, kernel| {
            undefined += ratio(whole.at(query, own.start, kernel.len()), kernel, E::VANISHING * largest);
        })?;
        whole.write(coefficients, 0)?;
        Ok(undefined)
    }

    /// Takes the attributions of some queries away from what they explain, `rest[query - first, R]`, example by example, and
    /// adds up how large they are, in `sizes` of the same shape.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged.
    pub fn take_attribution(&self, queries: &Range<usize>, rest: &mut [f64], sizes: &mut [f64]) -> Result<(), Error> {
        if let Some(top) = &self.top {
            for ((rest, size), own) in rest.iter_mut().zip(&mut *sizes).zip(top.of_queries(queries)?) {
                let [above, below] = own.sums();
                *rest -= above + below;
                *size += above - below;
            }
        }
        let Some(attribution) = &self.attribution else { return Ok(()) };
        let (parts, layers) = attribution.parts();
        for layer in 0..layers {
            parts.read(layer, queries.clone(), 0..self.examples, &mut |query, _, values| {
                let place = (query - queries.start) * self.rows..(query - queries.start + 1) * self.rows;
                let (rest, sizes) = (&mut rest[place.clone()], &mut sizes[place]);
                for values in values.chunks_exact(self.rows) {
                    for ((rest, size), value) in rest.iter_mut().zip(&mut *sizes).zip(values) {
                        *rest -= value.to_f64();
                        *size += value.to_f64().abs();
                    }
                }
            })?;
        }
        Ok(())
    }

    /// Whether there are attributions, all or the largest with the sum of the rest.
    pub fn has_attribution(&self) -> bool {
        self.attribution.is_some() || self.top.is_some()
    }

    /// The results, with the names that they will have.
    fn results(&self) -> Vec<(String, &Tiles<E>)> {
        let mut results = Vec::new();
        for (name, group) in self.groups() {
            results.push((name.to_owned(), &group.whole));
            results.extend(group.layers.iter().map(|layers| (format!("{name}_layers"), layers)));
        }
        results.extend(self.attribution_windows.iter().map(|windows| (WINDOWS.to_owned(), windows)));
        results.extend(self.coefficients.iter().map(|[_, coefficients]| ("coefficients".to_owned(), coefficients)));
        if let Some([first, last]) = &self.tangent {
            results.extend([("tangent_initial".to_owned(), first), ("tangent_final".to_owned(), last)]);
        }
        results.extend(self.influence.iter().flat_map(InfluenceArrays::results));
        results
    }

    /// The lists of what is largest.
    fn lists(&self) -> impl Iterator<Item = &TopLists<E>> {
        self.top.iter().chain(self.influence.iter().flat_map(InfluenceArrays::lists))
    }

    /// Gives the arrays their final form and names; `progress` is called once a tile and array, and once a line of tiles for what is
    /// kept of the attribution.
    ///
    /// # Errors
    ///
    /// A tile that is missing or damaged, a disk that refuses, or what `progress` ends it with.
    pub fn publish(
        &self,
        store: &Store,
        kind: StoreKind,
        progress: &mut dyn FnMut() -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (name, array) in self.results() {
            let Tiles::Folder(array) = array else { continue };
            match kind {
                StoreKind::Npy => array.export(&store.path(&format!("{name}.npy")), progress)?,
                StoreKind::Zarr => {
                    let (working, last) = (folder(store, &name), store.path(&format!("{name}.zarr")));
                    if working != last {
                        std::fs::rename(&working, &last).map_err(|source| Error::file(&last, source))?;
                    }
                }
            }
        }
        self.lists().try_for_each(|lists| lists.publish(store, progress))
    }

    /// The results of a run in memory, with their names.
    ///
    /// # Errors
    ///
    /// A tile that is missing.
    pub fn into_results(self) -> Result<Vec<Named>, Error> {
        let mut results = Vec::new();
        for (name, array) in self.results() {
            let Tiles::Memory(array) = array else { continue };
            results.push(Named::new(&name, array.shape(), array.take()));
        }
        for lists in self.lists() {
            results.extend(lists.results()?);
        }
        Ok(results)
    }

    /// Tiles and lines of lists that [`publish`](Self::publish) goes through.
    pub fn published(&self) -> usize {
        let tiles = self.results().iter().map(|(_, array)| array.layers() * array.tiles()).sum::<usize>();
        tiles + self.lists().map(|lists| lists.lines().len()).sum::<usize>()
    }
}

/// A whole tile in memory, `[queries, examples, per pair]`.
struct Whole<E> {
    tile: Tile,
    per_pair: usize,
    values: Vec<E>,
}

impl<E: Element> Whole<E> {
    fn read(array: &Tiles<E>, layer: usize, tile: &Tile, per_pair: usize) -> Result<Self, Error> {
        let values = vec![E::ZERO; tile.queries.len() * tile.examples.len() * per_pair];
        let mut whole = Self { tile: tile.clone(), per_pair, values };
        array.read(layer, tile.queries.clone(), tile.examples.clone(), &mut |query, examples, from| {
            whole.at(query, examples.start, from.len()).copy_from_slice(from);
        })?;
        Ok(whole)
    }

    /// Some numbers of a query, from those of an example on.
    fn at(&mut self, query: usize, example: usize, len: usize) -> &mut [E] {
        let Tile { queries, examples } = &self.tile;
        let pair = (query - queries.start) * examples.len() + example - examples.start;
        &mut self.values[pair * self.per_pair..][..len]
    }

    fn write(mut self, array: &Tiles<E>, layer: usize) -> Result<(), Error> {
        let tile = self.tile.clone();
        array.write(layer, &tile, &mut |query, examples, out| {
            out.copy_from_slice(self.at(query, examples.start, out.len()));
        })
    }
}

/// The pieces that a tile was computed in, and how their entries lie.
#[derive(Clone, Copy)]
struct Pieces<'a> {
    size: (usize, usize),
    entries: Entries,
    pieces: &'a [(Tile, Finished)],
}

impl Pieces<'_> {
    /// One query's entries of some examples, which may lie in several pieces.
    fn fill<E: Element>(
        &self,
        of: fn(&Finished) -> &Vec<Vec<f64>>,
        layer: usize,
        query: usize,
        examples: Range<usize>,
        out: &mut [E],
    ) {
        let per_pair = self.entries.per_pair(self.size.0, self.size.1);
        for (piece, finished) in self.pieces.iter().filter(|(piece, _)| piece.queries.contains(&query)) {
            let from = examples.start.max(piece.examples.start);
            let to = examples.end.min(piece.examples.end);
            if let (true, Some(values)) = (from < to, of(finished).get(layer)) {
                let out = &mut out[(from - examples.start) * per_pair..(to - examples.start) * per_pair];
                interleave(out, values, self.entries, self.size, piece, query, from..to);
            }
        }
    }
}

/// Divides, where the kernel does not vanish; returns how many quotients are not a number.
fn ratio<E: Element>(numerators: &mut [E], kernel: &[E], bound: f64) -> usize {
    let mut undefined = 0;
    for (value, kernel) in numerators.iter_mut().zip(kernel) {
        let (numerator, kernel) = (value.to_f64(), kernel.to_f64());
        let vanishes = kernel.abs() < bound || kernel == 0.0;
        let quotient = if vanishes { f64::NAN } else { numerator / kernel };
        undefined += usize::from(quotient.is_nan());
        *value = E::from_f64(quotient);
    }
    undefined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vanishing_kernel_has_no_coefficient() {
        let mut values = [2.0f64, 0.0, 1.0, -3.0];
        assert_eq!(ratio(&mut values, &[4.0, 0.0, 1e-13, -1.0], 4.0 * f64::VANISHING), 2);
        assert!(values[0] == 0.5 && values[1].is_nan() && values[2].is_nan() && values[3] == 3.0, "{values:?}");
    }
}
