//! The end of a run in a directory: what needs all tiles, and the files in their final form.

use super::certificate::Retrained;
use super::doubts;
use super::ledger::{arrays, finished};
use super::prepared::Purpose;
use super::resume::Watch;
use super::session::Session;
use super::settle::{Ended, Records, certificate, own, settle, windows};
use super::superpose::parts;
use crate::compute::Element;
use crate::error::Error;
use crate::formats::{StateReader, write_npy, write_safetensors};
use crate::graph::Tensor;
use crate::loss::Targets;
use crate::path::Tile;
use crate::run::store::{OfSteps, Summary};
use crate::run::witness::Witness;
use crate::tape::{AnyTape, Tape};
use std::time::Instant;

/// Tiles that a message names at the most.
const NAMED: usize = 3;

/// The state file of the superposition.
pub(super) const SUPERPOSITION: &str = "superposition.state";

/// The records of all tiles.
///
/// # Errors
///
/// Tiles that are not finished, and which.
pub(super) fn records<E: Element>(session: &Session, tape: &AnyTape) -> Result<Records, Error> {
    let mut missing = Vec::new();
    let steps = tape.history().steps.len();
    let arrays = arrays::<E>(session, steps, session.store.place())?;
    let mut of = |purpose: Purpose| -> Result<Vec<_>, Error> {
        let mut records = Vec::new();
        for tile in session.tiles(purpose) {
            match finished(session, &arrays, steps, (purpose, tile))? {
                Some(record) => records.push(record),
                None => missing.push(tile),
            }
        }
        Ok(records)
    };
    let records = Records { pairs: of(Purpose::Pairs)?, own: of(Purpose::Own)?, influence: of(Purpose::Influence)? };
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
        Purpose::ALL.iter().map(|&purpose| session.tiles(purpose).len()).sum::<usize>(),
        named.join("; "),
        if more > 0 { format!("; and {more} more") } else { String::new() }
    )))
}

/// Puts everything in its final form, `summary.json` last; `records` are those of all tiles. `check_path` is called where sums that
/// rounding does not explain came out twice; `witness` says how far what was recorded is from what is computed, and `retrained` what the
/// influences are held against.
///
/// # Errors
///
/// Tiles that are missing or damaged, sums that are in doubt, a wrong path, a disk that refuses, or the run shall stop.
pub(super) fn complete<E: Element>(
    session: &Session,
    tape: &AnyTape,
    records: &Records,
    watch: &Watch<'_>,
    (witness, retrained): (&Witness, Option<&Retrained>),
    check_path: &dyn Fn() -> Result<(), Error>,
) -> Result<Summary, Error> {
    let started = Instant::now();
    let (problem, tiles, store) = (session.problem(), session.plan().tiles.len(), &session.store);
    let arrays = arrays::<E>(session, tape.history().steps.len(), store.place())?;
    arrays.sweep()?;
    watch.begin("finishing", (tiles + arrays.published()) as u64);
    let settled = settle(session, tape, &arrays, records, watch)?;
    let (mut doubted, mut repeated) = (Vec::new(), 0);
    for (tile, doubt) in &settled.doubted {
        if doubts::is_repeated(session, tile, doubt)? {
            repeated += doubt.values;
        } else {
            doubted.push((tile, doubt));
        }
    }
    doubted.iter().try_for_each(|(tile, doubt)| doubts::forget(session, tile, doubt))?;
    if let Some((_, doubt)) = doubted.first() {
        return Err(Error::WrongNumber(doubt.problem.clone()));
    }
    if repeated > 0 {
        check_path()?;
    }
    arrays.publish(store, session.run_file.run.store, &mut || watch.step())?;
    let queries = &settled.queries;
    queries.write::<E>(store)?;
    if problem.own {
        let (shape, values) = own::<E>(session, records);
        write_npy(&store.path("own.npy"), &shape, &values)?;
    }
    if let Some(retrained) = retrained {
        let (shape, values) = certificate::<E>(session, &settled, retrained);
        write_npy(&store.path("influence_certificate.npy"), &shape, &values)?;
    }
    let windows = windows(session, tape);
    if !windows.is_empty() {
        write_npy(&store.path("windows.npy"), &[windows.len()], &windows)?;
    }
    let superposition = superposition::<E>(session, tape)?;
    write_weights::<E>(session, tape)?;
    let classes = matches!(problem.targets, Targets::Classes(_));
    let growth = records.growth();
    let of_steps = OfSteps::of(queries, &growth);
    store.write_metrics(&tape.history().metrics, &of_steps, classes)?;
    let (prepared, settled, inputs): (&_, _, _) = (session, &settled, session.identity.inputs.clone());
    let writing = started.elapsed().as_secs_f64();
    let ended =
        Ended { prepared, tape, records, settled, witness, repeated, superposition, retrained, writing, inputs, watch };
    let summary = ended.summary::<E>()?;
    store.finish(&summary)?;
    store.clean()?;
    Ok(summary)
}

/// Writes the parts of the weights' change, where they were computed; returns the seconds that it took, and how many shares
/// are not a number.
fn superposition<E: Element>(session: &Session, tape: &AnyTape) -> Result<(f64, usize), Error> {
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

/// Writes the last weights, under the names of the first; arrays of files stay where they are.
fn write_weights<E: Element>(session: &Session, tape: &AnyTape) -> Result<(), Error> {
    let weights = Tape::<E>::last(tape)?;
    let view = |tensor: &Tensor| {
        let values = &weights[tensor.offset..tensor.offset + tensor.len()];
        (tensor.name.clone(), tensor.shape.clone(), values)
    };
    let views: Vec<(String, Vec<usize>, &[E])> =
        session.problem().network.tensors().filter(|tensor| !tensor.is_given()).map(view).collect();
    Ok(write_safetensors(&session.store.path("weights_final.safetensors"), &views)?)
}
