//! Queries of another run along the same path, which a machine is asked.

use super::found::Queries;
use super::kernels::KernelRun;
use crate::error::Error;
use crate::machine::{Matrix, Wanted};
use crate::run::keys::{Run, RunFile, difference};
use crate::run::store::{Fingerprint, PairArray};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rows of a kernel of which outputs are formed at once.
const ROWS: usize = 256;
/// What of a run directory tells one path from another.
const PATH: [&str; 3] = ["trajectory/weights.npy", "trajectory/batches.npy", "weights_final.safetensors"];

/// A run whose queries are asked.
pub(super) struct Asked {
    directory: PathBuf,
    run: KernelRun,
    kernels: Vec<(&'static str, PairArray)>,
    wanted: Wanted,
}

impl Asked {
    /// The run of a directory, which must be of the path of another and have targets of the same kind.
    ///
    /// # Errors
    ///
    /// There is no such run, or it is along another path; queries without targets.
    pub fn open(directory: &Path, fitted: &KernelRun, like: &Wanted) -> Result<Self, Error> {
        let run = KernelRun::open(directory)?;
        same_path(fitted, &run).map_err(|problem| run.wrong(&problem))?;
        let (count, outputs) = (run.problem.query_count(), run.problem.network.outputs);
        let Some(targets) = &run.problem.query_targets else {
            return Err(run.wrong("its queries have no targets to be held against; name them as data.query.targets"));
        };
        let wanted =
            Wanted::of(targets, run.problem.spec.loss, count, outputs).map_err(|problem| run.wrong(&problem))?;
        if wanted.meaning != like.meaning {
            return Err(run.wrong("targets of its queries are of another kind than those of the training set"));
        }
        let kernels = run.kernels()?;
        Ok(Self { directory: directory.to_owned(), run, kernels, wanted })
    }

    /// What is said of a kernel that is not there.
    pub fn lacks(&self, name: &str) -> Option<String> {
        let missing = self.kernels.iter().all(|(own, _)| *own != name);
        let directory = self.directory.display();
        missing.then(|| format!("{directory} keeps no {name} kernel; run it again with kernel.tangent = true"))
    }

    /// How well a machine on a kernel answers, of which the outputs are sums over examples `[examples, C]` and an offset.
    /// `None` without that kernel, or where no query has a target.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn score(&self, name: &str, coefficients: &Matrix<f64>, offset: &[f64]) -> Result<Option<f64>, Error> {
        let Some((_, array)) = self.kernels.iter().find(|(own, _)| *own == name) else { return Ok(None) };
        let (form, queries, examples) = (self.run.form(), self.wanted.values.nrows(), coefficients.nrows());
        let (split, mut outputs) = (form.split(coefficients), self.wanted.values.clone());
        for first in (0..queries).step_by(ROWS) {
            let block = first..queries.min(first + ROWS);
            let mut matrices = form.matrices(block.len(), examples);
            self.run.read(array, block.clone(), &mut |row, entries| form.put(&mut matrices, row - first, entries))?;
            let products: Vec<Matrix<f64>> = matrices.iter().zip(&split).map(|(matrix, own)| matrix * own).collect();
            outputs.rows_mut(first, block.len()).copy_from(&form.joined(&products));
        }
        for (mut column, offset) in outputs.column_iter_mut().zip(offset) {
            column.add_scalar_mut(*offset);
        }
        Ok(self.wanted.score(&outputs))
    }

    /// How well the network itself answers.
    pub fn network_score(&self) -> Option<f64> {
        self.wanted.score(&self.run.prediction())
    }

    /// Which they are.
    pub fn described(&self) -> Queries {
        Queries { directory: self.directory.clone(), count: self.wanted.known().len() }
    }
}

/// Whether two runs are along one path, with kernels of one shape.
fn same_path(fitted: &KernelRun, asked: &KernelRun) -> Result<(), String> {
    let inputs = [fitted, asked].map(|run| inputs(&run.summary));
    let hash = |side: usize, key: &str| inputs[side].get(key).map(|own| &own.sha256);
    let of_path = inputs.iter().flat_map(BTreeMap::keys).filter(|key| !key.starts_with("data.query"));
    if let Some(key) = of_path.into_iter().find(|key| hash(0, key) != hash(1, key)) {
        return Err(format!("is of another path than the machine's run: {key} holds other data"));
    }
    let files: Vec<&Fingerprint> = inputs.iter().flat_map(BTreeMap::values).collect();
    let texts = [fitted, asked].map(|run| along_path(&run.run_file, &fitted.run_file, &files));
    if let Some((key, have, want)) = difference(&texts[0], &texts[1]) {
        return Err(format!("is of another path than the machine's run: {key} is {want}, and {have} there"));
    }
    let shapes = [fitted, asked].map(|run| run.run_file.kernel.kernel);
    if shapes[0] != shapes[1] {
        let [fitted, asked] = shapes.map(crate::key::Word::word);
        return Err(format!(
            "its kernel is {asked}, and the machine's {fitted}; run it again with kernel.kernel = \"{fitted}\""
        ));
    }
    let checksum = |run: &KernelRun, file: &str| run.summary["checksums"][file].clone();
    match PATH.iter().find(|file| checksum(fitted, file) != checksum(asked, file)) {
        None => Ok(()),
        Some(file) => Err(format!(
            "its path is not to the bit that of the machine's run ({file} differs), though its run file and its data are; run both on \
             one device"
        )),
    }
}

/// The input files of a run, by key.
fn inputs(summary: &serde_json::Value) -> BTreeMap<String, Fingerprint> {
    serde_json::from_value(summary["inputs"].clone()).unwrap_or_default()
}

/// What a run file says of its path, with all else as another has it, and files named by what they hold: the same file may lie in
/// two places.
fn along_path(run_file: &RunFile, other: &RunFile, files: &[&Fingerprint]) -> String {
    let mut own = run_file.clone();
    let (seed, precision) = (own.run.seed, own.run.precision);
    (own.data, own.kernel, own.report) = (other.data.clone(), other.kernel.clone(), other.report.clone());
    own.run = Run { seed, precision, ..other.run.clone() };
    if own.trajectory.import.is_some() && other.trajectory.import.is_some() {
        own.trajectory.import.clone_from(&other.trajectory.import);
    }
    let mut files = files.to_vec();
    // A name may begin with another.
    files.sort_by_key(|file| std::cmp::Reverse(file.path.as_os_str().len()));
    files.into_iter().fold(own.to_toml(), |text, file| text.replace(&*file.path.to_string_lossy(), &file.sha256))
}
