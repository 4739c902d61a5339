//! The recorded path on disk: arrays of flat vectors, a row a step, memory-mapped for reading.

use super::history::{History, checksum};
use super::rows::Rows;
use super::{Metrics, Step};
use crate::compute::Element;
use crate::data::{NpyWriter, StateReader, StateWriter};
use crate::error::Error;
use crate::optimizer::{Decay, Optimizer, Past};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is recorded of a path: each an array of flat vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// Before every step and after the last, or before every k-th and after the last.
    Weights,
    /// What every step's gradients were multiplied by, entry by entry, where the optimizer does that.
    Preconditioner,
    /// The part of every step that weight decay makes, where the optimizer remembers it.
    Decay,
    /// What the optimizer's own step does not explain of a step that was recorded elsewhere.
    Unexplained,
    /// One of the vectors that the optimizer keeps, before every k-th step: from there the steps between are made again.
    Memory(usize),
    /// Gradient flow: the weights at the nodes within each step.
    Nodes,
    /// Gradient flow: `-∇L` at those nodes.
    Slopes,
}

impl Kept {
    pub(super) fn file(self) -> String {
        match self {
            Kept::Weights => "weights.npy".into(),
            Kept::Preconditioner => "preconditioner.npy".into(),
            Kept::Decay => "decay.npy".into(),
            Kept::Unexplained => "unexplained.npy".into(),
            Kept::Memory(number) => format!("memory_{number}.npy"),
            Kept::Nodes => "nodes.npy".into(),
            Kept::Slopes => "slopes.npy".into(),
        }
    }
}

/// Which arrays a recording has, and how many rows each.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Rows of each array; `None` where the number shows only in the end.
    rows: BTreeMap<Kept, Option<usize>>,
    /// Weights are recorded every so many steps.
    every: usize,
    steps: usize,
}

impl Recording {
    /// Of a path of `steps` steps made here, with weights every `every` steps.
    pub fn new(optimizer: &Optimizer, steps: usize, every: usize) -> Self {
        let places = if every == 1 { steps + 1 } else { steps.div_ceil(every) + 1 };
        let mut rows = BTreeMap::from([(Kept::Weights, Some(places))]);
        if optimizer.is_solved() {
            rows = [Kept::Weights, Kept::Nodes, Kept::Slopes].map(|kept| (kept, None)).into();
        } else if every == 1 {
            let preconditioned = optimizer.past() == Past::Preconditioned;
            rows.extend(preconditioned.then_some((Kept::Preconditioner, Some(steps))));
            let decay = optimizer.decay(optimizer.learning_rate()) == Decay::Remembered;
            rows.extend(decay.then_some((Kept::Decay, Some(steps))));
        } else {
            rows.extend((0..optimizer.keeps().len()).map(|number| (Kept::Memory(number), Some(places))));
        }
        Self { rows, every, steps }
    }

    /// Of a path of `steps` steps that was recorded elsewhere.
    pub fn imported(optimizer: &Optimizer, steps: usize) -> Self {
        let mut recording = Self::new(optimizer, steps, 1);
        recording.rows.insert(Kept::Unexplained, Some(steps));
        recording
    }

    /// The row of the weights before a step, where they are recorded.
    pub(super) fn place(&self, number: usize) -> Option<usize> {
        match number {
            _ if number == self.steps && !self.steps.is_multiple_of(self.every) => Some(self.steps / self.every + 1),
            _ if number.is_multiple_of(self.every) => Some(number / self.every),
            _ => None,
        }
    }

    /// Flat vectors of all arrays together; for gradient flow nobody knows.
    pub fn vectors(&self) -> usize {
        self.rows.values().flatten().sum()
    }
}

/// Writes a path as it is made. What was written of a path that was interrupted stays.
pub struct Recorder<E: Element> {
    writers: BTreeMap<Kept, NpyWriter<E>>,
    pub(super) recording: Recording,
    pub(super) history: History,
    folder: PathBuf,
    len: usize,
}

impl<E: Element> Recorder<E> {
    /// Starts the files in `directory/trajectory`, of vectors of `len`, or goes on with those that are there.
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
        let history = History::new(recording.rows.keys().copied());
        Ok(Self { writers, recording, history, folder, len })
    }

    /// Whether an array is recorded.
    pub(super) fn keeps(&self, kept: Kept) -> bool {
        self.writers.contains_key(&kept)
    }

    /// Writes a row of an array.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn record(&mut self, kept: Kept, row: usize, values: &[E]) -> Result<(), Error> {
        match self.writers.get_mut(&kept) {
            Some(writer) => {
                self.history.wrote(kept, row, checksum(values));
                Ok(writer.write_at(row * self.len, values)?)
            }
            None => Ok(()),
        }
    }

    /// Waits until the rows are on the disk, and writes what is known of them.
    pub(super) fn save(&self, steps: &[Step], writer: &mut StateWriter) -> Result<(), Error> {
        self.writers.values().try_for_each(NpyWriter::sync)?;
        self.history.save(steps, writer)
    }

    /// Takes what was [saved](Self::save): the steps are those that were made before, as `step` knows them but for their
    /// rates and clipping.
    pub(super) fn restore(
        &mut self,
        reader: &mut StateReader,
        step: &dyn Fn(usize) -> Step,
    ) -> Result<Vec<Step>, Error> {
        let steps = self.history.restore(reader, step)?;
        for (kept, writer) in &mut self.writers {
            writer.has_rows(self.history.rows(*kept));
        }
        Ok(steps)
    }

    /// Names the files, and maps them.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn finish(self, steps: Vec<Step>) -> Result<Trajectory, Error> {
        let Self { writers, recording, history, folder, len } = self;
        writers.into_values().try_for_each(NpyWriter::finish)?;
        let mut writer = StateWriter::create(&folder.join(RECORDED))?;
        history.save(&steps, &mut writer)?;
        writer.finish()?;
        Trajectory::of(&folder, recording, len, history, steps)
    }
}

/// The file that marks a path as whole: learning rates, clipping, metrics and the checksum of every row.
const RECORDED: &str = "recorded.state";

/// A recorded path.
#[derive(Debug)]
pub struct Trajectory {
    rows: BTreeMap<Kept, Rows>,
    pub(super) recording: Recording,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Of each step its metrics, and the seconds that training had taken when it was made.
    pub metrics: Vec<(Metrics, f64)>,
}

impl Trajectory {
    /// A whole path in `directory/trajectory`; `None` where there is none yet. `step` gives the steps as far as they are known
    /// beforehand: rates and clipping are read.
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
        let mut history = History::new(recording.rows.keys().copied());
        let steps = history.restore(&mut reader, step)?;
        Self::of(&folder, recording, len, history, steps).map(Some)
    }

    fn of(folder: &Path, recording: Recording, len: usize, history: History, steps: Vec<Step>) -> Result<Self, Error> {
        let History { metrics, mut checksums } = history;
        let mut open = |&kept: &Kept| {
            let checksums = checksums.remove(&kept).unwrap_or_default();
            Ok((kept, Rows::open(&folder.join(kept.file()), len, checksums)?))
        };
        let rows = recording.rows.keys().map(&mut open).collect::<Result<_, Error>>()?;
        Ok(Self { rows, recording, steps, metrics })
    }

    /// An array, where the path has it.
    pub fn rows(&self, kept: Kept) -> Option<&Rows> {
        self.rows.get(&kept)
    }

    /// The first row, with its file, that is not the same in another recording of the same path.
    pub fn first_difference(&self, other: &Self) -> Option<(String, usize)> {
        let differ = |(kept, rows): (&Kept, &Rows)| {
            let row = other.rows(*kept).map_or(Some(0), |other| rows.first_difference(other));
            row.map(|row| (kept.file(), row))
        };
        self.rows.iter().find_map(differ)
    }

    /// Weights are recorded every so many steps.
    pub fn every(&self) -> usize {
        self.recording.every
    }

    /// A row of an array that must be there.
    pub(crate) fn row<E: Element>(&self, kept: Kept, row: usize) -> Result<std::borrow::Cow<'_, [E]>, Error> {
        let missing = || Error::Trajectory(format!("the recorded path has no {}", kept.file()));
        self.rows(kept).ok_or_else(missing)?.row(row)
    }

    /// The weights after the last step.
    ///
    /// # Errors
    ///
    /// The recording is shorter than its steps.
    pub fn last<E: Element>(&self) -> Result<std::borrow::Cow<'_, [E]>, Error> {
        self.row(Kept::Weights, self.rows(Kept::Weights).map_or(0, Rows::count).saturating_sub(1))
    }

    /// Steps of one block of the two-level sums: about √steps.
    pub fn block(&self) -> usize {
        ((self.steps.len() as f64).sqrt().ceil() as usize).max(1)
    }
}
