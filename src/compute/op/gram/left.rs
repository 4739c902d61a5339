//! The rows of a fused product's left factor, packed without the panels that have none.

use super::{Element, Result};
use crate::compute::cpu::kernel::panels;
use crate::compute::cpu::memory::Pool;
use crate::compute::cpu::pack::Packed;
use crate::compute::cpu::tiles::Tile;
use std::ops::Range;
use std::sync::Arc;

/// Packed rows of factors.
pub(super) struct Left<E: Element> {
    /// The panels that have any factors, one after another.
    pub packed: Packed<E>,
    /// Which they are, ascending.
    panels: Vec<usize>,
}

impl<E: Element> Left<E> {
    /// Packs the panels of `rows` rows that have any row of factors. `fill(row, k, part)` gives a row's elements from k on.
    pub fn new(
        pool: &Arc<Pool<E>>,
        (rows, depth): (usize, usize),
        has_factors: impl Fn(usize) -> bool,
        fill: impl Fn(usize, usize, &mut [E]) + Sync,
    ) -> Result<Self> {
        let (tall, _) = panels::<E>();
        let present = |panel: &usize| (panel * tall..rows.min((panel + 1) * tall)).any(&has_factors);
        let panels: Vec<usize> = (0..rows.div_ceil(tall)).filter(present).collect();
        let row = |line: usize| panels[line / tall] * tall + line % tall;
        // The last panel may be cut short by the last row.
        let lines =
            panels.last().map_or(0, |last| (panels.len() - 1) * tall + rows.min((last + 1) * tall) - last * tall);
        let packed = Packed::lines(pool, tall, (lines, depth), |line, k, part| fill(row(line), k, part))?;
        Ok(Self { packed, panels })
    }

    /// The panels of a tile, in runs of neighbours: the first one's place among the packed ones, and the run's rows.
    pub fn runs<'a>(&'a self, tile: &'a Tile) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
        let (tall, _) = panels::<E>();
        debug_assert!(tile.rows.start.is_multiple_of(tall), "a tile that begins inside a panel");
        let before = |end: usize| self.panels.partition_point(|panel| panel * tall < end);
        let own = before(tile.rows.start)..before(tile.rows.end);
        let mut place = own.start;
        self.panels[own].chunk_by(|a, b| a + 1 == *b).map(move |run| {
            let first = place;
            place += run.len();
            (first, run[0] * tall..((run[0] + run.len()) * tall).min(tile.rows.end))
        })
    }
}
