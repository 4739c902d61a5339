//! Which size of tiles a product gets: measured where a kind of shape is first met, and kept on disk for the next time.

use super::GpuBackend;
use super::tiles::{TileSize, Tune};
use crate::cache::Cache;
use crate::compute::Result;
use std::collections::BTreeMap;
use std::time::Instant;

/// The name of the file in the cache.
const KIND: &str = "tiles";
/// Repetitions of a measurement; the fastest counts.
const RUNS: usize = 3;

/// The size of a product.
#[derive(Debug, Clone, Copy)]
pub(in crate::compute) struct Size {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    /// Products of this size in one dispatch.
    pub batches: usize,
    /// Whether several products are added up, beside the one under way.
    pub summed: bool,
}

impl Size {
    /// Sizes that share a measurement.
    fn class(&self, operation: &str) -> String {
        let side = |length: usize| [64, 256, 1024].into_iter().find(|&most| length <= most).unwrap_or(4096);
        let depth = [32, 256].into_iter().find(|&most| self.depth <= most).unwrap_or(1024);
        let batches = if self.batches > 1 { "many" } else { "one" };
        let sums = if self.summed { " sums" } else { "" };
        format!("{operation} {} {} {depth} {batches}{sums}", side(self.rows), side(self.columns))
    }

    fn work(&self) -> f64 {
        2.0 * self.rows as f64 * self.columns as f64 * self.depth as f64
    }
}

/// What has been measured of an adapter and its driver.
#[derive(Debug)]
pub(super) struct Tuner {
    tune: Tune,
    cache: Cache,
    identity: String,
    tiles: BTreeMap<String, String>,
}

impl Tuner {
    pub fn new(tune: Tune, cache: Cache, identity: &str) -> Self {
        let kept = if tune == Tune::Measure { cache.read(KIND, identity) } else { None };
        Self { tune, cache, identity: identity.to_owned(), tiles: kept.unwrap_or_default() }
    }

    fn kept(&self, class: &str) -> Option<TileSize> {
        self.tiles.get(class).and_then(|name| TileSize::from_name(name))
    }

    fn keep(&mut self, class: String, tile: TileSize) {
        self.tiles.insert(class, tile.name().to_owned());
        self.cache.write(KIND, &self.identity, &self.tiles);
    }
}

impl GpuBackend {
    /// The tiles of a product. `run(tile, rows)` queues it, or so many rows of each of its batches, with its result
    /// going nowhere.
    pub(in crate::compute) fn tile(
        &self,
        operation: &'static str,
        size: Size,
        run: &dyn Fn(TileSize, usize) -> Result<()>,
    ) -> Result<TileSize> {
        let tune = self.tuner.borrow().tune;
        match tune {
            Tune::Fixed(tile) => return Ok(tile.of(size.summed)),
            Tune::Table => return Ok(TileSize::table(size.rows, size.columns, size.batches).of(size.summed)),
            Tune::Measure => {}
        }
        // Larger tiles would stay empty.
        if size.rows.min(size.columns) <= TileSize::S.rows() || size.depth == 0 {
            return Ok(TileSize::S);
        }
        let class = size.class(operation);
        if let Some(tile) = self.tuner.borrow().kept(&class) {
            return Ok(tile);
        }
        let tile = self.fastest(size, run)?;
        tracing::debug!("{class}: tiles of size {}", tile.name());
        self.tuner.borrow_mut().keep(class, tile);
        Ok(tile)
    }

    fn fastest(&self, size: Size, run: &dyn Fn(TileSize, usize) -> Result<()>) -> Result<TileSize> {
        // About a millisecond on a GPU; some rows are enough where the whole takes long.
        let budget = self.context.most_work / if self.context.software { 2000.0 } else { 100.0 };
        let share = budget / (size.work() * size.batches as f64).max(1.0);
        let rows = ((size.rows as f64 * share) as usize).max(1).next_multiple_of(TileSize::L.rows()).min(size.rows);
        let mut best = (f64::INFINITY, TileSize::M);
        let sizes = if size.summed { &TileSize::SUMMED[..] } else { &TileSize::ALL };
        for &tile in sizes {
            let mut seconds = f64::INFINITY;
            // The first builds the pipeline.
            for number in 0..=RUNS {
                self.context.flush()?;
                self.context.wait(None)?;
                let started = Instant::now();
                run(tile, rows)?;
                self.context.flush()?;
                self.context.wait(None)?;
                if number > 0 {
                    seconds = seconds.min(started.elapsed().as_secs_f64());
                }
            }
            if seconds < best.0 {
                best = (seconds, tile);
            }
        }
        Ok(best.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_classes() {
        let size = |rows, columns, depth, batches| Size { rows, columns, depth, batches, summed: false };
        assert_eq!(size(65, 4000, 30, 1).class("gram"), "gram 256 4096 32 one");
        assert_eq!(size(256, 1025, 32, 1).class("gram"), size(65, 9999, 1, 1).class("gram"));
        assert_ne!(size(256, 1025, 32, 1).class("gram"), size(256, 1025, 32, 2).class("gram"));
    }

    #[test]
    fn what_is_not_a_tile_is_measured_anew() {
        let tiles = BTreeMap::from([("a".to_owned(), "M".to_owned()), ("b".to_owned(), "XL".to_owned())]);
        let tuner = Tuner { tune: Tune::Measure, cache: Cache::ReadOnly, identity: String::new(), tiles };
        assert_eq!((tuner.kept("a"), tuner.kept("b"), tuner.kept("c")), (Some(TileSize::M), None, None));
    }
}
