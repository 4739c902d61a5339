//! A run directory taken into use: what is in it belongs to this run, and nobody else's work is in the way.

use super::Part;
use super::prepared::{Prepared, Purpose};
use super::resume::Watch;
use crate::device::Devices;
use crate::error::Error;
use crate::path::{ChosenRule, Tile};
use crate::plan::Cut;
use crate::run::keys::{RunFile, difference};
use crate::run::store::{Identity, Lock, Store};
use std::ops::Deref;
use std::path::PathBuf;

/// Tiles for each of several processes, so that none waits long for another.
const TILES_EACH: usize = 2;

/// A run at work in its directory.
pub(super) struct Session {
    prepared: Prepared,
    pub store: Store,
    pub identity: Identity,
    /// Whether the directory was made for it.
    pub made: bool,
    locks: Vec<Lock>,
}

impl Deref for Session {
    type Target = Prepared;

    fn deref(&self) -> &Prepared {
        &self.prepared
    }
}

/// A run file with what its directory recorded of it, where it holds the same run.
///
/// # Errors
///
/// The directory holds another run, or is in use for something else.
pub(super) fn with_recorded(run_file: &RunFile, store: &Store) -> Result<RunFile, Error> {
    let mut run_file = run_file.clone();
    if let Some(earlier) = store.run_file()? {
        let recorded = RunFile::parse(&earlier, &store.path("run.toml"), &[]).map_err(|error| {
            Error::Input(format!("{error}; the run directory is damaged, remove it or name another run.directory"))
        })?;
        // What was measured when the run began, and when its path was there, is part of it.
        run_file.kernel.take_chosen(&recorded.kernel);
        run_file.kernel.contraction = run_file.kernel.contraction.or(recorded.kernel.contraction);
        if let Some((key, have, want)) = difference(&earlier, &run_file.to_toml()) {
            return Err(Error::Input(format!(
                "{}: holds a different run: its {key} is {have}, this run's is {want}; name another run.directory or remove it",
                run_file.run.directory.display()
            )));
        }
    }
    Ok(run_file)
}

impl Session {
    /// Reads and checks all inputs, plans, and takes the directory into use: begins it, or finds what is left of an earlier
    /// attempt. Nothing is written before everything has been checked. `None` where another process has finished the run
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the run file, its inputs or the machine; another run in the directory, another version,
    /// other data, or another process at work.
    pub fn open(
        run_file: &RunFile,
        part: Part,
        devices: &impl Devices,
        watch: &Watch<'_>,
    ) -> Result<Option<Self>, Error> {
        let store = Store::new(&run_file.run.directory);
        let run_file = with_recorded(run_file, &store)?;
        let recorded = store.identity()?;
        let at_least = devices.count() * part.processes() * if part.processes() > 1 { TILES_EACH } else { 1 };
        let cut = recorded.as_ref().map_or(Cut::Into { at_least }, Identity::cut);
        let prepared = Prepared::new(run_file, devices, cut, at_least)?;
        let Prepared { run_file, inputs, planned, .. } = &prepared;
        planned.check(&run_file.run.directory)?;
        let identity = Identity::new(run_file, inputs.checkpoints.as_ref(), &planned.plan)?;
        if let Some(recorded) = &recorded {
            recorded.check(&identity, &run_file.run.directory)?;
        }
        let made = store.create()?;
        let locks = locks(&store, part)?;
        if store.is_finished() {
            return Ok(None);
        }
        let mut session = Self { prepared, store, identity, made, locks };
        session.settle(recorded, watch, devices)?;
        tracing::info!("device       {}\n{}", session.planned.device_name(), session.planned);
        Ok(Some(session))
    }

    /// Begins the directory, or takes over what was begun there. Several processes may come here at once: the first decides.
    fn settle(&mut self, known: Option<Identity>, watch: &Watch<'_>, devices: &impl Devices) -> Result<(), Error> {
        let setup = Lock::wait(&self.store.path("setup.lock"), &mut || watch.check())?;
        match self.store.identity()? {
            None => {
                // A rule that is chosen later chooses contractions with it.
                if self.run_file.kernel.unchosen().is_none() {
                    self.prepared.keep_contraction();
                }
                self.store.begin(&self.run_file.to_toml(), &self.identity)?;
            }
            begun if begun == known => {}
            Some(begun) => self.take_over(&begun, devices)?,
        }
        setup.remove();
        Ok(())
    }

    /// Goes on as another process has begun.
    fn take_over(&mut self, begun: &Identity, devices: &impl Devices) -> Result<(), Error> {
        begun.check(&self.identity, &self.run_file.run.directory)?;
        self.prepared.run_file = with_recorded(&self.run_file, &self.store)?;
        self.prepared.plan_again(begun.cut(), devices)?;
        self.identity.cut_by(&self.prepared.planned.plan);
        Ok(())
    }

    /// Chooses the rule, where it is to be chosen, and plans anew with it; or takes over what another process chose. `choose` is
    /// given the tolerance.
    ///
    /// # Errors
    ///
    /// What `choose` fails with, a plan that does not fit, or a directory that cannot be written.
    pub fn choose_rule(
        &mut self,
        devices: &impl Devices,
        watch: &Watch<'_>,
        choose: &dyn Fn(&Self, f64) -> Result<ChosenRule, Error>,
    ) -> Result<(), Error> {
        let setup = Lock::wait(&self.store.path("setup.lock"), &mut || watch.check())?;
        let recorded = with_recorded(&self.run_file, &self.store)?;
        match (recorded.kernel.unchosen(), self.store.identity()?) {
            (None, Some(begun)) => self.take_over(&begun, devices)?,
            (None, None) => {}
            (Some(tolerance), _) => {
                let chosen = choose(self, tolerance)?;
                self.prepared.take_rule(chosen, devices)?;
                self.planned.check(&self.run_file.run.directory)?;
                self.identity.cut_by(&self.prepared.planned.plan);
                self.store.note(&self.run_file.to_toml(), &self.identity)?;
            }
        }
        setup.remove();
        tracing::info!("rule         {}", self.rule_words());
        Ok(())
    }

    /// The file that marks a tile as finished.
    pub fn record(&self, purpose: Purpose, tile: &Tile) -> PathBuf {
        self.store.state(&format!("{}tile-{}.state", purpose.prefix(), name(tile)))
    }

    /// The file whose lock says that somebody computes a tile.
    pub fn tile_lock(&self, purpose: Purpose, tile: &Tile) -> PathBuf {
        self.store.state(&format!("{}tile-{}.lock", purpose.prefix(), name(tile)))
    }

    /// The file that keeps a part of a tile that is under way.
    pub fn piece(&self, purpose: Purpose, tile: &Tile) -> PathBuf {
        self.store.state(&format!("{}piece-{}.state", purpose.prefix(), name(tile)))
    }

    /// Lets go of the directory; of a finished run, its locks are removed.
    pub fn close(self) {
        self.locks.into_iter().for_each(Lock::remove);
    }
}

/// A tile's name in a file's.
fn name(Tile { queries, examples }: &Tile) -> String {
    format!("{}-{}x{}-{}", queries.start, queries.end, examples.start, examples.end)
}

/// The locks of a process that computes all, or a part beside others.
fn locks(store: &Store, part: Part) -> Result<Vec<Lock>, Error> {
    match part {
        Part::Whole | Part::Finish => Ok(vec![Lock::exclusive(&store.lock_path())?]),
        Part::Shard { index, count } => {
            let own = Lock::exclusive(&store.path(&format!("shard-{index}-of-{count}.lock")))?;
            Ok(vec![own, Lock::shared(&store.lock_path())?])
        }
    }
}
