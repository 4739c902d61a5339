//! A tile's chunk file: its parts one after another, each with a checksum, and an index at the end. What is written has
//! one order and no gaps, so that a part's place follows from its number, and the index from the tile.

use super::grid::{Layout, shared, touched};
use super::{Take, spoilt};
use crate::compute::Element;
use crate::error::Error;
use crate::path::Tile;
use crc32c::crc32c;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes of a checksum, and of a part's place in the index.
const CHECKSUM: usize = 4;
const PLACE: usize = 16;

/// A tile, cut into parts.
#[derive(Clone, Copy)]
pub(super) struct Cut<'a> {
    layout: &'a Layout,
    tile: &'a Tile,
}

impl<'a> Cut<'a> {
    /// Of one of the layout's tiles.
    pub fn new(layout: &'a Layout, tile: &'a Tile) -> Self {
        Self { layout, tile }
    }

    /// Rows and columns of parts, as far as the array reaches.
    fn counts(&self) -> [usize; 2] {
        let [queries, examples] = self.layout.grid.part;
        [self.tile.queries.len().div_ceil(queries), self.tile.examples.len().div_ceil(examples)]
    }

    /// The parts that hold a pair of `inside`, which lies in the tile, in the order in which they are written; each with
    /// its number.
    fn within(&self, inside: &Tile) -> impl Iterator<Item = (usize, Tile)> + use<'a> {
        let (cut, [queries, examples], [_, all]) = (*self, self.layout.grid.part, self.counts());
        let places = |inside: &Range<usize>, all: &Range<usize>, side: usize| {
            touched(&(inside.start - all.start..inside.end - all.start), side)
        };
        let rows = places(&inside.queries, &self.tile.queries, queries);
        let columns = places(&inside.examples, &self.tile.examples, examples);
        rows.flat_map(move |row| columns.clone().map(move |column| (row * all + column, cut.part(row, column))))
    }

    fn part(&self, row: usize, column: usize) -> Tile {
        let [queries, examples] = self.layout.grid.part;
        let range = |all: &Range<usize>, place: usize, side: usize| {
            let start = all.start + place * side;
            start..all.end.min(start + side)
        };
        Tile {
            queries: range(&self.tile.queries, row, queries),
            examples: range(&self.tile.examples, column, examples),
        }
    }

    /// Parts of the tile, also beyond the array.
    fn all(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.layout.grid.tile[axis] / self.layout.grid.part[axis])
    }

    /// Bytes of a part and its checksum.
    fn stride(&self) -> usize {
        self.layout.part_len() * self.layout.size + CHECKSUM
    }

    /// Bytes before the index, and of the index.
    fn lens(&self) -> [usize; 2] {
        let [rows, columns] = self.counts();
        let [queries, examples] = self.all();
        [rows * columns * self.stride(), queries * examples * PLACE + CHECKSUM]
    }

    /// Where each part begins and how long it is; of parts outside the array all bits are set.
    fn index(&self) -> Vec<u8> {
        let [rows, columns] = self.counts();
        let [queries, examples] = self.all();
        let stride = self.stride() as u64;
        let mut index = Vec::with_capacity(self.lens()[1]);
        for row in 0..queries {
            for column in 0..examples {
                let place = (row * columns + column) as u64 * stride;
                let there = row < rows && column < columns;
                let [place, len] = if there { [place, stride] } else { [u64::MAX; 2] };
                index.extend(place.to_le_bytes());
                index.extend(len.to_le_bytes());
            }
        }
        index.extend(crc32c(&index).to_le_bytes());
        index
    }

    /// Writes the whole file; `fill` gives a part's numbers where the array has any.
    pub fn write<E: Element>(&self, file: &mut File, mut fill: impl FnMut(&Tile, &mut [E])) -> std::io::Result<()> {
        let [queries, examples] = self.layout.grid.part;
        let mut values = vec![E::ZERO; self.layout.part_len()];
        for (_, part) in self.within(self.tile) {
            if part.queries.len() < queries || part.examples.len() < examples {
                values.fill(E::ZERO);
            }
            fill(&part, &mut values);
            // As .npy, in the order of the machine: little endian wherever this runs.
            let bytes: &[u8] = bytemuck::cast_slice(&values);
            file.write_all(bytes)?;
            file.write_all(&crc32c(bytes).to_le_bytes())?;
        }
        file.write_all(&self.index())
    }
}

/// A chunk file that is read.
pub(super) struct Chunk<'a> {
    cut: Cut<'a>,
    file: File,
    path: PathBuf,
}

impl<'a> Chunk<'a> {
    /// Opens it and checks its length: no memory is asked for that the file does not fill.
    pub fn open(path: PathBuf, cut: Cut<'a>) -> Result<Self, Error> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (data, file) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing(&path)),
            Err(error) => return Err(Error::file(&path, error)),
        };
        let (is, should) = (data.len(), cut.lens().iter().sum::<usize>() as u64);
        if is != should || !data.is_file() {
            return Err(damaged(&path, &format!("it has {is} bytes, and should have {should}")));
        }
        Ok(Self { cut, file, path })
    }

    /// Reads the pairs of `inside`, which lies in the tile, part by part into `values`, and hands over one query's at a time.
    pub fn read<E: Element>(
        &mut self,
        inside: &Tile,
        values: &mut Vec<E>,
        take: &mut Take<'_, E>,
    ) -> Result<(), Error> {
        let (entry, row) = (self.cut.layout.entry, self.cut.layout.grid.part[1] * self.cut.layout.entry);
        values.resize(self.cut.layout.part_len(), E::ZERO);
        for (number, part) in self.cut.within(inside) {
            self.part(number, values)?;
            let examples = shared(&part.examples, &inside.examples);
            let (from, len) = ((examples.start - part.examples.start) * entry, examples.len() * entry);
            for query in shared(&part.queries, &inside.queries) {
                let start = (query - part.queries.start) * row + from;
                take(query, examples.clone(), &values[start..start + len]);
            }
        }
        Ok(())
    }

    fn part<E: Element>(&mut self, number: usize, values: &mut [E]) -> Result<(), Error> {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(values);
        let mut checksum = [0; CHECKSUM];
        self.read_at(number * self.cut.stride(), bytes)?;
        self.file.read_exact(&mut checksum).map_err(|error| Error::file(&self.path, error))?;
        self.compare(crc32c(bytes).to_le_bytes() == checksum)
    }

    /// Reads the index, which is known, so that any other is a damaged one.
    pub fn check_index(&mut self) -> Result<(), Error> {
        let [before, len] = self.cut.lens();
        let mut index = vec![0; len];
        self.read_at(before, &mut index)?;
        self.compare(index == self.cut.index())
    }

    fn read_at(&mut self, place: usize, bytes: &mut [u8]) -> Result<(), Error> {
        let read = self.file.seek(SeekFrom::Start(place as u64)).and_then(|_| self.file.read_exact(bytes));
        read.map_err(|error| Error::file(&self.path, error))
    }

    fn compare(&self, same: bool) -> Result<(), Error> {
        if same { Ok(()) } else { Err(damaged(&self.path, "its checksum does not match")) }
    }
}

fn damaged(path: &Path, problem: &str) -> Error {
    spoilt(path, &format!("{problem}: it was changed or damaged after it was written"), "remove it, and ")
}

pub(super) fn missing(path: &Path) -> Error {
    spoilt(path, "is missing", "")
}
