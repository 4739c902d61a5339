//! Kernels between the training examples of a finished run.

use super::form::Form;
use crate::device::{Precision, free_memory};
use crate::error::Error;
use crate::machine::{Matrix, Wanted};
use crate::plan::size;
use crate::problem::Problem;
use crate::readout::Readout;
use crate::run::inputs::read_problem;
use crate::run::keys::{KernelShape, RunFile};
use crate::run::store::{PairArray, Store, Terms};
use std::path::{Path, PathBuf};

/// The kernels of a run, by what people call them, and the arrays that hold them.
const KERNELS: [(&str, &str); 3] =
    [("path", "kernel"), ("tangent_initial", "tangent_initial"), ("tangent_final", "tangent_final")];
/// Numbers of a kernel that are read at once.
const AT_ONCE: usize = 1 << 22;

/// A finished run that keeps a kernel between outputs, with its data.
pub(super) struct KernelRun {
    directory: PathBuf,
    pub store: Store,
    pub run_file: RunFile,
    pub summary: serde_json::Value,
    pub problem: Problem,
    terms: Terms,
}

impl KernelRun {
    /// The run of a directory. Every array that is read is held against its checksum.
    ///
    /// # Errors
    ///
    /// There is no such run; data that are gone or were changed; or a file that is damaged.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let store = Store::new(directory);
        store.check_finished()?;
        let (run_file, summary) = (store.finished_run_file(&[])?, store.summary()?);
        check_keys(&run_file).map_err(|problem| wrong(directory, &problem))?;
        store.check_inputs(&summary)?;
        let problem = read_problem(&run_file)?;
        let count = |key: &str| summary["shapes"][key].as_u64().unwrap_or(0) as usize;
        let shapes = [problem.query_count(), problem.examples(), problem.network.outputs];
        if shapes != ["queries", "examples", "outputs"].map(count) {
            return Err(wrong(directory, "the data are not those of the run any more"));
        }
        let arrays = KERNELS.map(|(_, file)| format!("{file}.npy"));
        let read: Vec<&str> = Terms::FILES.into_iter().chain(arrays.iter().map(String::as_str)).collect();
        store.verify_checksums(&summary, |name, _| read.contains(&name))?;
        let terms = Terms::read(directory)?;
        Ok(Self { directory: directory.to_owned(), store, run_file, summary, problem, terms })
    }

    /// What is said of this run.
    pub fn wrong(&self, problem: &str) -> Error {
        wrong(&self.directory, problem)
    }

    /// The kernels that it keeps, by name.
    ///
    /// # Errors
    ///
    /// One that is missing, or of another shape.
    pub fn kernels(&self) -> Result<Vec<(&'static str, PairArray)>, Error> {
        let tangent = self.run_file.kernel.tangent;
        // A run without steps has tangent kernels, and no path.
        let skipped = usize::from(tangent && self.summary["shapes"]["steps"] == 0);
        let asked = KERNELS.into_iter().take(if tangent { KERNELS.len() } else { 1 }).skip(skipped);
        let damaged = |problem: String| Error::Damaged(format!("{}: {problem}", self.directory.display()));
        let open = |(name, file): (&'static str, &str)| {
            let array = PairArray::open(&self.directory, file)?.ok_or_else(|| {
                damaged(format!("{file}.{} is missing; the run directory is damaged", self.run_file.run.store.name()))
            })?;
            let whole = array.shape().starts_with(&[self.problem.query_count(), self.problem.examples()]);
            if !whole || array.entry() != self.form().entry() {
                let problem = format!("the {name} kernel has shape {:?}; the run directory is damaged", array.shape());
                return Err(damaged(problem));
            }
            Ok((name, array))
        };
        asked.map(open).collect()
    }

    /// Fails where the queries are not the training examples; returns how many these are.
    ///
    /// # Errors
    ///
    /// What to do.
    pub fn asks_itself(&self) -> Result<usize, Error> {
        if self.problem.asks_itself() {
            return Ok(self.problem.examples());
        }
        Err(self.wrong(
            "its queries are not its training set, and a machine is fitted where both sides of the kernel are training examples; run \
             it again without [data.query], into another run.directory, and ask the machine of that run: pathkernel machine \
             THAT_DIRECTORY --queries THIS_ONE",
        ))
    }

    /// How the kernels' entries are matrices.
    pub fn form(&self) -> Form {
        Form { shape: self.run_file.kernel.kernel, outputs: self.problem.network.outputs }
    }

    /// What the outputs of the training examples should be.
    ///
    /// # Errors
    ///
    /// Targets that no machine is fitted to.
    pub fn wanted(&self) -> Result<Wanted, Error> {
        let Problem { targets, spec, network, .. } = &self.problem;
        if self.run_file.data.targets.is_none() {
            return Err(self.wrong("has no targets (data.train.targets), and a machine is fitted to these"));
        }
        Wanted::of(targets, spec.loss, self.problem.examples(), network.outputs).map_err(|problem| self.wrong(&problem))
    }

    /// `[n, C]`: what the network says of the queries.
    pub fn prediction(&self) -> Matrix<f64> {
        let [queries, outputs] = self.terms.shape;
        Matrix::from_row_slice(queries, outputs, &self.terms.prediction)
    }

    /// A rounding of the kernels' numbers, relative.
    pub fn precision(&self) -> f64 {
        if self.run_file.run.precision == Precision::F64 { f64::EPSILON } else { f32::EPSILON.into() }
    }

    /// Reads some rows of a kernel, an entry of all its columns at a time.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn read(
        &self,
        array: &PairArray,
        rows: std::ops::Range<usize>,
        take: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<(), Error> {
        let row = self.problem.examples() * self.form().entry();
        let each = (AT_ONCE / row.max(1)).max(1);
        for first in rows.clone().step_by(each) {
            let block = first..rows.end.min(first + each);
            let values = array.values(block.clone(), 0..self.problem.examples())?;
            values.chunks_exact(row.max(1)).zip(block).for_each(|(entries, row)| take(row, entries));
        }
        Ok(())
    }

    /// Fails where so many square matrices of so many rows are more than there is memory for.
    ///
    /// # Errors
    ///
    /// What they need, and what to do.
    pub fn check_room(&self, what: &str, rows: usize, matrices: usize) -> Result<(), Error> {
        let own = (rows as u64).saturating_mul(rows as u64).saturating_mul(size_of::<f64>() as u64);
        let (needed, room) = (own.saturating_mul(matrices as u64), free_memory());
        let room = self.run_file.run.memory.map_or(room, |allowed| allowed.min(room));
        if needed <= room {
            return Ok(());
        }
        Err(Error::DoesNotFit(format!(
            "{}: {what} takes {matrices} matrices of [{rows}, {rows}], {} of memory, and there are {}; few examples carry most of \
             a kernel: in Python, pk.landmarks(result, 1000) chooses them, and pk.machine(result, landmarks=1000) is fitted on them \
             without the matrix of all pairs in memory (docs/python.md)",
            self.directory.display(),
            size(needed),
            size(room)
        )))
    }

    /// Fails where no kernel is left to be used.
    ///
    /// # Errors
    ///
    /// What is wrong with each.
    pub fn check_any<T>(&self, usable: &[T], problems: &[String]) -> Result<(), Error> {
        let mut problems = problems.to_vec();
        // What is wrong with the targets is wrong with each kernel.
        problems.dedup();
        if usable.is_empty() { Err(self.wrong(&problems.join("; "))) } else { Ok(()) }
    }
}

/// A kernel between the training examples, divided by its mean diagonal: eigenvalues and alpha are then of one size for every
/// kernel.
///
/// A path kernel of finite steps is symmetric but for their curvature and, with mini-batches, for the steps that an example was
/// in; its symmetric part stands for it.
pub(super) struct Gram {
    pub name: &'static str,
    /// One for all outputs, one for each, or one of examples with outputs.
    pub matrices: Vec<Matrix<f64>>,
    /// The mean of the diagonal.
    pub scale: f64,
}

impl Gram {
    /// A kernel as machines take it; or why it is of no use.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn read(run: &KernelRun, name: &'static str, array: &PairArray) -> Result<Result<Self, String>, Error> {
        let (form, examples) = (run.form(), run.problem.examples());
        let mut matrices = form.matrices(examples, examples);
        run.read(array, 0..examples, &mut |row, entries| form.put(&mut matrices, row, entries))?;
        Ok(Self::scaled(name, matrices))
    }

    /// The mean over outputs of a kernel; or why it is of no use.
    ///
    /// # Errors
    ///
    /// A file that cannot be read.
    pub fn mean(run: &KernelRun, name: &'static str, array: &PairArray) -> Result<Result<Self, String>, Error> {
        let (form, examples) = (run.form(), run.problem.examples());
        let mut mean = Matrix::zeros(examples, examples);
        run.read(array, 0..examples, &mut |row, entries| {
            let pairs = entries.chunks_exact(form.entry()).enumerate();
            pairs.for_each(|(column, pair)| mean[(row, column)] = form.mean(pair));
        })?;
        Ok(Self::scaled(name, vec![mean]))
    }

    fn scaled(name: &'static str, mut matrices: Vec<Matrix<f64>>) -> Result<Self, String> {
        if matrices.iter().any(|own| own.iter().any(|value| !value.is_finite())) {
            return Err(format!("the {name} kernel holds NaN or infinity"));
        }
        let rows: usize = matrices.iter().map(|own| own.nrows()).sum();
        let scale = matrices.iter().map(|own| own.trace()).sum::<f64>() / rows as f64;
        // What is below is lost when it is squared.
        if !(scale > f64::MIN_POSITIVE && scale.is_finite()) {
            return Err(format!(
                "the {name} kernel's diagonal has the mean {scale:.3e}, and a kernel's is above 0: no step was taken, or no output moves with any weight"
            ));
        }
        for matrix in &mut matrices {
            for row in 0..matrix.nrows() {
                for column in 0..=row {
                    let mean = 0.5 * (matrix[(row, column)] / scale + matrix[(column, row)] / scale);
                    (matrix[(row, column)], matrix[(column, row)]) = (mean, mean);
                }
            }
        }
        Ok(Self { name, matrices, scale })
    }

    /// The matrix of a kernel that has one.
    pub fn whole(&self) -> &Matrix<f64> {
        &self.matrices[0]
    }
}

fn wrong(directory: &Path, problem: &str) -> Error {
    Error::Input(format!("{}: {problem}", directory.display()))
}

/// Whether a run keeps kernels between outputs, with a column for each example.
fn check_keys(run_file: &RunFile) -> Result<(), String> {
    let RunFile { kernel, data, training, .. } = run_file;
    if kernel.kernel == KernelShape::None {
        let path = if training.optimizer.has_memory() {
            "a path of momentum, or of Adam and its like, has no kernel; the tangent kernel at its last weights is kept by a run with \
             its weights_final.safetensors as model.weights, a plain sgd optimizer, training.steps = 0, kernel.kernel = \"trace\" and \
             kernel.tangent = true"
        } else {
            "run it again with kernel.kernel = \"trace\", and with kernel.tangent = true for the tangent kernels at both ends"
        };
        return Err(format!("keeps no kernel; {path}"));
    }
    if kernel.readout != Readout::Outputs {
        return Err(format!(
            "its kernel pairs {} with outputs, and is none between outputs; run it again with kernel.readout = \"outputs\"",
            kernel.readout.words()
        ));
    }
    if data.groups.is_some() {
        return Err(
            "its columns are groups of examples, and a machine needs one for each example; run it again without \
                    data.train.groups"
                .into(),
        );
    }
    Ok(())
}
