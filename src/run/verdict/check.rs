//! The verdict of a finished run once more, from its arrays.

use super::recorded::explained;
use super::{Findings, Judgement, of_largest_change};
use crate::compute::Element;
use crate::device::Precision;
use crate::error::Error;
use crate::formats::MappedArray;
use crate::run::keys::RunFile;
use crate::run::store::{Listed, PairArray, Store, file_names};
use std::path::Path;

/// Numbers of the attribution that are in memory at once, at least a query's.
const AT_ONCE: usize = 1 << 22;

/// The verdict of the finished run in a directory, from its arrays: every file is held against its checksum, and the residual is
/// made again.
///
/// # Errors
///
/// A directory that holds no finished run, or a file that is damaged or was changed.
pub fn check(directory: &Path) -> Result<Judgement, Error> {
    let store = Store::new(directory);
    store.check_finished()?;
    let run_file = RunFile::load(&directory.join("run.toml"), &[])?;
    store.verify(&file_names(&run_file))?;
    let summary = store.summary()?;
    let arrays = Arrays::read(directory)?;
    let unit = if run_file.run.precision == Precision::F64 { f64::ROUNDING } else { f32::ROUNDING };
    let share = |term: &[f64]| of_largest_change(term, [&arrays.initial, &arrays.prediction], unit);
    let [queries, values] = arrays.shape.first_chunk().copied().unwrap_or_default();
    let examples = summary["shapes"]["examples"].as_u64().unwrap_or(0) as usize;
    let listed = Listed::open(directory, [queries, values, examples])?;
    let residual = match (PairArray::open(directory, "attribution")?, listed) {
        (Some(attribution), _) => arrays.residual(&attribution)?,
        (None, Some(listed)) => arrays.residual_of_listed(&listed)?,
        (None, None) => arrays.residual.clone(),
    };
    let findings = Findings {
        residual: share(&residual),
        unexplained: arrays.unexplained.as_deref().map(share),
        ..Findings::of_summary(&summary, run_file.kernel.accept)?
    };
    Ok(explained(&findings, &summary))
}

/// The arrays that belong to queries alone, `[n, R]` each.
#[derive(Debug)]
struct Arrays {
    initial: Vec<f64>,
    prediction: Vec<f64>,
    regularizer: Vec<f64>,
    statistics: Option<Vec<f64>>,
    earlier: Option<Vec<f64>>,
    unexplained: Option<Vec<f64>>,
    residual: Vec<f64>,
    shape: Vec<usize>,
}

impl Arrays {
    fn read(directory: &Path) -> Result<Self, Error> {
        let open = |name: &str| MappedArray::open(&directory.join(name));
        let needed = |name: &str| open(name)?.ok_or_else(|| wrong(directory, &format!("{name} is missing")));
        let prediction = needed("prediction.npy")?;
        let shape = prediction.shape.clone();
        let fits = |name: &str, array: MappedArray| match array.shape == shape {
            true => Ok(array.all()),
            false => {
                Err(wrong(directory, &format!("{name} has shape {:?}, and prediction.npy {shape:?}", array.shape)))
            }
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

    /// The examples' part of the change: `prediction - initial - regularizer - statistics - earlier - unexplained`.
    fn of_examples(&self) -> Vec<f64> {
        let mut rest: Vec<f64> = self.prediction.iter().zip(&self.initial).map(|(last, first)| last - first).collect();
        let others = [&self.statistics, &self.earlier, &self.unexplained].into_iter().flatten();
        for part in std::iter::once(&self.regularizer).chain(others) {
            rest.iter_mut().zip(part).for_each(|(rest, part)| *rest -= part);
        }
        rest
    }

    /// What the attribution does not add up to.
    fn residual(&self, attribution: &PairArray) -> Result<Vec<f64>, Error> {
        let [queries, values] = self.shape.first_chunk().copied().unwrap_or_default();
        let examples = attribution.shape().get(1).copied().unwrap_or(0);
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

    /// What the largest attributions and the sums of the rest do not add up to.
    fn residual_of_listed(&self, listed: &Listed) -> Result<Vec<f64>, Error> {
        let values = self.shape.get(1).copied().unwrap_or(0).max(1);
        let mut rest = self.of_examples();
        for (at, rest) in rest.iter_mut().enumerate() {
            *rest -= listed.of(at / values, at % values)?.sums().iter().sum::<f64>();
        }
        Ok(rest)
    }
}

fn wrong(directory: &Path, problem: &str) -> Error {
    let directory = directory.display();
    Error::Input(format!(
        "{directory}: {problem}; the run directory is damaged: remove {directory}, and the same run makes it again"
    ))
}
