//! Scores of examples, and the changes that they predict.

use super::asked::Retraining;
use crate::error::Error;
use crate::formats::{Array, read};
use crate::plural::counted;
use crate::run::store::PairArray;
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

/// The arrays of a run that say something of each example, and what they are called.
const OF_RUN: [(&str, &str); 2] = [("attribution", "contributions"), ("influence", "influence")];
/// Numbers that are in memory at once, of an array on disk.
const AT_ONCE: usize = 1 << 22;

/// What each example did to each query's values, by one account.
pub(super) struct Scores {
    /// What they are called.
    pub name: String,
    source: Source,
    /// n, m and R.
    shape: [usize; 3],
}

enum Source {
    /// `[n, m, R]`, in the run directory.
    OfRun(PairArray),
    /// Given, `[n, m, R]`, `[n, m]` or `[m]`; the number of its axes.
    Given(Vec<f64>, usize),
}

impl Scores {
    /// Those of a run that its directory holds whole, and those of some files.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or that has another shape.
    pub fn open(directory: &Path, files: &[impl AsRef<Path>], shape: [usize; 3]) -> Result<Vec<Self>, Error> {
        let mut all = Vec::new();
        for (array, name) in OF_RUN {
            let Some(array) = PairArray::open(directory, array)? else { continue };
            if array.shape() != shape {
                return Err(Error::Input(format!(
                    "{}: its {name} have shape {:?} instead of {shape:?}; the run directory is damaged",
                    directory.display(),
                    array.shape()
                )));
            }
            all.push(Self { name: name.into(), source: Source::OfRun(array), shape });
        }
        for file in files {
            all.push(Self::given(file.as_ref(), shape)?);
        }
        Ok(all)
    }

    fn given(file: &Path, shape: [usize; 3]) -> Result<Self, Error> {
        let path = file.display().to_string();
        let array = read(&path)?;
        let [n, m, r] = shape;
        if ![&[n, m, r][..], &[n, m], &[m]].contains(&array.shape.as_slice()) {
            return Err(Error::Input(format!(
                "--scores {path}: has shape {:?}; here are {n} queries, {m} examples and {} of each query, so that scores \
                 are [{n}, {m}, {r}], [{n}, {m}] or [{m}]",
                array.shape,
                counted(r, "value")
            )));
        }
        if let Some(at) = array.first_not_finite() {
            return Err(Error::Input(format!(
                "--scores {path}: holds NaN or infinity, first at element {at} (counted from 0, in C order)"
            )));
        }
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let axes = array.shape.len();
        Ok(Self { name, source: Source::Given(Array::to_f64(&array), axes), shape })
    }

    /// `[retrainings][n, R]`: the changes that dropping examples makes if each takes with it what its score says.
    ///
    /// # Errors
    ///
    /// An array that cannot be read.
    pub fn changes(&self, retrainings: &[&Retraining]) -> Result<Vec<Vec<f64>>, Error> {
        let [queries, examples, values] = self.shape;
        let mut all = vec![Vec::with_capacity(queries * values); retrainings.len()];
        let at_once = (AT_ONCE / (examples * values).max(1)).max(1);
        for first in (0..queries).step_by(at_once) {
            let block = first..queries.min(first + at_once);
            let Block { scores, width, stride } = self.block(block.clone())?;
            all.par_iter_mut().zip(retrainings).for_each(|(changes, retraining)| {
                for query in 0..block.len() {
                    changes.extend(lost(&scores[query * stride..], width, values, &retraining.dropped));
                }
            });
        }
        Ok(all)
    }

    /// The scores of some queries.
    fn block(&self, queries: Range<usize>) -> Result<Block<'_>, Error> {
        let [_, examples, values] = self.shape;
        let (scores, axes) = match &self.source {
            Source::OfRun(array) => (Cow::from(array.values(queries, 0..examples)?), 3),
            Source::Given(scores, 1) => (Cow::from(scores), 1),
            Source::Given(scores, axes) => {
                let row = scores.len() / self.shape[0];
                (Cow::from(&scores[queries.start * row..queries.end * row]), *axes)
            }
        };
        let width = if axes == 3 { values } else { 1 };
        Ok(Block { scores, width, stride: if axes == 1 { 0 } else { examples * width } })
    }
}

/// Scores of some queries.
struct Block<'a> {
    scores: Cow<'a, [f64]>,
    /// Those of a pair: one for each value, or one for all.
    width: usize,
    /// From one query's to the next one's; 0 where all queries have the same.
    stride: usize,
}

/// `[R]`: minus the sum of the dropped examples' scores, of rows `[m, width]`; one score is that of every value.
fn lost(rows: &[f64], width: usize, values: usize, dropped: &[u32]) -> Vec<f64> {
    let mut lost = vec![0.0; width];
    for &column in dropped {
        lost.iter_mut().zip(&rows[column as usize * width..]).for_each(|(lost, score)| *lost -= score);
    }
    if width == values { lost } else { vec![lost[0]; values] }
}
