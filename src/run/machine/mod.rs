/*!
Kernel machines on the kernels of a finished run, and what these kernels know.

A machine is fitted where both sides of a kernel are training examples: in a run whose queries are its training set. It answers
the queries of another run along the same path.
*/

mod fitted;
mod form;
mod found;
mod kernels;
mod queries;

pub use crate::machine::Kind;
pub use found::{Alike, KernelMachine, KernelSpectrum, Machines, NetworkScores, Queries, Spectra};

use super::Progress;
use super::resume::Watch;
use crate::error::Error;
use crate::formats::write_npy;
use crate::machine::{Matrix, Spectrum, Wanted, alignment};
use fitted::{Fitted, Known};
use kernels::{Gram, KernelRun};
use queries::Asked;
use std::path::{Path, PathBuf};

/// The files of a run directory.
const SPECTRUM: &str = "spectrum";
const MACHINE: &str = "machine";
/// The least alpha of a logistic regression: where classes can be told apart without error its weights grow as alpha falls, until
/// probabilities round to 0 and 1.
const LEAST_LOGISTIC: f64 = 1e-12;

/// What is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitting {
    /// The kind of machine.
    pub kind: Kind,
    /// How much the function's squared norm counts beside the losses; chosen where it is not said.
    pub alpha: Option<f64>,
    /// A run along the same path, whose queries are to be answered.
    pub queries: Option<PathBuf>,
}

/// What the kernels of a finished run know, whose queries are its training set. Writes `spectrum.npy` and `spectrum.json`.
///
/// # Errors
///
/// A directory that holds no such run, or no kernel; data that are gone or were changed; a file that is damaged or cannot be
/// written; matrices that memory does not hold; or it was told to stop.
pub fn spectrum(directory: &Path, progress: &mut dyn Progress) -> Result<Spectra, Error> {
    let run = KernelRun::open(directory)?;
    let kernels = run.kernels()?;
    let examples = run.asks_itself()?;
    // Beside the kernels one at a time is taken apart, or held against labels: its rows, its columns, the labels' products, and both
    // centred.
    run.check_room("the spectrum of a kernel", examples, kernels.len() + 5)?;
    let watch = Watch::new(progress);
    watch.begin("reading kernels", kernels.len() as u64);
    let (mut notes, mut grams) = (Vec::new(), Vec::new());
    for &(name, ref array) in &kernels {
        match Gram::mean(&run, name, array)? {
            Ok(gram) => grams.push(gram),
            Err(problem) => notes.push(problem),
        }
        watch.step()?;
    }
    run.check_any(&grams, &notes)?;
    let labels = run.wanted().ok();
    watch.begin("finding eigenvalues", grams.len() as u64);
    let one = |gram: &Gram| -> Result<KernelSpectrum, Error> {
        let Spectrum { eigenvalues, effective_rank, participation_ratio, negative } =
            Spectrum::of(gram.whole().clone());
        watch.step()?;
        Ok(KernelSpectrum {
            kernel: gram.name.into(),
            effective_rank,
            participation_ratio,
            alignment: labels.as_ref().and_then(|labels| with_labels(gram.whole(), labels)),
            negative,
            mean_diagonal: gram.scale,
            eigenvalues,
        })
    };
    let kernels: Vec<KernelSpectrum> = grams.iter().map(one).collect::<Result<_, _>>()?;
    let pairs = (0..grams.len()).flat_map(|one| (one + 1..grams.len()).map(move |other| (one, other)));
    let between = pairs.map(|(one, other)| {
        let alignment = alignment(grams[one].whole(), grams[other].whole());
        Alike {
            kernels: [one, other].map(|place| grams[place].name.into()),
            alignment,
            distance: (1.0 - alignment).max(0.0),
        }
    });
    let spectra =
        Spectra { version: env!("CARGO_PKG_VERSION").into(), examples, between: between.collect(), kernels, notes };
    let all: Vec<f64> = spectra.kernels.iter().flat_map(|own| own.eigenvalues.iter().copied()).collect();
    let shape = [spectra.kernels.len(), examples];
    write_npy(&run.store.path(&format!("{SPECTRUM}.npy")), &shape, &all)?;
    run.store.write(&format!("{SPECTRUM}.json"), &format!("{:#}\n", spectra.to_json()))?;
    Ok(spectra)
}

/// The alignment of a kernel with what the labels have in common, among the examples that have one; `None` where none has.
fn with_labels(kernel: &Matrix<f64>, labels: &Wanted) -> Option<f64> {
    let known = labels.known();
    if known.is_empty() {
        return None;
    }
    let values = labels.kept(&known).values;
    Some(alignment(&kernel.select_rows(&known).select_columns(&known), &(&values * values.transpose())))
}

/// Fits a machine on each kernel of a finished run whose queries are its training set, and asks it the queries of another run.
/// Writes `machine.npy` and `machine.json`.
///
/// # Errors
///
/// As of [`spectrum`]; targets that no machine is fitted to, or not of this kind; or another run along another path.
pub fn machine(directory: &Path, fitting: &Fitting, progress: &mut dyn Progress) -> Result<Machines, Error> {
    if let Some(alpha) = fitting.alpha.filter(|alpha| !(*alpha > 0.0 && alpha.is_finite())) {
        return Err(Error::Input(format!("--alpha {alpha}: give a number above 0, or leave it out to have it chosen")));
    }
    if let Some(alpha) = fitting.alpha.filter(|alpha| fitting.kind == Kind::Logistic && *alpha < LEAST_LOGISTIC) {
        return Err(Error::Input(format!(
            "--alpha {alpha:e}: a logistic regression's last digits are lost to rounding below {LEAST_LOGISTIC:e}; give more, or leave it \
             out to have it chosen"
        )));
    }
    let run = KernelRun::open(directory)?;
    let (kernels, form) = (run.kernels()?, run.form());
    let examples = run.asks_itself()?;
    let wanted = run.wanted()?;
    let rows = wanted.known();
    if rows.is_empty() {
        return Err(run.wrong("no training example has a target, and a machine is fitted to these"));
    }
    fitting.kind.check(&wanted, form.parts(), form.width() > 1).map_err(|problem| run.wrong(&problem))?;
    let asked = fitting.queries.as_deref().map(|other| Asked::open(other, &run, &wanted)).transpose()?;
    run.check_room("a machine", examples * form.width(), form.parts() * fitting.kind.matrices())?;
    let known = Known { examples, wanted: wanted.kept(&rows), rows };
    let watch = Watch::new(progress);
    watch.begin(&format!("fitting {}", fitting.kind.name()), kernels.len() as u64);
    let (mut described, mut coefficients, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for &(name, ref array) in &kernels {
        let gram = Gram::read(&run, name, array)?;
        match gram.and_then(|gram| Fitted::new(gram, form, &known, fitting, run.precision())) {
            Ok(fitted) => {
                described.push(fitted.described(asked.as_ref())?);
                coefficients.push(fitted.coefficients);
            }
            Err(problem) => notes.push(problem),
        }
        watch.step()?;
    }
    run.check_any(&coefficients, &notes)?;
    if let Some(asked) = &asked {
        notes.extend(described.iter().filter_map(|own| asked.lacks(&own.kernel)));
    }
    let machines = Machines {
        version: env!("CARGO_PKG_VERSION").into(),
        kind: fitting.kind.name().into(),
        measure: wanted.measure().into(),
        examples: known.rows.len(),
        kernels: described,
        network: NetworkScores {
            training: wanted.score(&run.prediction()),
            queries: asked.as_ref().and_then(Asked::network_score),
        },
        queries: asked.as_ref().map(Asked::described),
        notes,
    };
    let shape = [coefficients.len(), examples, wanted.values.ncols()];
    // Row by row, as arrays lie in files.
    let all: Vec<f64> = coefficients.iter().flat_map(|own| own.transpose().as_slice().to_vec()).collect();
    write_npy(&run.store.path(&format!("{MACHINE}.npy")), &shape, &all)?;
    run.store.write(&format!("{MACHINE}.json"), &format!("{:#}\n", machines.to_json()))?;
    Ok(machines)
}
