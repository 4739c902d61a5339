/*!
Whether scores of training examples predict what training without them gives.

The run is trained again on random subsets of its examples, and without single ones: those that are dropped have weight 0 in the
loss, and all else is the run's. Contributions, influence and scores of the user's own are held against what comes of it. Each
retraining is a small file in the run directory: what was interrupted goes on, several processes share the work, and what is
there is not made again.
*/

mod agreement;
mod asked;
mod retrained;
mod scores;
mod validation;
mod work;

pub use agreement::Agreement;
pub use asked::Asked;
pub use validation::{Compared, Scored, Validation};

use super::keys::{RunFile, difference};
use super::process::options;
use super::resume::Watch;
use super::store::{Store, Terms};
use super::verdict::of_largest_change;
use super::{Inputs, Progress};
use crate::cache::Cache;
use crate::compute::Element;
use crate::device::{LocalDevices, Precision};
use crate::error::Error;
use agreement::Sample;
use asked::Retraining;
use retrained::{Folder, Retrained};
use scores::Scores;
use work::{Making, jobs};

/// The largest change of rounding that is small beside a change, as a share of it.
const SMALL: f64 = 0.1;

/// Validates the finished run in a directory: makes the retrainings that are missing, compares, and writes `validation.json`.
///
/// # Errors
///
/// An option that makes no sense; a directory that holds no finished run, or no scores; data that are gone or were changed; a run
/// that training again does not reproduce; a device that fails; or it was told to stop.
pub fn validate(directory: &std::path::Path, asked: &Asked, progress: &mut dyn Progress) -> Result<Validation, Error> {
    asked.check()?;
    let store = Store::new(directory);
    let run = FinishedRun::read(&store, &asked.overrides)?;
    let scores = Scores::open(directory, &asked.scores, run.shape)?;
    if scores.is_empty() {
        return Err(Error::Input(format!(
            "{}: {}; give scores of your own (--scores FILE.npy), or run it again with kernel.attribution = true{}",
            directory.display(),
            "holds no array of each example's contribution or influence",
            if run.run_file.kernel.top.is_some() { " and without kernel.top" } else { "" }
        )));
    }
    let [queries, examples, values] = run.shape;
    let (drawn, left_out) = (asked.subsets(examples)?, asked.left_out(examples)?);
    let whole = Retraining::whole();
    let others: Vec<&Retraining> =
        drawn.iter().flat_map(|own| own.of_seeds.iter().flatten()).chain(&left_out).collect();
    let folder = Folder::new(&store, queries * values);
    let reproduces = run.retrain(&folder, (&whole, &others), asked.jobs, progress)?;
    let base = run.base(&folder, &whole)?;
    let compare = Compare { folder: &folder, scores: &scores, base: &base };
    let drops = drawn.iter().map(|own| compare.of(Some(own.share), own.count, &own.of_seeds));
    let drops: Vec<Compared> = drops.collect::<Result<_, _>>()?;
    let alone = (!left_out.is_empty()).then(|| compare.of(None, 1, std::slice::from_ref(&left_out))).transpose()?;
    let compared: usize = drops.iter().chain(&alone).map(|own| own.retrainings).sum();
    let notes = drops.iter().chain(&alone).filter_map(|own| run.doubt(own, &base)).collect();
    let validation = Validation {
        version: env!("CARGO_PKG_VERSION").into(),
        readout: run.run_file.kernel.readout.noun().into(),
        examples,
        queries,
        values,
        steps: run.steps,
        subsets: asked.subsets,
        seeds: asked.seeds.clone(),
        retrainings: others.len() + 1,
        diverged: others.len() - compared,
        reproduces,
        dropping: run.dropping(),
        notes,
        drops,
        leave_one_out: alone,
    };
    validation.write(&store)?;
    Ok(validation)
}

/// A finished run, as far as it is trained again.
struct FinishedRun<'a> {
    store: &'a Store,
    run_file: RunFile,
    summary: serde_json::Value,
    terms: Terms,
    /// n, m and R.
    shape: [usize; 3],
    steps: usize,
}

impl<'a> FinishedRun<'a> {
    fn read(store: &'a Store, overrides: &[String]) -> Result<Self, Error> {
        store.check_finished()?;
        let recorded = store.finished_run_file(&[])?;
        let run_file = store.finished_run_file(overrides)?;
        if let Some((key, have, want)) = difference(&recorded.to_toml(), &run_file.to_toml()) {
            return Err(Error::Input(format!(
                "{key}: is {have} in this run, and {want} would be another; name keys that change no result, such as run.device"
            )));
        }
        let (summary, terms) = (store.summary()?, Terms::read(&store.path(""))?);
        let count = |key: &str| summary["shapes"][key].as_u64().unwrap_or(0) as usize;
        let [queries, values] = terms.shape;
        let (examples, steps) = (count("examples"), count("steps"));
        Ok(Self { store, run_file, terms, shape: [queries, examples, values], steps, summary })
    }

    fn is_double(&self) -> bool {
        self.run_file.run.precision == Precision::F64
    }

    /// One rounding of the run's arithmetic, relative.
    fn unit(&self) -> f64 {
        if self.is_double() { f64::ROUNDING } else { f32::ROUNDING }
    }

    /// Makes the retrainings that are missing: first the one without a change, which must give what the run gave. Returns how far it
    /// is from that, as a share of the largest change in training.
    fn retrain(
        &self,
        folder: &Folder<'_>,
        (whole, others): (&Retraining, &[&Retraining]),
        jobs_at_once: Option<usize>,
        progress: &mut dyn Progress,
    ) -> Result<f64, Error> {
        let all: Vec<&Retraining> = std::iter::once(whole).chain(others.iter().copied()).collect();
        let done = all.iter().filter(|own| folder.has(own)).count();
        if done == all.len() {
            return self.reproduced(folder, whole);
        }
        self.store.check_inputs(&self.summary)?;
        let inputs = Inputs::read(&self.run_file)?;
        folder.create()?;
        let devices = LocalDevices::find(options(&self.run_file, Cache::Written))?;
        let bytes = if self.is_double() { size_of::<f64>() } else { size_of::<f32>() };
        let jobs = jobs_at_once.unwrap_or_else(|| jobs(&inputs.problem, bytes, self.run_file.run.memory));
        let watch = Watch::new(progress);
        watch.begin("training again", all.len() as u64);
        watch.resume(done as u64);
        let making = Making { inputs: &inputs, folder, watch: &watch, jobs };
        making.make(&[whole], &devices)?;
        let reproduces = self.reproduced(folder, whole)?;
        making.make(others, &devices)?;
        Ok(reproduces)
    }

    /// How far training again without a change is from the run, as a share of the largest change in training.
    fn reproduced(&self, folder: &Folder<'_>, whole: &Retraining) -> Result<f64, Error> {
        let Terms { initial, prediction, .. } = &self.terms;
        let (differs, words) = match folder.read(whole)? {
            Retrained::Diverged => (f64::INFINITY, "diverges".to_owned()),
            Retrained::Readouts(again) => {
                let missed: Vec<f64> = again.iter().zip(prediction).map(|(again, run)| again - run).collect();
                let differs = of_largest_change(&missed, [initial, prediction], self.unit());
                (
                    differs,
                    format!(
                        "gives predictions that differ from the run's by {differs:.1e} of the largest change in training"
                    ),
                )
            }
        };
        let accept = self.run_file.kernel.accept;
        if differs <= accept {
            return Ok(differs);
        }
        Err(Error::Input(format!(
            "{}: training again without any change {words} (kernel.accept = {accept:?} is allowed), so that training again without \
             examples does not say what they did; {}",
            self.store.path("").display(),
            self.why()
        )))
    }

    /// What usually causes that a run is not reproduced.
    fn why(&self) -> &'static str {
        if self.run_file.trajectory.import.is_some() {
            "its path was imported, and the optimizer, batches and learning rates of its run file do not make it: `pathkernel check` \
             says how far"
        } else {
            "name the device that made it (run.device=…), since small differences of rounding may grow in unstable training; else \
             lower training.optimizer.learning_rate"
        }
    }

    /// The readouts that changes are counted from.
    fn base(&self, folder: &Folder<'_>, whole: &Retraining) -> Result<Vec<f64>, Error> {
        match folder.read(whole)? {
            Retrained::Readouts(base) => Ok(base),
            Retrained::Diverged => Ok(self.terms.prediction.clone()),
        }
    }

    /// What dropping an example means in this run.
    fn dropping(&self) -> String {
        let what = if self.run_file.data.groups.is_some() { "groups of examples" } else { "examples" };
        let coupled = self.run_file.build().is_ok_and(|network| network.in_training().couples_rows());
        let coupled = if coupled { "; in the statistics of batch_norm they still count" } else { "" };
        format!(
            "{what} that are dropped have weight 0 in the loss, in the same batches, at the same learning rates, with losses divided by \
             what they were{coupled}"
        )
    }

    /// What is said where changes are hardly larger than what rounding makes of a path: each step rounds the weights, and these
    /// roundings walk at random.
    fn doubt(&self, compared: &Compared, base: &[f64]) -> Option<String> {
        let size = base.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        let rounding = self.unit() * (self.steps as f64).sqrt() * size;
        (rounding > SMALL * compared.change).then(|| {
            let remedy = if self.is_double() { "" } else { "; set run.precision = \"f64\"" };
            format!(
                "{}: the readouts moved by {:.1e}, and rounding alone may move them by {rounding:.1e}{remedy}",
                compared.what(),
                compared.change
            )
        })
    }
}

/// What changes are compared with.
struct Compare<'a> {
    folder: &'a Folder<'a>,
    scores: &'a [Scores],
    base: &'a [f64],
}

impl Compare<'_> {
    /// The scores' predictions against what came of retrainings that each drop `dropped` examples, those of each seed.
    fn of(&self, share: Option<f64>, dropped: usize, seeds: &[Vec<Retraining>]) -> Result<Compared, Error> {
        let mut samples = Vec::new();
        for retrainings in seeds {
            samples.push(self.changes(retrainings)?);
        }
        let actual = || samples.iter().flat_map(|(_, actual)| actual).flatten();
        let (sum, count) = (actual().map(|change| change * change).sum::<f64>(), actual().count());
        let mut scores = Vec::new();
        for own in self.scores {
            let sample = |(kept, actual): &(Vec<&Retraining>, Vec<Vec<f64>>)| -> Result<Sample, Error> {
                Ok(Sample { predicted: own.changes(kept)?, actual: actual.clone() })
            };
            let of_seeds: Vec<Sample> = samples.iter().map(sample).collect::<Result<_, _>>()?;
            scores.push(Scored { name: own.name.clone(), agreement: Agreement::of(&of_seeds) });
        }
        let retrainings = samples.iter().map(|(kept, _)| kept.len()).sum();
        Ok(Compared { share, dropped, retrainings, change: (sum / count.max(1) as f64).sqrt(), scores })
    }

    /// Those of some retrainings that did not diverge, and the changes `[n, R]` that each made.
    fn changes<'b>(&self, retrainings: &'b [Retraining]) -> Result<(Vec<&'b Retraining>, Vec<Vec<f64>>), Error> {
        let (mut kept, mut all) = (Vec::new(), Vec::new());
        for retraining in retrainings {
            if let Retrained::Readouts(readouts) = self.folder.read(retraining)? {
                kept.push(retraining);
                all.push(readouts.iter().zip(self.base).map(|(readout, base)| readout - base).collect());
            }
        }
        Ok((kept, all))
    }
}
