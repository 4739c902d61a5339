//! The terms of the sum that belong to queries alone, of a finished run.

use super::{Listed, PairArray};
use crate::error::Error;
use crate::formats::MappedArray;
use std::path::Path;

/// Numbers of the attribution that are in memory at once, at least a query's.
const AT_ONCE: usize = 1 << 22;

/// The terms of `prediction = initial + Σ attribution + the others + residual`, `[n, R]` each.
#[derive(Debug)]
pub struct Terms {
    /// The readout at the first weights.
    pub initial: Vec<f64>,
    /// The readout at the last weights.
    pub prediction: Vec<f64>,
    /// What weight decay added.
    pub regularizer: Vec<f64>,
    /// What running statistics moved, where training moved any.
    pub statistics: Option<Vec<f64>>,
    /// What gradients from before the first step moved, where the optimizer's state was given.
    pub earlier: Option<Vec<f64>>,
    /// What the optimizer does not explain, of an imported path.
    pub unexplained: Option<Vec<f64>>,
    /// What is left.
    pub residual: Vec<f64>,
    /// n and R.
    pub shape: [usize; 2],
}

impl Terms {
    /// The files that they are in.
    pub const FILES: [&str; 7] = [
        "initial.npy",
        "prediction.npy",
        "regularizer.npy",
        "statistics.npy",
        "earlier.npy",
        "unexplained.npy",
        "residual.npy",
    ];

    /// Those of a run directory.
    ///
    /// # Errors
    ///
    /// A file that is missing, or not `[n, R]` as the others are.
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| {
            let directory = directory.display();
            let remedy = format!("remove {directory}, and the same run makes it again");
            Error::Input(format!("{directory}: {problem}; the run directory is damaged: {remedy}"))
        };
        let open = |name: &str| MappedArray::open(&directory.join(name));
        let needed = |name: &str| open(name)?.ok_or_else(|| wrong(format!("{name} is missing")));
        let prediction = needed("prediction.npy")?;
        let Ok(shape) = <[usize; 2]>::try_from(prediction.shape.as_slice()) else {
            return Err(wrong(format!("prediction.npy has shape {:?}, and not two axes", prediction.shape)));
        };
        let fits = |name: &str, array: MappedArray| match array.shape == shape {
            true => Ok(array.all()),
            false => Err(wrong(format!("{name} has shape {:?}, and prediction.npy {shape:?}", array.shape))),
        };
        let own = |name: &str| needed(name).and_then(|array| fits(name, array));
        let where_written = |name: &str| open(name)?.map(|array| fits(name, array)).transpose();
        Ok(Self {
            initial: own("initial.npy")?,
            prediction: prediction.all(),
            regularizer: own("regularizer.npy")?,
            statistics: where_written("statistics.npy")?,
            earlier: where_written("earlier.npy")?,
            unexplained: where_written("unexplained.npy")?,
            residual: own("residual.npy")?,
            shape,
        })
    }

    /// What the sum misses with an attribution: prediction - initial - Σ attribution - every other term.
    ///
    /// # Errors
    ///
    /// An attribution of other queries, or that cannot be read.
    pub fn missed(&self, attribution: &PairArray) -> Result<Vec<f64>, Error> {
        let [queries, values] = self.shape;
        let examples = attribution.shape().get(1).copied().unwrap_or(0);
        if attribution.shape() != [queries, examples, values] {
            return Err(Error::Input(format!(
                "attribution has shape {:?}, and prediction.npy {:?}; the run directory is damaged",
                attribution.shape(),
                self.shape
            )));
        }
        let mut rest = self.of_examples();
        let at_once = (AT_ONCE / (examples * values).max(1)).max(1);
        for first in (0..queries).step_by(at_once) {
            let last = queries.min(first + at_once);
            let rows = attribution.values(first..last, 0..examples)?;
            for (query, row) in rows.chunks_exact((examples * values).max(1)).enumerate() {
                let rest = &mut rest[(first + query) * values..][..values];
                for part in row.chunks_exact(values) {
                    rest.iter_mut().zip(part).for_each(|(rest, part)| *rest -= part);
                }
            }
        }
        Ok(rest)
    }

    /// The same with the largest attributions and the sums of the rest.
    ///
    /// # Errors
    ///
    /// A list that names no example.
    pub fn missed_by_lists(&self, listed: &Listed) -> Result<Vec<f64>, Error> {
        let values = self.shape[1].max(1);
        let mut rest = self.of_examples();
        for (at, rest) in rest.iter_mut().enumerate() {
            *rest -= listed.of(at / values, at % values)?.sums().iter().sum::<f64>();
        }
        Ok(rest)
    }

    /// The examples' part of the change: all of it but the other terms.
    fn of_examples(&self) -> Vec<f64> {
        let mut rest: Vec<f64> = self.prediction.iter().zip(&self.initial).map(|(last, first)| last - first).collect();
        let others = [&self.statistics, &self.earlier, &self.unexplained].into_iter().flatten();
        for part in std::iter::once(&self.regularizer).chain(others) {
            rest.iter_mut().zip(part).for_each(|(rest, part)| *rest -= part);
        }
        rest
    }
}
