//! The recorded path on disk: arrays of flat vectors, a row a step, memory-mapped for reading.

use super::rows::{Rows, checksum};
use super::{History, Kept, Metrics, Recorder, Recording, Step, Tape};
use crate::compute::Element;
use crate::error::Error;
use crate::formats::{NpyWriter, StateReader, StateWriter};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The checksums of each array's rows.
type Checksums = BTreeMap<Kept, Vec<u32>>;

/// Writes a path to a directory as it is made. If the work is interrupted, what was written stays.
pub struct DiskRecorder<E: Element> {
    writers: BTreeMap<Kept, NpyWriter<E>>,
    history: History,
    checksums: Checksums,
    folder: PathBuf,
    len: usize,
}

impl<E: Element> DiskRecorder<E> {
    /// Starts the files in `directory/trajectory`, of vectors of `len` elements, or goes on with those that are there.
    ///
    /// # Errors
    ///
    /// A folder that cannot be written.
    pub fn create(directory: &Path, recording: Recording, len: usize) -> Result<Self, Error> {
        let folder = directory.join("trajectory");
        std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        let writer = |(&kept, &rows): (&Kept, &Option<usize>)| -> Result<_, Error> {
            let path = folder.join(kept.file());
            Ok((
                kept,
                match rows {
                    Some(rows) => NpyWriter::resumable(&path, &[rows, len])?,
                    None => NpyWriter::growing(&path, len)?,
                },
            ))
        };
        let writers = recording.rows.iter().map(writer).collect::<Result<_, Error>>()?;
        let checksums = recording.rows.keys().map(|&kept| (kept, Vec::new())).collect();
        Ok(Self { writers, history: History::new(recording), checksums, folder, len })
    }

    /// Gives the files their final names, and maps them.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn finish(self) -> Result<DiskTape, Error> {
        let Self { writers, history, checksums, folder, len } = self;
        writers.into_values().try_for_each(NpyWriter::finish)?;
        let mut writer = StateWriter::create(&folder.join(RECORDED))?;
        save(&history, &checksums, &mut writer)?;
        writer.finish()?;
        DiskTape::of(&folder, history, checksums, len)
    }
}

impl<E: Element> Recorder<E> for DiskRecorder<E> {
    fn history(&self) -> &History {
        &self.history
    }

    fn record(&mut self, kept: Kept, row: usize, values: &[E]) -> Result<(), Error> {
        let Some(writer) = self.writers.get_mut(&kept) else { return Ok(()) };
        let known = self.checksums.entry(kept).or_default();
        known.resize(known.len().max(row + 1), 0);
        known[row] = checksum(values);
        Ok(writer.write_at(row * self.len, values)?)
    }

    fn made(&mut self, step: Step, metrics: Metrics, seconds: f64) {
        self.history.made(step, metrics, seconds);
    }

    fn save(&self, writer: &mut StateWriter) -> Result<(), Error> {
        self.writers.values().try_for_each(NpyWriter::sync)?;
        save(&self.history, &self.checksums, writer)
    }

    fn restore(&mut self, reader: &mut StateReader, step: &dyn Fn(usize) -> Step) -> Result<(), Error> {
        restore(&mut self.history, &mut self.checksums, reader, step)?;
        for (kept, writer) in &mut self.writers {
            writer.has_rows(self.checksums.get(kept).map_or(0, Vec::len));
        }
        Ok(())
    }
}

/// Writes the history of a path, and the checksum of every row.
fn save(history: &History, checksums: &Checksums, writer: &mut StateWriter) -> Result<(), Error> {
    history.save(writer)?;
    checksums.iter().try_for_each(|(kept, checksums)| Ok(writer.put(&kept.file(), checksums)?))
}

/// Reads what was [saved](save).
fn restore(
    history: &mut History,
    checksums: &mut Checksums,
    reader: &mut StateReader,
    step: &dyn Fn(usize) -> Step,
) -> Result<(), Error> {
    history.restore(reader, step)?;
    for (kept, checksums) in checksums {
        *checksums = reader.take(&kept.file())?;
    }
    Ok(())
}

/// The file that marks a path as whole: learning rates, clipping, metrics and the checksum of every row.
const RECORDED: &str = "recorded.state";

/// A path on disk, once it is whole. It can be read in any precision.
#[derive(Debug)]
pub struct DiskTape {
    rows: BTreeMap<Kept, Rows>,
    /// The steps and their metrics.
    pub history: History,
}

impl DiskTape {
    /// Opens the whole path in `directory/trajectory`; `None` where there is none yet. `step` gives each step's batch; rates and
    /// clipping are read.
    ///
    /// # Errors
    ///
    /// A path that is damaged.
    pub fn open(
        directory: &Path,
        recording: Recording,
        len: usize,
        step: &dyn Fn(usize) -> Step,
    ) -> Result<Option<Self>, Error> {
        let folder = directory.join("trajectory");
        let Some(mut reader) = StateReader::open(&folder.join(RECORDED))? else { return Ok(None) };
        let mut checksums = recording.rows.keys().map(|&kept| (kept, Vec::new())).collect();
        let mut history = History::new(recording);
        restore(&mut history, &mut checksums, &mut reader, step)?;
        Self::of(&folder, history, checksums, len).map(Some)
    }

    fn of(folder: &Path, history: History, checksums: Checksums, len: usize) -> Result<Self, Error> {
        let open =
            |(kept, checksums): (Kept, Vec<u32>)| Ok((kept, Rows::open(&folder.join(kept.file()), len, checksums)?));
        let rows = checksums.into_iter().map(open).collect::<Result<_, Error>>()?;
        Ok(Self { rows, history })
    }

    /// The rows of an array; `None` where the path does not keep it.
    pub fn rows(&self, kept: Kept) -> Option<&Rows> {
        self.rows.get(&kept)
    }

    /// The first row, with its file, that differs in another recording of the same path.
    pub fn first_difference(&self, other: &Self) -> Option<(String, usize)> {
        let differ = |(kept, rows): (&Kept, &Rows)| {
            let row = other.rows(*kept).map_or(Some(0), |other| rows.first_difference(other));
            row.map(|row| (kept.file(), row))
        };
        self.rows.iter().find_map(differ)
    }
}

impl<E: Element> Tape<E> for DiskTape {
    fn history(&self) -> &History {
        &self.history
    }

    fn row(&self, kept: Kept, row: usize) -> Result<Cow<'_, [E]>, Error> {
        let missing = || Error::Trajectory(format!("the recorded path has no {}", kept.file()));
        self.rows(kept).ok_or_else(missing)?.row(row)
    }
}
