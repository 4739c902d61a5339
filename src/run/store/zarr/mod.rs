/*!
Arrays of pairs in tiles, for outputs larger than one file should be and for many writers: Zarr v3.

A tile is a chunk of the outer grid and has a file of its own, by the codec `sharding_indexed`: inside lie small parts,
each `bytes` and `crc32c`, which suit reading a row or a column. Any reader of Zarr v3 opens such a folder; this one
reads what it wrote and refuses anything else.
*/

mod any;
mod beside;
mod chunk;
mod grid;
mod metadata;

pub use any::AnyTiled;
pub use grid::Grid;

use crate::compute::Element;
use crate::error::Error;
use crate::formats::NpyMap;
use crate::path::Tile;
use beside::{Beside, failed};
use chunk::{Chunk, Cut, missing};
use grid::Layout;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Gives a query's numbers for a range of examples, `[examples, rest..]`.
pub type Fill<'a, E> = dyn FnMut(usize, Range<usize>, &mut [E]) + 'a;

/// Takes a query's numbers for a range of examples, `[examples, rest..]`.
pub type Take<'a, E> = dyn FnMut(usize, Range<usize>, &[E]) + 'a;

/// An array of pairs in a folder, one file a tile. Opening reads `zarr.json` alone; memory is that of one part.
#[derive(Debug)]
pub struct TiledArray<E> {
    folder: PathBuf,
    layout: Layout,
    element: PhantomData<E>,
}

impl<E: Element> TiledArray<E> {
    /// Makes the folder and its `zarr.json`. `shape` is `[n, m, rest..]` with n at `axis` 0, or `[L, n, m, rest..]` with
    /// n at 1. A leading axis is cut by 1, and the rest, two axes at the most, are whole in each tile.
    ///
    /// Several processes may do it at once; where the same array is already there, nothing changes.
    ///
    /// # Errors
    ///
    /// A shape that is none of these, another array in the folder, or a folder that cannot be written.
    pub fn create(folder: &Path, shape: &[usize], axis: usize, grid: &Grid) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Input(format!("{}: {problem}", folder.display()));
        let layout = Layout::new(shape, axis, *grid, size_of::<E>()).map_err(wrong)?;
        let path = folder.join("zarr.json");
        if !path.exists() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            let text = format!("{:#}\n", metadata::metadata(&layout, &name));
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            let (beside, mut file) = Beside::create(folder)?;
            file.write_all(text.as_bytes()).map_err(|error| failed(&path, error))?;
            beside.commit(file, &path)?;
        }
        let there = Self::open(folder)?;
        if there.layout != layout {
            return Err(wrong(format!(
                "holds another array, of the shape {:?} in tiles of {:?}; the run's has the shape {shape:?} in tiles of {:?}",
                there.layout.shape, there.layout.grid.tile, grid.tile
            )));
        }
        Ok(there)
    }

    /// Opens what [`create`](Self::create) made.
    ///
    /// # Errors
    ///
    /// A `zarr.json` that cannot be read, or that says something else than such a one.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let layout = read_layout(folder)?;
        if layout.size != size_of::<E>() {
            let path = folder.join("zarr.json");
            let (is, should) = (8 * layout.size, E::NAME);
            let problem = format!("its numbers have {is} bits, and should be {should}");
            return Err(spoilt(&path, &problem, "remove its folder, and "));
        }
        Ok(Self::new(folder, layout))
    }

    /// With a layout for this type.
    fn new(folder: &Path, layout: Layout) -> Self {
        Self { folder: folder.to_owned(), layout, element: PhantomData }
    }

    /// Its shape, with all axes.
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// How it is cut.
    pub fn grid(&self) -> &Grid {
        &self.layout.grid
    }

    /// Whether it has an axis of layers.
    pub fn has_layers(&self) -> bool {
        self.layout.axis > 0
    }

    /// The length of the leading axis, or 1.
    pub fn layers(&self) -> usize {
        self.layout.layers()
    }

    /// All tiles of a layer.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> {
        self.layout.tiles()
    }

    /// The tile's chunk file; `layer` is the place on the leading axis, 0 where there is none.
    pub fn chunk_path(&self, layer: usize, tile: &Tile) -> PathBuf {
        let [queries, examples] = self.layout.grid.tile;
        let place = [tile.queries.start / queries, tile.examples.start / examples];
        let mut places = vec![0; self.layout.shape.len()];
        places[..self.layout.axis].fill(layer);
        places[self.layout.axis..][..2].copy_from_slice(&place);
        places.iter().fold(self.folder.join("c"), |path, place| path.join(place.to_string()))
    }

    /// Whether the tile's file is there.
    pub fn has(&self, layer: usize, tile: &Tile) -> bool {
        self.chunk_path(layer, tile).is_file()
    }

    /// Removes what killed processes left behind. No other process may write the array meanwhile.
    ///
    /// # Errors
    ///
    /// A folder that cannot be read, or a file that cannot be removed.
    pub fn sweep(&self) -> Result<(), Error> {
        beside::sweep(&self.folder)
    }

    /// Writes a tile: its file has its name only when it is whole and on the disk. `fill` is called part
    /// by part; what a part has beyond the array is 0.
    ///
    /// # Errors
    ///
    /// A tile that is none of the grid, or a disk that refuses.
    pub fn write(&self, layer: usize, tile: &Tile, fill: &mut Fill<'_, E>) -> Result<(), Error> {
        self.check(layer, tile)?;
        let (path, entry) = (self.chunk_path(layer, tile), self.layout.entry);
        let row = self.layout.grid.part[1] * entry;
        let (beside, mut file) = Beside::create(&self.folder)?;
        let written = Cut::new(&self.layout, tile).write(&mut file, |part, values| {
            for (query, row) in part.queries.clone().zip(values.chunks_exact_mut(row)) {
                fill(query, part.examples.clone(), &mut row[..part.examples.len() * entry]);
            }
        });
        written.map_err(|error| failed(&path, error))?;
        beside.commit(file, &path)
    }

    /// Reads a rectangle of pairs, as far as the array reaches, from however many tiles, and compares the checksum of each
    /// part that it reads. A query's examples come in order, if in several pieces, but other queries' may come between.
    ///
    /// # Errors
    ///
    /// A layer beyond the array, or a tile's file that is missing, damaged or cannot be read.
    pub fn read(
        &self,
        layer: usize,
        queries: Range<usize>,
        examples: Range<usize>,
        take: &mut Take<'_, E>,
    ) -> Result<(), Error> {
        let mut values = Vec::new();
        self.layout
            .within(queries, examples)
            .try_for_each(|(tile, inside)| self.chunk(layer, &tile)?.read(&inside, &mut values, take))
    }

    /// All of it, in memory.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn whole(&self) -> Result<Vec<E>, Error> {
        let ([n, m], entry) = (self.layout.pairs(), self.layout.entry);
        let mut all = vec![E::ZERO; self.layout.shape.iter().product()];
        for layer in 0..self.layers() {
            self.read(layer, 0..n, 0..m, &mut |query, examples, values| {
                let first = ((layer * n + query) * m + examples.start) * entry;
                all[first..][..values.len()].copy_from_slice(values);
            })?;
        }
        Ok(all)
    }

    /// Looks whether all tiles of a rectangle of pairs are there, and as long as they should be.
    ///
    /// # Errors
    ///
    /// The first that is not.
    pub fn find(&self, layer: usize, queries: Range<usize>, examples: Range<usize>) -> Result<(), Error> {
        self.layout.within(queries, examples).try_for_each(|(tile, _)| self.chunk(layer, &tile).map(drop))
    }

    /// Compares every byte of a tile's file with its checksums.
    ///
    /// # Errors
    ///
    /// A tile that is none of the grid, or a file that is missing, damaged or cannot be read.
    pub fn verify(&self, layer: usize, tile: &Tile) -> Result<(), Error> {
        let mut chunk = self.chunk(layer, tile)?;
        chunk.check_index()?;
        chunk.read(tile, &mut Vec::<E>::new(), &mut |_, _, _| ())
    }

    /// Compares every byte of all tiles' files with its checksum.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify).
    pub fn verify_all(&self) -> Result<(), Error> {
        (0..self.layers()).try_for_each(|layer| self.tiles().try_for_each(|tile| self.verify(layer, &tile)))
    }

    /// Writes all of it as one `.npy`, which may be larger than memory; every checksum is compared. `progress` is called
    /// after each tile and may stop it, and then there is no file.
    ///
    /// # Errors
    ///
    /// A tile's file that is missing or damaged, a disk that refuses, or what `progress` returns.
    pub fn export(&self, path: &Path, progress: &mut dyn FnMut() -> Result<(), Error>) -> Result<(), Error> {
        let ([n, m], entry) = (self.layout.pairs(), self.layout.entry);
        // No disk is taken that the tiles do not fill.
        (0..self.layers()).try_for_each(|layer| self.find(layer, 0..n, 0..m))?;
        let mut map = NpyMap::<E>::create(path, &self.layout.shape)?;
        let mut values = Vec::new();
        for layer in 0..self.layers() {
            for tile in self.layout.tiles() {
                let mut chunk = self.chunk(layer, &tile)?;
                chunk.check_index()?;
                let all = &mut map.values_mut()[layer * n * m * entry..];
                chunk.read(&tile, &mut values, &mut |query, examples, values| {
                    all[(query * m + examples.start) * entry..][..values.len()].copy_from_slice(values);
                })?;
                map.release();
                progress()?;
            }
        }
        map.sync()?;
        Ok(map.commit()?)
    }

    fn chunk<'a>(&'a self, layer: usize, tile: &'a Tile) -> Result<Chunk<'a>, Error> {
        self.check(layer, tile)?;
        Chunk::open(self.chunk_path(layer, tile), Cut::new(&self.layout, tile))
    }

    /// Whether it is a tile of the grid.
    fn check(&self, layer: usize, tile: &Tile) -> Result<(), Error> {
        let [queries, examples] = self.layout.grid.tile;
        let own = self.layout.tile(tile.queries.start / queries, tile.examples.start / examples);
        if layer < self.layers() && !tile.queries.is_empty() && !tile.examples.is_empty() && *tile == own {
            return Ok(());
        }
        let (folder, shape) = (self.folder.display(), self.shape());
        Err(Error::Input(format!(
            "{folder}: layer {layer}, queries {:?}, examples {:?} is no tile of the shape {shape:?} in tiles of {:?}",
            tile.queries, tile.examples, self.layout.grid.tile
        )))
    }
}

/// Reads `zarr.json`.
fn read_layout(folder: &Path) -> Result<Layout, Error> {
    let path = folder.join("zarr.json");
    let mut text = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(metadata::LARGEST).read_to_end(&mut text));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing(&path)),
        read => read.map_err(|error| Error::file(&path, error))?,
    };
    let wrong = |problem| format!("is not an array that pathkernel wrote: {problem}");
    metadata::layout(&text).map_err(|problem| spoilt(&path, &wrong(problem), "remove its folder, and "))
}

/// What is said of a damaged file. While a run is under way its arrays' names end in `.tmp`: the run makes the file again,
/// once `first` is done. An array of a finished run is an input like any other.
fn spoilt(path: &Path, problem: &str, first: &str) -> Error {
    let ends = |folder: &Path, end: &str| folder.extension().is_some_and(|found| found == end);
    let array = path.ancestors().find(|folder| ends(folder, "zarr") || ends(folder, "tmp"));
    let path = path.display();
    match array {
        Some(folder) if ends(folder, "tmp") => {
            Error::Damaged(format!("{path}: {problem}; {first}the same command computes it again"))
        }
        _ => Error::Input(format!(
            "{path}: {problem}; the run directory is damaged: remove it, and the same run makes it again"
        )),
    }
}

#[cfg(test)]
mod tests;
