//! Sums that rounding does not explain: their tiles are computed again. A fault does not come twice with the same bits; numbers
//! that do are what the arithmetic gives, and the bound was too small for them.

use super::session::Session;
use crate::data::{StateReader, StateWriter};
use crate::error::Error;
use crate::path::Tile;
use crate::store::Doubt;
use std::path::PathBuf;

/// Where it is kept what a tile's queries added up to when they were in doubt.
fn kept(session: &Session, tile: &Tile) -> PathBuf {
    session.store.state(&format!("doubt-{}-{}.state", tile.queries.start, tile.queries.end))
}

/// Whether the tile's queries were in doubt before, with the very same numbers.
///
/// # Errors
///
/// A file that is damaged.
pub(super) fn is_repeated(session: &Session, tile: &Tile, doubt: &Doubt) -> Result<bool, Error> {
    let Some(mut reader) = StateReader::open(&kept(session, tile))? else { return Ok(false) };
    Ok(reader.take_exactly::<u32>("fingerprint", 1)? == [doubt.fingerprint])
}

/// Keeps what is in doubt, and forgets all tiles of these queries.
///
/// # Errors
///
/// A disk that refuses.
pub(super) fn forget(session: &Session, tile: &Tile, doubt: &Doubt) -> Result<(), Error> {
    let mut writer = StateWriter::create(&kept(session, tile))?;
    writer.put("fingerprint", &[doubt.fingerprint])?;
    writer.finish()?;
    for other in session.plan.tiles.iter().filter(|other| other.queries == tile.queries) {
        let path = session.record(other);
        std::fs::remove_file(&path).map_err(|source| Error::file(&path, source))?;
    }
    Ok(())
}
