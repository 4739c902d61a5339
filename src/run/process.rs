//! A whole run, or one process's part of it.

use super::certificate::retrain;
use super::complete::{SUPERPOSITION, complete, records};
use super::doubts::check_path;
use super::ledger::integrate;
use super::prepared::Purpose;
use super::resume::Watch;
use super::session::{Session, with_recorded};
use super::settle::warn_of_repeated;
use super::superpose::{Superpose, parts};
use super::tiles::persist;
use super::train::{Train, recorded, recorded_in};
use crate::cache::Cache;
use crate::compute::{Backend, Element};
use crate::device::{DeviceOptions, Devices, LocalDevices, Work};
use crate::error::Error;
use crate::path::{ChosenRule, Tile};
use crate::problem::Problem;
use crate::run::keys::{Run, RunFile};
use crate::run::store::{Lock, Store, Summary, file_names};
use crate::run::verdict::{Judgement, recorded as recorded_verdict};
use crate::run::witness::{Witness, compare};
use crate::tape::AnyTape;
use std::path::PathBuf;

/// Is told how a run gets on.
pub trait Progress: Send {
    /// A phase of `total` units begins.
    fn begin(&mut self, phase: &str, total: u64);
    /// One unit is done.
    fn advance(&mut self);
    /// So many units were done by an earlier attempt. A unit like any other where nothing else is said.
    fn resume(&mut self, units: u64) {
        (0..units).for_each(|_| self.advance());
    }
    /// Whether the run shall stop: asked after each step.
    fn stopped(&self) -> bool {
        false
    }
}

/// What of a run a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, or what is left of it.
    Whole,
    /// Every `count`-th tile, from `index` on; the run is not finished by it.
    Shard {
        /// Which, from 0.
        index: usize,
        /// Of how many.
        count: usize,
    },
    /// What comes after the last tile.
    Finish,
}

impl Part {
    /// Processes that share the run.
    pub(super) fn processes(self) -> usize {
        if let Part::Shard { count, .. } = self { count } else { 1 }
    }

    /// The tiles that are this part's.
    fn tiles(self, all: &[Tile]) -> Vec<Tile> {
        match self {
            Part::Whole => all.to_vec(),
            Part::Shard { index, count } => all.iter().skip(index).step_by(count.max(1)).cloned().collect(),
            Part::Finish => Vec::new(),
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It was already there, with this verdict.
    AlreadyDone(Judgement),
    /// It is done now.
    Done(Box<Summary>),
    /// A shard's tiles are done.
    ShardDone {
        /// How many they were.
        tiles: usize,
        /// Tiles of the whole run.
        all: usize,
    },
}

/// Does a whole run on the devices that it asks for, goes on with one, or finds that it was done.
///
/// # Errors
///
/// Whatever is wrong with the run file, its inputs, the machine or the device; nothing is written before all inputs
/// and the plan have been checked.
pub fn run(run_file: &RunFile, progress: &mut dyn Progress) -> Result<Outcome, Error> {
    run_part(run_file, Part::Whole, progress)
}

/// Does a part of a run on the devices that it asks for.
///
/// # Errors
///
/// As [`run`].
pub fn run_part(run_file: &RunFile, part: Part, progress: &mut dyn Progress) -> Result<Outcome, Error> {
    let store = Store::new(&run_file.run.directory);
    if store.is_finished() {
        return already_done(run_file, &store);
    }
    run_on(run_file, part, &LocalDevices::find(options(run_file, Cache::Written))?, progress)
}

/// Makes the path of a run in its directory and goes no further, or finds that it is there: the run itself goes on with it.
///
/// # Errors
///
/// As [`run`].
pub fn make_path(run_file: &RunFile, progress: &mut dyn Progress) -> Result<AnyTape, Error> {
    let devices = LocalDevices::find(options(run_file, Cache::Written))?;
    let watch = Watch::new(progress);
    let Some(session) = Session::open(run_file, Part::Whole, &devices, &watch)? else {
        let problem = "another process has finished this run meanwhile; open it";
        return Err(Error::Input(format!("{}: {problem}", run_file.run.directory.display())));
    };
    let tape = path(&session, &Way::own(&session), Part::Whole, &devices, &watch);
    ended(session, tape)
}

/// The devices that a run file asks for.
pub(super) fn options(run_file: &RunFile, cache: Cache) -> DeviceOptions {
    let Run { device, precision, tune, fallback, memory, .. } = &run_file.run;
    let (precision, tune, fallback, memory) = (*precision, *tune, *fallback, *memory);
    DeviceOptions { name: device.clone(), precision, tune, cache, fallback, memory }
}

/// A finished run, once it was found to be this one, and whole.
fn already_done(run_file: &RunFile, store: &Store) -> Result<Outcome, Error> {
    let run_file = with_recorded(run_file, store)?;
    store.verify(&file_names(&run_file))?;
    // Killed after its last array, a run leaves what it needs no more.
    if store.has_leftovers() {
        let lock = Lock::exclusive(&store.lock_path())?;
        store.clean()?;
        lock.remove();
    }
    Ok(Outcome::AlreadyDone(recorded_verdict(store, run_file.kernel.accept)?))
}

/// Does a part of a run on devices that are given.
///
/// # Errors
///
/// As [`run`].
pub fn run_on(
    run_file: &RunFile,
    part: Part,
    devices: &impl Devices,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error> {
    let store = Store::new(&run_file.run.directory);
    if store.is_finished() {
        return already_done(run_file, &store);
    }
    if part == Part::Finish && (store.run_file()?.is_none() || store.identity()?.is_none()) {
        let directory = run_file.run.directory.display();
        return Err(Error::Input(format!("{directory}: holds no run that could be finished; start it first")));
    }
    let watch = Watch::new(progress);
    let Some(mut session) = Session::open(run_file, part, devices, &watch)? else {
        return already_done(run_file, &store);
    };
    let outcome = work(&mut session, part, devices, &watch);
    ended(session, outcome)
}

/// Lets go of the directory as what was done there ended.
fn ended<T>(session: Session, outcome: Result<T, Error>) -> Result<T, Error> {
    let outcome = if session.is_double() { outcome } else { outcome.map_err(Error::in_single) };
    let (made, store) = (session.made, Store::new(&session.run_file.run.directory));
    match &outcome {
        Ok(_) | Err(Error::Diverged { .. }) => session.close(),
        Err(_) => drop(session),
    }
    if let Err(Error::Diverged { .. }) = outcome {
        // The way out is another learning rate, which is another run: this one must not be in its way.
        store.discard(made)?;
    }
    outcome
}

/// Trains, integrates, and finishes, as far as each is this part's.
fn work(session: &mut Session, part: Part, devices: &impl Devices, watch: &Watch<'_>) -> Result<Outcome, Error> {
    let tape = path(session, &Way::own(session), part, devices, watch)?;
    // What is only to be finished has no tile without a rule.
    if session.run_file.kernel.unchosen().is_some() && part != Part::Finish {
        choose_rule(session, &tape, devices, watch)?;
    }
    let session = &*session;
    let witness = match part {
        Part::Shard { .. } => Witness::default(),
        Part::Whole | Part::Finish => compare(session, &tape, devices, watch)?,
    };
    // Said before the long part of the work.
    witness.causes.iter().for_each(|cause| tracing::warn!("wrong inputs: {cause}"));
    let weighted = session.problem().influence_problem();
    let apart = Way::apart(session, &weighted).map(|way| path(session, &way, part, devices, watch)).transpose()?;
    let integrate = if session.is_double() { integrate::<f64> } else { integrate::<f32> };
    let mut done = 0;
    for purpose in Purpose::ALL {
        let tiles = part.tiles(session.tiles(purpose));
        let along = if purpose == Purpose::Influence { apart.as_ref().unwrap_or(&tape) } else { &tape };
        integrate(session, along, (purpose, &tiles), devices, watch)?;
        done += tiles.len();
    }
    if let Part::Shard { .. } = part {
        let all = Purpose::ALL.iter().map(|&purpose| session.tiles(purpose).len()).sum();
        return Ok(Outcome::ShardDone { tiles: done, all });
    }
    let records = if session.is_double() { records::<f64> } else { records::<f32> };
    let all = records(session, &tape)?;
    if session.run_file.kernel.superposition {
        let superpose = if session.is_double() { superpose::<f64> } else { superpose::<f32> };
        superpose(session, &tape, devices, watch)?;
    }
    let unit = if session.is_double() { f64::ROUNDING } else { f32::ROUNDING };
    let state = |name: &str| Some(session.store.state(&format!("certificate-{name}.state")));
    let retrained = retrain(session, unit, &state, devices, watch)?;
    let beside = (&witness, retrained.as_ref());
    // Somebody may have removed it since.
    recorded(session)?.ok_or_else(|| gone(session))?;
    let complete = if session.is_double() { complete::<f64> } else { complete::<f32> };
    let sound = &|| check_path(session, &tape, devices, watch);
    let summary = match complete(session, &tape, &all, watch, beside, sound) {
        Err(Error::WrongNumber(problem)) if part == Part::Whole => {
            tracing::warn!("{problem}; this run does so now");
            integrate(session, &tape, (Purpose::Pairs, session.tiles(Purpose::Pairs)), devices, watch)?;
            complete(session, &tape, &records(session, &tape)?, watch, beside, sound)?
        }
        summary => summary?,
    };
    warn_of_repeated(&summary);
    Ok(Outcome::Done(Box::new(summary)))
}

/// Takes the change of the weights apart; the parts stay in a state file.
fn superpose<E: Element>(
    session: &Session,
    tape: &AnyTape,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<(), Error> {
    persist(0, devices.fallback(), watch, &|device, _| {
        let state = Some(session.store.state(SUPERPOSITION));
        let superpose = Superpose { prepared: session, tape, empty: parts::<E>, state, watch };
        devices.on(device, superpose).map(Some)
    })
    .map(drop)
}

/// A path that a run makes.
struct Way<'a> {
    problem: &'a Problem,
    /// Where it is recorded.
    directory: PathBuf,
    /// The state file of the path under way.
    state: PathBuf,
    /// The file whose lock says that somebody makes it.
    lock: PathBuf,
}

impl<'a> Way<'a> {
    /// The run's own.
    fn own(session: &'a Session) -> Self {
        Self {
            problem: session.problem(),
            directory: session.run_file.run.directory.clone(),
            state: session.store.state("training.state"),
            lock: session.store.path("training.lock"),
        }
    }

    /// That along which the influences are taken, where it is another one. It is recorded, so that all processes and all attempts go
    /// along the same one, and among what an unfinished run keeps: nobody needs it later.
    fn apart(session: &Session, problem: &'a Problem) -> Option<Self> {
        session.other_weight()?;
        let directory = session.store.state("influence");
        let (state, lock) = (directory.join("training.state"), session.store.path("influence.lock"));
        Some(Self { problem, directory, state, lock })
    }
}

/// A path: made here, or by another process while this one waits.
fn path(
    session: &Session,
    way: &Way<'_>,
    part: Part,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<AnyTape, Error> {
    let mut waiting = false;
    let training = Lock::wait(&way.lock, &mut || {
        if !std::mem::replace(&mut waiting, true) {
            watch.begin("waiting for the path", 1);
        }
        watch.check()
    })?;
    let Way { problem, directory, .. } = way;
    let tape = match recorded_in(session, directory)? {
        Some(tape) => Ok(Some(tape)),
        None if part == Part::Finish => {
            let directory = session.run_file.run.directory.display();
            Err(Error::Incomplete(format!("{directory}: the path is not made yet; `pathkernel run` makes it")))
        }
        None => persist(0, devices.fallback(), watch, &|device, _| {
            let train = Train { session, problem, watch, directory, state: way.state.clone() };
            devices.on(device, train).map(Some)
        })
        .and_then(|()| recorded_in(session, directory)),
    };
    training.remove();
    tape?.ok_or_else(|| gone(session))
}

/// Chooses the rule of a path, or waits until another process has.
fn choose_rule(session: &mut Session, tape: &AnyTape, devices: &impl Devices, watch: &Watch<'_>) -> Result<(), Error> {
    watch.begin("choosing the rule", 1);
    session.choose_rule(devices, watch, &|session, tolerance| {
        persist(0, devices.fallback(), watch, &|device, _| {
            devices.on(device, ChooseRule { problem: session.problem(), tape, tolerance, watch }).map(Some)
        })
    })?;
    watch.advance();
    Ok(())
}

/// Looks at a few steps of the path.
pub(super) struct ChooseRule<'a, 'w> {
    pub problem: &'a Problem,
    pub tape: &'a AnyTape,
    pub tolerance: f64,
    pub watch: &'a Watch<'w>,
}

impl Work for ChooseRule<'_, '_> {
    type Output = ChosenRule;

    fn on<B: Backend>(self, backend: &B) -> Result<ChosenRule, Error> {
        let Self { problem, tape, tolerance, watch } = self;
        problem.choose_rule(backend, tape, tolerance, &mut || watch.check())
    }
}

/// What is said where the path was there, and is not any more.
fn gone(session: &Session) -> Error {
    let directory = session.run_file.run.directory.display();
    Error::Trajectory(format!(
        "{directory}/trajectory: was removed; remove {directory}, and the same run makes it again"
    ))
}
