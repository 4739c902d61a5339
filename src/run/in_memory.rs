/*!
Runs in memory: what a run directory would hold, and nothing is written.

[`explain()`] gives the same numbers as [`run`](super::run) of the same run file does, to the bit; [`train()`] makes the path alone. The
arrays and the recorded path have to fit into memory, and work that is stopped is lost. A run file may name arrays that are
[given](crate::formats::Given) in memory as well.
*/

use super::Progress;
use super::certificate::retrain;
use super::ledger::{arrays, written};
use super::prepared::{Prepared, Purpose};
use super::process::{ChooseRule, options};
use super::resume::Watch;
use super::settle::{Ended, Records, Settled, certificate, own, settle, warn_of_repeated, windows};
use super::superpose::{Superpose, parts};
use super::tiles::{Job, Ledger, Taken, integrate, persist};
use super::train::TrainInMemory;
use crate::cache::Cache;
use crate::compute::Element;
use crate::device::{Devices, LocalDevices, Precision};
use crate::error::Error;
use crate::graph::Tensor;
use crate::loss::Targets;
use crate::path::Tile;
use crate::plan::{Cut, check_room};
use crate::problem::Problem;
use crate::run::keys::RunFile;
use crate::run::store::{Arrays, Named, OfSteps, Place, Record, Summary, metrics_lines};
use crate::run::witness::compare;
use crate::tape::{AnyTape, Kept, MemoryTape, Tape};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a run gives.
#[derive(Debug)]
pub struct Explained {
    /// The arrays, named as the files of a run directory without their ends.
    pub arrays: Vec<Named>,
    /// The weights after the last step, by tensor.
    pub weights: Vec<Named>,
    /// What is said of it.
    pub summary: Summary,
    /// What is said of each step.
    pub metrics: Vec<serde_json::Value>,
    /// The run file, with the rule and the contraction that were chosen.
    pub run_file: RunFile,
}

/// A path that was made.
#[derive(Debug)]
pub struct Trained {
    /// `[steps + 1, …]`: the flat weights before each step and after the last.
    pub weights: Named,
    /// Each tensor with its first element in a row.
    pub layout: Vec<(String, usize, Vec<usize>)>,
    /// The loss of each step's batch.
    pub losses: Vec<f64>,
}

/// Does a whole run on the devices that it asks for.
///
/// # Errors
///
/// As [`run`](super::run).
pub fn explain(run_file: &RunFile, progress: &mut dyn Progress) -> Result<Explained, Error> {
    let devices = LocalDevices::find(options(run_file, Cache::Written))?;
    let watch = Watch::new(progress);
    match run_file.run.precision {
        Precision::F64 => explain_as::<f64>(run_file, &devices, &watch),
        Precision::F32 | Precision::Mixed => explain_as::<f32>(run_file, &devices, &watch).map_err(Error::in_single),
    }
}

/// Makes the path of a run alone, on the devices that it asks for; all of its points are kept.
///
/// # Errors
///
/// As [`run`](super::run).
pub fn train(run_file: &RunFile, progress: &mut dyn Progress) -> Result<Trained, Error> {
    let devices = LocalDevices::find(options(run_file, Cache::Written))?;
    let watch = Watch::new(progress);
    let mut run_file = run_file.clone();
    run_file.trajectory.every = 1;
    let prepared = prepared(&run_file, &devices)?;
    let tape = path(&prepared, &devices, &watch);
    let tape = if prepared.is_double() { tape? } else { tape.map_err(Error::in_single)? };
    let losses = tape.history().metrics.iter().map(|(metrics, _)| metrics.loss).collect();
    let weights = match tape {
        AnyTape::Single(tape) => points(tape),
        AnyTape::Double(tape) => points(tape),
        AnyTape::Disk(_) => Named::new::<f64>("weights", &[0, 0], Vec::new()),
    };
    let place = |tensor: &Tensor| (tensor.name.clone(), tensor.offset, tensor.shape.clone());
    Ok(Trained { weights, layout: prepared.problem().network.tensors().map(place).collect(), losses })
}

/// The recorded weights, one row after another.
fn points<E: Element>(mut tape: MemoryTape<E>) -> Named {
    let rows = tape.take(Kept::Weights);
    let (count, len) = (rows.len(), rows.first().map_or(0, Vec::len));
    let mut all = Vec::with_capacity(count * len);
    // Each row goes as it was taken in.
    rows.into_iter().for_each(|row| all.extend_from_slice(&row));
    Named::new("weights", &[count, len], all)
}

/// Reads, checks and plans.
fn prepared(run_file: &RunFile, devices: &impl Devices) -> Result<Prepared, Error> {
    let at_least = devices.count();
    let prepared = Prepared::new(run_file.clone(), devices, Cut::Into { at_least }, at_least)?;
    check(&prepared)?;
    Ok(prepared)
}

/// Fails where the plan or what comes of it does not fit into memory.
fn check(prepared: &Prepared) -> Result<(), Error> {
    let planned = &prepared.planned;
    planned.plan.check_memory(&planned.device)?;
    let what = "the arrays and the recorded path of a run in memory";
    // The path of another weight is there beside the run's own.
    let apart = prepared.other_weight().map_or(0.0, |_| planned.plan.path_bytes);
    check_room(what, planned.final_bytes.saturating_add(apart as u64), "give the run a directory")
}

/// Makes the path.
fn path(prepared: &Prepared, devices: &impl Devices, watch: &Watch<'_>) -> Result<AnyTape, Error> {
    path_of(prepared, prepared.problem(), devices, watch)
}

/// Makes the path of the run's problem, or of that along which its influences are taken.
fn path_of(
    prepared: &Prepared,
    problem: &Problem,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<AnyTape, Error> {
    persist(0, devices.fallback(), watch, &|device, _| {
        devices.on(device, TrainInMemory { prepared, problem, watch }).map(Some)
    })
}

fn explain_as<E: Element>(run_file: &RunFile, devices: &impl Devices, watch: &Watch<'_>) -> Result<Explained, Error> {
    let mut prepared = prepared(run_file, devices)?;
    tracing::info!("device       {}\n{}", prepared.planned.device_name(), prepared.planned);
    let tape = path(&prepared, devices, watch)?;
    choose_rule(&mut prepared, &tape, devices, watch)?;
    let prepared = &prepared;
    let witness = compare(prepared, &tape, devices, watch)?;
    witness.causes.iter().for_each(|cause| tracing::warn!("wrong inputs: {cause}"));
    let arrays = arrays::<E>(prepared, tape.history().steps.len(), Place::Memory)?;
    let work = Integration { prepared, tape: &tape, arrays: &arrays, devices, watch };
    let (pairs, own_records) = (work.tiles(Purpose::Pairs)?, work.tiles(Purpose::Own)?);
    let apart = prepared.other_weight().map(|_| {
        let problem = prepared.problem().influence_problem();
        path_of(prepared, &problem, devices, watch)
    });
    let apart = apart.transpose()?;
    let along = Integration { tape: apart.as_ref().unwrap_or(&tape), ..work };
    let mut records = Records { pairs, own: own_records, influence: along.tiles(Purpose::Influence)? };
    let retrained = retrain(prepared, E::ROUNDING, &|_| None, devices, watch)?;
    let (parts, superposing) = match prepared.run_file.kernel.superposition {
        false => (None, 0.0),
        true => {
            let (parts, seconds) = persist(0, devices.fallback(), watch, &|device, _| {
                let superpose = Superpose { prepared, tape: &tape, empty: parts::<E>, state: None, watch };
                devices.on(device, superpose).map(Some)
            })?;
            (Some(parts), seconds)
        }
    };
    let started = Instant::now();
    watch.begin("finishing", prepared.plan().tiles.len() as u64);
    let (settled, repeated) = work.settled(&mut records)?;
    let ended = Ended {
        prepared,
        tape: &tape,
        records: &records,
        settled: &settled,
        witness: &witness,
        repeated,
        superposition: (superposing, parts.as_ref().map_or(0, |parts| parts.undefined_shares())),
        retrained: retrained.as_ref(),
        writing: started.elapsed().as_secs_f64(),
        inputs: BTreeMap::new(),
        watch,
    };
    let summary = ended.summary::<E>()?;
    warn_of_repeated(&summary);
    let problem = prepared.problem();
    let mut results = arrays.into_results()?;
    results.extend(settled.queries.results::<E>());
    if problem.own {
        let (shape, values) = own::<E>(prepared, &records);
        results.push(Named::new("own", &shape, values));
    }
    if let Some(retrained) = &retrained {
        let (shape, values) = certificate::<E>(prepared, &settled, retrained);
        results.push(Named::new("influence_certificate", &shape, values));
    }
    let windows = windows(prepared, &tape);
    if !windows.is_empty() {
        results.push(Named::whole("windows", &[windows.len()], windows));
    }
    results.extend(parts.iter().flat_map(|parts| parts.results(&problem.network)));
    let (growth, classes) = (records.growth(), matches!(problem.targets, Targets::Classes(_)));
    let of_steps = OfSteps::of(&settled.queries, &growth);
    Ok(Explained {
        arrays: results,
        weights: last_weights::<E>(prepared, &tape)?,
        metrics: metrics_lines(&tape.history().metrics, &of_steps, classes).collect(),
        summary,
        run_file: prepared.run_file.clone(),
    })
}

/// Chooses the rule, where it is to be chosen, and with it the contraction.
fn choose_rule(
    prepared: &mut Prepared,
    tape: &AnyTape,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<(), Error> {
    let Some(tolerance) = prepared.run_file.kernel.unchosen() else {
        prepared.keep_contraction();
        return Ok(());
    };
    watch.begin("choosing the rule", 1);
    let problem = prepared.problem();
    let chosen = persist(0, devices.fallback(), watch, &|device, _| {
        devices.on(device, ChooseRule { problem, tape, tolerance, watch }).map(Some)
    })?;
    prepared.take_rule(chosen, devices)?;
    check(prepared)?;
    tracing::info!("rule         {}", prepared.rule_words());
    watch.advance();
    Ok(())
}

/// The weights after the last step, under the names of the first.
fn last_weights<E: Element>(prepared: &Prepared, tape: &AnyTape) -> Result<Vec<Named>, Error> {
    let weights = Tape::<E>::last(tape)?;
    let tensors = prepared.problem().network.tensors().filter(|tensor| !tensor.is_given());
    let values = |tensor: &Tensor| weights[tensor.offset..tensor.offset + tensor.len()].to_vec();
    Ok(tensors.map(|tensor| Named::new(&tensor.name, &tensor.shape, values(tensor))).collect())
}

/// The tiles of a run, on their way into its arrays.
struct Integration<'a, 'w, E, D> {
    prepared: &'a Prepared,
    tape: &'a AnyTape,
    arrays: &'a Arrays<E>,
    devices: &'a D,
    watch: &'a Watch<'w>,
}

/// The records of the tiles of a purpose, by the query and the example that they begin at.
struct InMemory<'a, E> {
    prepared: &'a Prepared,
    purpose: Purpose,
    arrays: &'a Arrays<E>,
    steps: usize,
    records: Mutex<BTreeMap<(usize, usize), Record>>,
}

/// Where a tile begins.
fn begin(tile: &Tile) -> (usize, usize) {
    (tile.queries.start, tile.examples.start)
}

impl<E: Element> Ledger for InMemory<'_, E> {
    fn take_up(&self, _: &Tile) -> Result<Option<Taken>, Error> {
        Ok(Some(Taken(None)))
    }

    fn piece(&self, _: &Tile) -> Option<PathBuf> {
        None
    }

    fn keep(&self, job: &Job) -> Result<(), Error> {
        let record = written(self.prepared, self.arrays, self.purpose, job, self.steps)?;
        self.records.lock().unwrap_or_else(PoisonError::into_inner).insert(begin(&job.tile), record);
        Ok(())
    }
}

impl<E: Element, D: Devices> Integration<'_, '_, E, D> {
    /// Computes all tiles of a purpose; returns their records, in order.
    fn tiles(&self, purpose: Purpose) -> Result<Vec<Record>, Error> {
        let Self { prepared, tape, arrays, devices, watch } = *self;
        let (tiles, steps) = (prepared.tiles(purpose), tape.history().steps.len());
        let ledger = InMemory { prepared, purpose, arrays, steps, records: Mutex::default() };
        integrate(prepared, tape, (purpose, tiles, tiles.len()), &ledger, devices, watch)?;
        let mut records = ledger.records.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(tiles.iter().filter_map(|tile| records.remove(&begin(tile))).collect())
    }

    /// What the tiles add up to, and how many values of queries rounding does not explain though they came out twice.
    fn settled(&self, records: &mut Records) -> Result<(Settled, usize), Error> {
        let Self { prepared, tape, arrays, devices, watch } = *self;
        let first = settle(prepared, tape, arrays, records, watch)?;
        let Some((_, doubt)) = first.doubted.first() else { return Ok((first, 0)) };
        // A fault of the moment does not come twice with the same bits.
        tracing::warn!("{}; this run does so now", doubt.problem);
        *records.of(Purpose::Pairs) = self.tiles(Purpose::Pairs)?;
        let second = settle(prepared, tape, arrays, records, watch)?;
        let known = |tile: &Tile, fingerprint: u32| {
            first.doubted.iter().any(|(other, doubt)| other == tile && doubt.fingerprint == fingerprint)
        };
        if let Some((_, doubt)) = second.doubted.iter().find(|(tile, doubt)| !known(tile, doubt.fingerprint)) {
            return Err(Error::WrongNumber(doubt.problem.clone()));
        }
        let repeated = second.doubted.iter().map(|(_, doubt)| doubt.values).sum();
        if repeated > 0
            && let Some((array, row)) = tape.first_difference(&path(prepared, devices, watch)?)
        {
            return Err(Error::Trajectory(format!(
                "row {row} of {array} is not what comes out when the path is made again: the path is wrong; make it again"
            )));
        }
        Ok((second, repeated))
    }
}
