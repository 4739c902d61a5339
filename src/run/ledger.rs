//! Where the tiles of a run in a directory are kept: arrays in folders of tiles, and beside them a record of each.

use super::certificate::along;
use super::prepared::{Prepared, Purpose};
use super::resume::Watch;
use super::session::Session;
use super::tiles::{self, Job, Ledger, Taken};
use crate::compute::Element;
use crate::device::Devices;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::path::{Effects, Tile};
use crate::problem::SelfAttribution;
use crate::run::store::{Arrays, InfluenceArrays, Lengths, Lock, Place, Record};
use crate::tape::AnyTape;
use std::path::PathBuf;

/// The tiles of a purpose, in a run's directory.
struct InDirectory<'a, E> {
    session: &'a Session,
    purpose: Purpose,
    arrays: Arrays<E>,
    steps: usize,
}

impl<E: Element> Ledger for InDirectory<'_, E> {
    fn take_up(&self, tile: &Tile) -> Result<Option<Taken>, Error> {
        let Some(lock) = Lock::if_free(&self.session.tile_lock(self.purpose, tile))? else { return Ok(None) };
        if finished(self.session, &self.arrays, self.steps, (self.purpose, tile))?.is_some() {
            lock.remove();
            return Ok(None);
        }
        Ok(Some(Taken(Some(lock))))
    }

    fn piece(&self, piece: &Tile) -> Option<PathBuf> {
        Some(self.session.piece(self.purpose, piece))
    }

    fn keep(&self, job: &Job) -> Result<(), Error> {
        let record = written(self.session, &self.arrays, self.purpose, job, self.steps)?;
        let mut writer = StateWriter::create(&self.session.record(self.purpose, &job.tile))?;
        record.save(&mut writer)?;
        writer.finish()?;
        for (piece, _) in &job.done {
            // A state that stays does no harm.
            let _ = std::fs::remove_file(self.session.piece(self.purpose, piece));
        }
        Ok(())
    }
}

/// Writes what was computed of a tile to the arrays; returns its record.
pub(super) fn written<E: Element>(
    prepared: &Prepared,
    arrays: &Arrays<E>,
    purpose: Purpose,
    Job { tile, done, effort, .. }: &Job,
    steps: usize,
) -> Result<Record, Error> {
    match purpose {
        Purpose::Pairs => Ok(Record::new(done, steps, arrays.write(tile, done)?, effort.clone())),
        Purpose::Own => {
            let own = SelfAttribution::new(prepared.problem());
            let values = done.iter().flat_map(|(piece, finished)| own.diagonal(piece, finished)).collect();
            Ok(Record::of_own(values, steps, effort.clone()))
        }
        Purpose::Influence => {
            arrays.influence().map_or(Ok(()), |influence| influence.write(tile, done))?;
            let problem = prepared.problem();
            let values = problem.spec.values(problem.network.outputs);
            let (mut sums, mut effects) = (Vec::new(), Effects::new(0, steps));
            for (piece, finished) in done {
                sums.extend(along(&finished.influence, values, piece));
                effects.put(0, &Effects { rates: Vec::new(), growth: finished.effects.growth.clone() });
            }
            Ok(Record::of_influence(sums, effects.growth, effort.clone()))
        }
    }
}

/// The record of a tile of which nothing has to be computed.
pub(super) fn finished<E: Element>(
    session: &Session,
    arrays: &Arrays<E>,
    steps: usize,
    (purpose, tile): (Purpose, &Tile),
) -> Result<Option<Record>, Error> {
    let Some(mut reader) = StateReader::open(&session.record(purpose, tile))? else { return Ok(None) };
    let all = tile.queries.len() * session.problem().spec.values(session.problem().network.outputs);
    let none = Lengths { steps, ..Lengths::default() };
    let lengths = match purpose {
        Purpose::Pairs if tile.examples.start == 0 => Lengths { values: all, ..none },
        Purpose::Pairs => none,
        Purpose::Own => Lengths { own: all, ..none },
        Purpose::Influence => Lengths { along: all, ..none },
    };
    let record = Record::restore(&mut reader, lengths)?;
    // The arrays may have gone since.
    let is_there = match purpose {
        Purpose::Pairs => arrays.has(tile),
        Purpose::Own => true,
        Purpose::Influence => arrays.influence().is_none_or(|influence| influence.has(tile)),
    };
    Ok(Some(record).filter(|_| is_there))
}

/// The arrays of a run, in the making.
pub(super) fn arrays<E: Element>(prepared: &Prepared, steps: usize, place: Place<'_>) -> Result<Arrays<E>, Error> {
    let problem = prepared.problem();
    let pairs = [problem.query_count(), problem.columns()];
    let (outputs, layers) = (problem.network.outputs, problem.network.layers().len());
    let (sides, top) = (prepared.plan().sides, prepared.run_file.kernel.top);
    let arrays = Arrays::create(place, &problem.spec, outputs, layers, pairs, sides, top)?;
    if problem.influence.is_none() {
        return Ok(arrays);
    }
    let ([queries, columns], side) = (pairs, prepared.plan().influence.side);
    let shape = [queries, columns, problem.spec.values(outputs), steps];
    Ok(arrays.with(InfluenceArrays::create(place, shape, side, top)?))
}

/// Integrates those of some tiles of a purpose that are not finished.
///
/// # Errors
///
/// A device that keeps failing, a tile that was changed after it was written, a disk that refuses, or the run shall stop.
pub(super) fn integrate<E: Element>(
    session: &Session,
    tape: &AnyTape,
    (purpose, tiles): (Purpose, &[Tile]),
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<(), Error> {
    if tiles.is_empty() {
        return Ok(());
    }
    let steps = tape.history().steps.len();
    let arrays = arrays::<E>(session, steps, session.store.place())?;
    let ledger = InDirectory { session, purpose, arrays, steps };
    let left = left(&ledger, tiles)?;
    tiles::integrate(session, tape, (purpose, &left, tiles.len()), &ledger, devices, watch)
}

/// Those of some tiles that are not finished; what the others hold is compared with its checksums.
fn left<E: Element>(ledger: &InDirectory<'_, E>, tiles: &[Tile]) -> Result<Vec<Tile>, Error> {
    let mut left = Vec::new();
    for tile in tiles {
        match (finished(ledger.session, &ledger.arrays, ledger.steps, (ledger.purpose, tile))?, ledger.purpose) {
            (None, _) => left.push(tile.clone()),
            (Some(_), Purpose::Pairs) => ledger.arrays.verify(tile)?,
            (Some(_), Purpose::Own) => {}
            (Some(_), Purpose::Influence) => {
                ledger.arrays.influence().map_or(Ok(()), |influence| influence.verify(tile))?;
            }
        }
    }
    Ok(left)
}
