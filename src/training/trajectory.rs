//! The recorded path on disk: arrays of flat vectors, a row a step, memory-mapped for reading.

use super::Step;
use super::rows::Rows;
use crate::backend::Element;
use crate::data::NpyWriter;
use crate::error::Error;
use crate::run_file::Optimizer;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is recorded of a path: each an array of flat vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// Before every step and after the last, or before every k-th and after the last.
    Weights,
    /// Adam's `1 / (√v̂ + eps)` of every step.
    Preconditioner,
    /// The part of every step that weight decay makes, where the optimizer remembers it.
    Decay,
    /// What the optimizer's own step does not explain of a step that was recorded elsewhere.
    Unexplained,
    /// What the optimizer keeps, before every k-th step: from there the steps between are made again.
    Memory(usize),
    /// Gradient flow: the weights at the nodes within each step.
    Nodes,
    /// Gradient flow: `-∇L` at those nodes.
    Slopes,
}

impl Kept {
    fn file(self) -> String {
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
        let decay = optimizer.remembers_decay();
        let preconditioned = matches!(optimizer, Optimizer::Adam(_));
        if every == 1 {
            rows.extend(preconditioned.then_some((Kept::Preconditioner, Some(steps))));
            rows.extend(decay.then_some((Kept::Decay, Some(steps))));
        } else {
            let vectors = [optimizer.has_memory(), preconditioned, decay].into_iter().filter(|kept| *kept).count();
            rows.extend((0..vectors).map(|number| (Kept::Memory(number), Some(places))));
        }
        if matches!(optimizer, Optimizer::Flow(_)) {
            rows = [Kept::Weights, Kept::Nodes, Kept::Slopes].map(|kept| (kept, None)).into();
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

/// Writes a path as it is made.
pub struct Recorder<E: Element> {
    writers: BTreeMap<Kept, NpyWriter<E>>,
    pub(super) recording: Recording,
    folder: PathBuf,
    len: usize,
}

impl<E: Element> Recorder<E> {
    /// Starts the files in `directory/trajectory`, of vectors of `len`.
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
                    Some(rows) => NpyWriter::create(&path, &[rows, len])?,
                    None => NpyWriter::growing(&path, len)?,
                },
            ))
        };
        let writers = recording.rows.iter().map(writer).collect::<Result<_, Error>>()?;
        Ok(Self { writers, recording, folder, len })
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
            Some(writer) => Ok(writer.write_at(row * self.len, values)?),
            None => Ok(()),
        }
    }

    /// Names the files, and maps them.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    pub fn finish(self, steps: Vec<Step>) -> Result<Trajectory, Error> {
        let Self { writers, recording, folder, len } = self;
        writers.into_values().try_for_each(NpyWriter::finish)?;
        let rows = recording.rows.keys().map(|&kept| Ok((kept, Rows::open(&folder.join(kept.file()), len)?)));
        Ok(Trajectory { rows: rows.collect::<Result<_, Error>>()?, recording, steps })
    }
}

/// A recorded path.
#[derive(Debug)]
pub struct Trajectory {
    rows: BTreeMap<Kept, Rows>,
    pub(super) recording: Recording,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Trajectory {
    /// An array, where the path has it.
    pub fn rows(&self, kept: Kept) -> Option<&Rows> {
        self.rows.get(&kept)
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
