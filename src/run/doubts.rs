//! Sums that rounding does not explain: their tiles are computed again, and where the same sums come out, the path is made again
//! as well. A fault of the moment does not come twice with the same bits: what does is the arithmetic's, and the bound was too
//! small for it.

use super::prepared::Purpose;
use super::resume::Watch;
use super::session::Session;
use super::tiles::persist;
use super::train::{Train, recorded_in};
use crate::device::Devices;
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::path::Tile;
use crate::run::store::Doubt;
use crate::tape::AnyTape;
use std::path::PathBuf;

/// Where it is kept what a tile's queries added up to when they were in doubt.
fn kept(session: &Session, tile: &Tile) -> PathBuf {
    session.store.state(&format!("doubt-{}-{}.state", tile.queries.start, tile.queries.end))
}

/// The fingerprints of the sums of a tile's queries that were in doubt before.
fn known(session: &Session, tile: &Tile) -> Result<Vec<u32>, Error> {
    match StateReader::open(&kept(session, tile))? {
        Some(mut reader) => Ok(reader.take("fingerprints")?),
        None => Ok(Vec::new()),
    }
}

/// Whether the tile's queries were in doubt before, with the very same numbers.
///
/// # Errors
///
/// A file that is damaged.
pub(super) fn is_repeated(session: &Session, tile: &Tile, doubt: &Doubt) -> Result<bool, Error> {
    Ok(known(session, tile)?.contains(&doubt.fingerprint))
}

/// Forgets all tiles of a tile's queries, and then keeps what was in doubt: what was not computed again must not be taken for
/// a repetition.
///
/// # Errors
///
/// A disk that refuses.
pub(super) fn forget(session: &Session, tile: &Tile, doubt: &Doubt) -> Result<(), Error> {
    let known = [known(session, tile)?, vec![doubt.fingerprint]].concat();
    for other in session.plan().tiles.iter().filter(|other| other.queries == tile.queries) {
        for path in [session.record(Purpose::Pairs, other), session.piece(Purpose::Pairs, other)] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&path, error)),
                _ => {}
            }
        }
    }
    let mut writer = StateWriter::create(&kept(session, tile))?;
    writer.put("fingerprints", &known)?;
    Ok(writer.finish()?)
}

/// Makes the path again, beside the recorded one, and compares their rows.
///
/// # Errors
///
/// A path that is wrong; a device that keeps failing, or the run shall stop.
pub(super) fn check_path(
    session: &Session,
    tape: &AnyTape,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<(), Error> {
    let directory = session.store.state("again");
    persist(0, devices.fallback(), watch, &|device, _| {
        let state = directory.join("training.state");
        let train = Train { session, problem: session.problem(), watch, directory: &directory, state };
        devices.on(device, train).map(Some)
    })?;
    let again = recorded_in(session, &directory)?
        .ok_or_else(|| Error::Trajectory(format!("{}: was removed", directory.display())))?;
    let Some((file, row)) = tape.first_difference(&again) else { return Ok(()) };
    let own = session.run_file.run.directory.display();
    Err(Error::Trajectory(format!(
        "{own}/trajectory/{file}: row {row} is not what comes out when the path is made again: the path is wrong; remove {own}, \
         and the same run makes it again"
    )))
}
