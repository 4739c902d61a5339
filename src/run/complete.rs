//! The end of a run: what needs all tiles, and the files in their final form.

use super::doubts;
use super::resume::{Budget, FileKeeper, Watch};
use super::session::{Purpose, Session};
use super::tiles;
use crate::compute::{Backend, Element, Phase, convert};
use crate::device::{Precision, Work};
use crate::error::Error;
use crate::formats::{StateReader, write_npy, write_safetensors};
use crate::graph::Tensor;
use crate::keeper::Keeper;
use crate::loss::{IGNORED, Targets};
use crate::path::{Rule, Superposition, Tile};
use crate::problem::{Problem, QueryData, SelfAttribution, TrainingData};
use crate::run::store::{Parts, Queries, Record, Summary};
use crate::run::verdict::{Findings, Imported, Integral, Verdict, of_inexact, of_unexplained};
use crate::run::witness::Witness;
use crate::tape::{DiskTape, Tape};
use std::time::Instant;

/// What one rounding to 16 bits changes at the most, relative.
const HALF_ROUNDING: f64 = 1.0 / 2048.0;

/// Tiles that a message names at the most.
const NAMED: usize = 3;

/// The state file of the superposition.
const SUPERPOSITION: &str = "superposition.state";

/// Takes the change of the weights apart, and keeps the parts in a state file; finished sets of examples are not computed
/// again.
pub(super) struct Superpose<'a, 'w> {
    pub session: &'a Session,
    pub tape: &'a DiskTape,
    pub watch: &'a Watch<'w>,
}

impl Work for Superpose<'_, '_> {
    type Output = ();

    fn on<B: Backend>(self, backend: &B) -> Result<(), Error> {
        let Self { session, tape, watch } = self;
        let (data, queries) = (TrainingData::new(backend, session.problem())?, QueryData::none());
        let setting = data.setting(&session.plan().contraction, &queries);
        let superposition = Superposition { setting, tape };
        let mut parts = parts::<B::Element>(session, tape)?;
        let mut budget = Budget::new();
        let mut keeper = FileKeeper::new(watch, &mut budget, session.store.state(SUPERPOSITION), 0, 0);
        if let Some(mut reader) = keeper.earlier()? {
            parts.restore(&mut reader)?;
        }
        let sets = superposition.sets();
        watch.begin("superposing", (sets.len() * tape.history.steps.len()) as u64);
        for set in sets {
            if set.end <= parts.examples() {
                watch.resume(tape.history.steps.len() as u64);
                continue;
            }
            let found = superposition.vectors(&set, &mut || watch.step())?;
            parts.insert(&set, &found);
            keeper.save(&mut |writer| parts.save(writer))?;
        }
        keeper.settle()
    }
}

/// Nothing yet of the parts of the weights' change.
fn parts<E: Element>(session: &Session, tape: &DiskTape) -> Result<Parts<E>, Error> {
    let (first, last) = (convert::<E>(&session.inputs.initial), Tape::<E>::last(tape)?);
    let (steps, kept) = (tape.history.steps.len(), &session.problem().superposition_vectors);
    Ok(Parts::new(&session.problem().network, steps, [&first, &last], kept))
}

/// The records of all tiles.
pub(super) struct Records {
    pairs: Vec<Record>,
    own: Vec<Record>,
}

impl Records {
    fn all(&self) -> impl Iterator<Item = &Record> {
        self.pairs.iter().chain(&self.own)
    }
}

/// The records of all tiles.
///
/// # Errors
///
/// Tiles that are not finished, and which.
pub(super) fn records<E: Element>(session: &Session, tape: &DiskTape) -> Result<Records, Error> {
    let mut missing = Vec::new();
    let arrays = tiles::arrays::<E>(session)?;
    let mut of = |purpose: Purpose| -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        for tile in session.tiles(purpose) {
            match tiles::finished(session, &arrays, tape.history.steps.len(), (purpose, tile))? {
                Some(record) => records.push(record),
                None => missing.push(tile),
            }
        }
        Ok(records)
    };
    let records = Records { pairs: of(Purpose::Pairs)?, own: of(Purpose::Own)? };
    if missing.is_empty() {
        return Ok(records);
    }
    let name = |tile: &&Tile| {
        let Tile { queries, examples } = tile;
        format!(
            "queries {} to {} with examples {} to {}",
            queries.start,
            queries.end - 1,
            examples.start,
            examples.end - 1
        )
    };
    let named: Vec<String> = missing.iter().take(NAMED).map(name).collect();
    let more = missing.len().saturating_sub(NAMED);
    Err(Error::Incomplete(format!(
        "{}: {} of {} tiles are not computed: {}{}; start the shards that are to compute them again, or `pathkernel run` \
         computes all that is left",
        session.run_file.run.directory.display(),
        missing.len(),
        session.tiles(Purpose::Pairs).len() + session.tiles(Purpose::Own).len(),
        named.join("; "),
        if more > 0 { format!("; and {more} more") } else { String::new() }
    )))
}

/// Puts everything in its final form, `summary.json` last; `records` are those of all tiles. `check_path` is called where sums that
/// rounding does not explain came out twice; `witness` says how far what was recorded is from what is computed.
///
/// # Errors
///
/// Tiles that are missing or damaged, sums that are in doubt, a wrong path, a disk that refuses, or the run shall stop.
pub(super) fn complete<E: Element>(
    session: &Session,
    tape: &DiskTape,
    records: &Records,
    watch: &Watch<'_>,
    witness: &Witness,
    check_path: &dyn Fn() -> Result<(), Error>,
) -> Result<Summary, Error> {
    let started = Instant::now();
    let (run_file, problem, plan, store) = (&session.run_file, session.problem(), session.plan(), &session.store);
    let Problem { spec, network, .. } = problem;
    let arrays = tiles::arrays::<E>(session)?;
    arrays.sweep()?;
    watch.begin("finishing", (plan.tiles.len() + arrays.published(plan.tiles.len())) as u64);
    let mut queries = Queries::new(problem, &tape.history);
    let largest = records.pairs.iter().fold(0.0, |largest: f64, record| largest.max(record.largest_kernel));
    let unit = if run_file.run.precision == Precision::Mixed { HALF_ROUNDING } else { E::ROUNDING };
    let mut undefined_coefficients = 0;
    let (mut doubted, mut repeated) = (Vec::new(), 0);
    for (tile, record) in plan.tiles.iter().zip(&records.pairs) {
        if spec.triangle(&tape.history.steps) {
            arrays.mirror_kernel(tile)?;
        }
        if spec.half_tangent() {
            arrays.mirror_tangent(tile)?;
        }
        undefined_coefficients += arrays.divide(tile, largest)?;
        queries.insert(tile, record);
        if tile.examples.start == 0
            && let Some(doubt) = queries.find_residual(tile, &arrays, unit)?
        {
            if doubts::is_repeated(session, tile, &doubt)? {
                repeated += doubt.values;
            } else {
                doubted.push((tile, doubt));
            }
        }
        watch.step()?;
    }
    doubted.iter().try_for_each(|(tile, doubt)| doubts::forget(session, tile, doubt))?;
    if let Some((_, doubt)) = doubted.into_iter().next() {
        return Err(Error::WrongNumber(doubt.problem));
    }
    if repeated > 0 {
        check_path()?;
    }
    arrays.publish(store, run_file.run.store, &mut || watch.step())?;
    queries.write::<E>(store)?;
    write_own::<E>(session, &records.own)?;
    let windows = tape.history.windows(spec.windows);
    if !windows.is_empty() {
        let borders: Vec<i64> = windows.iter().map(|&border| border as i64).collect();
        write_npy(&store.path("windows.npy"), &[borders.len()], &borders)?;
    }
    let (superposing, undefined_shares) = superposition::<E>(session, tape)?;
    write_weights::<E>(session, tape)?;
    let classes = matches!(problem.targets, Targets::Classes(_));
    store.write_metrics(&tape.history.metrics, (queries.residuals(), queries.unexplained_steps()), classes)?;
    let adaptive = matches!(spec.rule, Rule::Adaptive { .. });
    let (nodes, missed) = queries.nodes();
    let train = tape.history.seconds();
    let integrate = records.all().map(|record| record.effort.seconds).sum::<f64>() + superposing;
    let findings = Findings {
        accept: run_file.kernel.accept,
        residual: queries.largest_relative_residual(E::ROUNDING),
        unexplained: queries.largest_relative_unexplained(E::ROUNDING),
        outputs_differ: witness.outputs,
        loss_differs: witness.loss,
    };
    let causes = match Verdict::judge(&findings) {
        Verdict::WrongInputs => witness.causes.clone(),
        _ => causes(session, tape, &queries, &findings, (E::ROUNDING, watch))?,
    };
    let summary = Summary {
        optimizer: run_file.training.optimizer,
        readout: run_file.kernel.readout.name(),
        device: device_names(session, records),
        precision: run_file.run.precision.name(),
        shapes: plan.shapes_of(tape.history.steps.len()),
        rule: spec.rule,
        measured: run_file.kernel.measured.clone(),
        windows,
        nodes: nodes.to_vec(),
        missed_tolerance: adaptive.then(|| missed.iter().sum()),
        query_accuracy: query_accuracy(problem, queries.prediction()),
        findings,
        causes,
        largest_rounding_share: queries.largest_share(),
        repeated_values: repeated,
        undefined_coefficients,
        undefined_shares,
        seconds: [train, integrate, started.elapsed().as_secs_f64()],
        phases: phases(records),
        flops: plan.flops,
        pass_flops: plan.pass_flops,
        contraction: network.blocks.iter().map(|own| own.layer).zip(plan.contraction.iter().copied()).collect(),
        tiles: plan.tiles.len(),
        planned: session.planned.figures(),
        inputs: session.identity.inputs.clone(),
        notes: session.inputs.notes.clone(),
    };
    store.finish(&summary)?;
    store.clean()?;
    Ok(summary)
}

/// What causes that a run is not exact. Of a path that was made here nothing is unexplained.
fn causes(
    session: &Session,
    tape: &DiskTape,
    queries: &Queries,
    findings: &Findings,
    (unit, watch): (f64, &Watch<'_>),
) -> Result<Vec<String>, Error> {
    let run_file = &session.run_file;
    match (Verdict::judge(findings), &session.inputs.checkpoints) {
        (Verdict::Unexplained, Some(checkpoints)) => of_unexplained(&Imported {
            problem: session.problem(),
            tape,
            unit,
            file: &|number| checkpoints.name(number),
            check: &|| watch.check(),
        }),
        (Verdict::Inexact, checkpoints) => Ok(of_inexact(&Integral {
            rule: session.problem().spec.rule,
            residuals: queries.residuals(),
            missed: queries.nodes().1.iter().sum(),
            of_rounding: queries.residual_of_rounding(unit),
            is_single: run_file.run.precision != Precision::F64,
            is_imported: checkpoints.is_some(),
        })),
        (Verdict::Exact | Verdict::WrongInputs | Verdict::Unexplained, _) => Ok(Vec::new()),
    }
}

/// Writes the parts of the weights' change, where they were computed; returns the seconds that it took, and how many shares
/// are not a number.
fn superposition<E: Element>(session: &Session, tape: &DiskTape) -> Result<(f64, usize), Error> {
    let path = session.store.state(SUPERPOSITION);
    let Some(mut reader) = StateReader::open(&path)?.filter(|_| session.run_file.kernel.superposition) else {
        return Ok((0.0, 0));
    };
    let seconds: Vec<f64> = reader.take_exactly("seconds of work", 1)?;
    let mut parts = parts::<E>(session, tape)?;
    parts.restore(&mut reader)?;
    parts.write(&session.store, &session.problem().network)?;
    Ok((seconds[0], parts.undefined_shares()))
}

/// Writes the self-attributions, where they were computed.
fn write_own<E: Element>(session: &Session, records: &[Record]) -> Result<(), Error> {
    let problem = session.problem();
    if !problem.own {
        return Ok(());
    }
    let values: Vec<f64> = records.iter().flat_map(|record| &record.own).copied().collect();
    let shape = [problem.examples(), problem.spec.values(problem.network.outputs)];
    let values = convert::<E>(&SelfAttribution::new(problem).arranged(&values));
    Ok(write_npy(&session.store.path("own.npy"), &shape, &values)?)
}

/// Writes the last weights, under the names of the first; arrays of files stay where they are.
fn write_weights<E: Element>(session: &Session, tape: &DiskTape) -> Result<(), Error> {
    let weights = Tape::<E>::last(tape)?;
    let view = |tensor: &Tensor| {
        let values = &weights[tensor.offset..tensor.offset + tensor.len()];
        (tensor.name.clone(), tensor.shape.clone(), values)
    };
    let views: Vec<(String, Vec<usize>, &[E])> =
        session.problem().network.tensors().filter(|tensor| !tensor.is_given()).map(view).collect();
    Ok(write_safetensors(&session.store.path("weights_final.safetensors"), &views)?)
}

/// What the tiles were computed on.
fn device_names(session: &Session, records: &Records) -> String {
    let mut names: Vec<&str> = records.all().map(|record| record.effort.device.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { session.planned.device_name().to_owned() } else { names.join(", ") }
}

/// Seconds of each phase of all tiles, where every device can tell.
fn phases(records: &Records) -> Option<[f64; Phase::COUNT]> {
    let mut all = [0.0; Phase::COUNT];
    for record in records.all() {
        let own = record.effort.phases?;
        all.iter_mut().zip(own).for_each(|(all, own)| *all += own);
    }
    Some(all)
}

/// The share of the queries, or of their positions, whose class has the largest output, where classes are known.
fn query_accuracy(problem: &Problem, prediction: &[f64]) -> Option<f64> {
    let Some(Targets::Classes(classes)) = &problem.query_targets else {
        return None;
    };
    let outputs = problem.network.outputs;
    if prediction.len() != problem.query_count() * outputs {
        return None;
    }
    let width = prediction.len() / classes.len().max(1);
    let known = || prediction.chunks(width).zip(classes).filter(|(_, class)| **class != IGNORED);
    let hits = known().filter(|(f, class)| {
        let best = (1..width).fold(0, |best, c| if f[c] > f[best] { c } else { best });
        best == **class as usize
    });
    let count = known().count();
    (count > 0).then(|| hits.count() as f64 / count as f64)
}
