//! Resuming: the state of work under way, saved in a file from time to time; and progress and stopping, which all workers share.

use super::Progress;
use crate::error::Error;
use crate::formats::{DataError, StateReader, StateWriter};
use crate::keeper::{Keeper, Save};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A state is saved this often at the least.
const MINUTE: Duration = Duration::from_secs(60);
/// And earlier, when this share of the time that a worker has taken would be lost: what is lost of a short run is short.
const LOST: f64 = 1.0 / 8.0;
/// But only while saving takes less than this share of that time.
const SAVING: f64 = 1.0 / 8.0;
/// Seconds that a byte of a state takes, as long as none was saved.
const BYTE: f64 = 1.5e-9;
/// A state is not saved before.
const SHORTEST: Duration = Duration::from_millis(200);

/// What all workers of a run share.
pub(super) struct Watch<'a> {
    progress: Mutex<&'a mut dyn Progress>,
    /// One worker has failed: the others shall end.
    failed: AtomicBool,
    /// A device has failed: states are kept as often as is sensible.
    hasty: AtomicBool,
    /// States that were saved and tiles that were finished.
    saved: AtomicU64,
}

impl<'a> Watch<'a> {
    pub fn new(progress: &'a mut dyn Progress) -> Self {
        let (failed, hasty, saved) = Default::default();
        Self { progress: Mutex::new(progress), failed, hasty, saved }
    }

    fn with<T>(&self, what: impl FnOnce(&mut dyn Progress) -> T) -> T {
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        what(&mut **progress)
    }

    /// A phase of `total` units begins.
    pub fn begin(&self, phase: &str, total: u64) {
        self.with(|progress| progress.begin(phase, total));
    }

    /// One unit is done.
    pub fn advance(&self) {
        self.with(|progress| progress.advance());
    }

    /// Units that an earlier attempt did.
    pub fn resume(&self, units: u64) {
        if units > 0 {
            self.with(|progress| progress.resume(units));
        }
    }

    /// Fails where the run shall stop.
    pub fn check(&self) -> Result<(), Error> {
        let stopped = self.failed.load(Ordering::Relaxed) || self.with(|progress| progress.stopped());
        if stopped { Err(Error::Stopped) } else { Ok(()) }
    }

    /// Counts a unit, and fails where the run shall stop.
    pub fn step(&self) -> Result<(), Error> {
        self.advance();
        self.check()
    }

    /// Ends the other workers.
    pub fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// From now on states are kept as often as is sensible.
    pub fn hurry(&self) {
        self.hasty.store(true, Ordering::Relaxed);
    }

    /// Something was saved.
    pub fn note_saved(&self) {
        self.saved.fetch_add(1, Ordering::Relaxed);
    }

    /// How often something was saved.
    pub fn saved(&self) -> u64 {
        self.saved.load(Ordering::Relaxed)
    }
}

/// The time of one worker, and what saving states has taken of it.
pub(super) struct Budget {
    started: Instant,
    spent: Duration,
    /// What the last state took.
    last: Option<Duration>,
}

impl Budget {
    /// From now on.
    pub fn new() -> Self {
        Self { started: Instant::now(), spent: Duration::ZERO, last: None }
    }

    fn spend(&mut self, took: Duration) {
        self.spent += took;
        self.last = Some(took);
    }
}

/// Keeps the state of one piece of work in a file, where there is one.
pub(super) struct FileKeeper<'a, 'w> {
    watch: &'a Watch<'w>,
    budget: &'a mut Budget,
    path: Option<PathBuf>,
    /// Units of progress that the whole work counts.
    units: u64,
    reported: u64,
    /// Whether the work goes on from a state, and has not said so yet.
    resumed: bool,
    started: Instant,
    /// What saving is expected to take.
    expected: Duration,
    /// What earlier attempts took.
    before: f64,
    saved: Instant,
    /// A state on its way to the disk: the work does not wait for that.
    under_way: Option<JoinHandle<Result<(), DataError>>>,
}

impl<'a, 'w> FileKeeper<'a, 'w> {
    /// Of work that counts `units`, whose state has about so many bytes. Without a file nothing is kept.
    pub fn new(
        watch: &'a Watch<'w>,
        budget: &'a mut Budget,
        path: impl Into<Option<PathBuf>>,
        units: u64,
        bytes: u64,
    ) -> Self {
        let now = Instant::now();
        let expected = Duration::from_secs_f64(BYTE * bytes as f64);
        Self {
            watch,
            budget,
            path: path.into(),
            units,
            reported: 0,
            resumed: false,
            started: now,
            expected,
            before: 0.0,
            saved: now,
            under_way: None,
        }
    }

    /// Seconds that the work has taken, with those of earlier attempts.
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    fn is_due(&self) -> bool {
        if self.path.is_none() || self.under_way.as_ref().is_some_and(|under_way| !under_way.is_finished()) {
            return false;
        }
        let since = self.saved.elapsed();
        let cost = self.budget.last.unwrap_or(self.expected);
        if self.watch.hasty.load(Ordering::Relaxed) {
            return since >= cost;
        }
        let time = self.budget.started.elapsed().as_secs_f64() + self.before;
        let lost = Duration::from_secs_f64((LOST * time).min(MINUTE.as_secs_f64()));
        since >= lost.max(SHORTEST) && (self.budget.spent + cost).as_secs_f64() <= SAVING * time
    }

    /// Writes the state now.
    pub fn save(&mut self, save: &mut Save<'_>) -> Result<(), Error> {
        let begun = Instant::now();
        self.settle()?;
        let Some(path) = &self.path else { return Ok(()) };
        let mut writer = StateWriter::create(path)?;
        writer.put("seconds of work", &[self.seconds()])?;
        save(&mut writer)?;
        let finish = move || writer.finish();
        let thread = std::thread::Builder::new().name("save".into());
        self.under_way = Some(thread.spawn(finish).map_err(|source| Error::file(path, source))?);
        self.budget.spend(begun.elapsed());
        tracing::debug!("saved {} in {:.2} s", path.display(), begun.elapsed().as_secs_f64());
        self.saved = Instant::now();
        Ok(())
    }

    /// Waits until what was saved is on the disk.
    pub fn settle(&mut self) -> Result<(), Error> {
        let Some(under_way) = self.under_way.take() else { return Ok(()) };
        let path = self.path.clone().unwrap_or_default();
        let lost = || DataError::damaged(&path, "could not be written: its thread ended");
        under_way.join().unwrap_or_else(|_| Err(lost()))?;
        self.watch.note_saved();
        Ok(())
    }
}

impl Drop for FileKeeper<'_, '_> {
    fn drop(&mut self) {
        // Whoever needs to know has asked before.
        let _ = self.settle();
    }
}

impl Keeper for FileKeeper<'_, '_> {
    fn earlier(&mut self) -> Result<Option<StateReader>, Error> {
        let reader = self.path.as_ref().map(|path| StateReader::open(path)).transpose()?.flatten();
        let Some(mut reader) = reader else { return Ok(None) };
        self.before = reader.take_exactly("seconds of work", 1)?[0];
        if !(0.0..f64::INFINITY).contains(&self.before) {
            return Err(reader.refused(&format!("says that its work took {} seconds", self.before)).into());
        }
        self.resumed = true;
        Ok(Some(reader))
    }

    fn step(&mut self, done: f64, save: &mut Save<'_>) -> Result<(), Error> {
        let reached = (done * self.units as f64).round() as u64;
        if std::mem::take(&mut self.resumed) {
            // The last of these is this step's own, or its share of it.
            let earlier = reached.saturating_sub(1);
            self.watch.resume(earlier);
            self.reported = earlier;
        }
        (self.reported..reached).for_each(|_| self.watch.advance());
        self.reported = self.reported.max(reached);
        let stopped = self.watch.check();
        // What is done is kept as a result at once.
        if stopped.is_err() || (done < 1.0 && self.is_due()) {
            self.save(save)?;
        }
        if stopped.is_err() {
            self.settle()?;
        }
        stopped
    }
}
