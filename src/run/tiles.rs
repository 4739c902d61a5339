//! The tiles of a run: which are left, who computes them, and what happens when a device fails.

use super::prepared::{Prepared, Purpose};
use super::resume::{Budget, FileKeeper, Watch};
use crate::compute::{Backend, BackendError, Phase};
use crate::device::{Devices, Work};
use crate::error::Error;
use crate::keeper::Keeper;
use crate::path::{Finished, Integration, Tile};
use crate::plan::pieces;
use crate::problem::{InfluenceTiles, QueryData, SelfAttribution, TrainingData};
use crate::run::store::{Effort, Lock};
use crate::tape::AnyTape;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;

/// How often in a row a device may fail without anything having been saved in between.
const FAULTS: usize = 4;

/// What computed tiles are for, and where they are kept.
pub(super) trait Ledger: Sync {
    /// Takes a tile up; `None` where nothing of it is to be computed, or somebody else computes it.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written.
    fn take_up(&self, tile: &Tile) -> Result<Option<Taken>, Error>;

    /// The file that keeps a piece of a tile that is under way, where one does.
    fn piece(&self, piece: &Tile) -> Option<PathBuf>;

    /// Keeps a tile that was computed.
    ///
    /// # Errors
    ///
    /// A disk that refuses.
    fn keep(&self, job: &Job) -> Result<(), Error>;
}

/// A tile that nobody else computes until this is dropped.
pub(super) struct Taken(pub Option<Lock>);

/// A tile that is to be computed.
#[derive(Debug)]
pub(super) struct Job {
    pub tile: Tile,
    /// What is left of it: itself, or smaller ones where it did not fit a device.
    pieces: VecDeque<Tile>,
    /// What was computed of it, in the order of the pieces' queries.
    pub done: Vec<(Tile, Finished)>,
    pub effort: Effort,
}

impl Job {
    fn new(tile: &Tile) -> Self {
        let pieces = VecDeque::from([tile.clone()]);
        Self { tile: tile.clone(), pieces, done: Vec::new(), effort: Effort::default() }
    }

    /// Puts smaller pieces in the place of the one under way; says whether there are any.
    fn cut(&mut self, smaller: &dyn Fn(&Tile) -> Option<Vec<Tile>>) -> bool {
        let Some(smaller) = self.pieces.front().and_then(smaller) else { return false };
        self.pieces.pop_front();
        smaller.into_iter().rev().for_each(|piece| self.pieces.push_front(piece));
        true
    }
}

/// Tiles that are left, shared by the workers of a process.
struct Queue(Mutex<VecDeque<Job>>);

impl Queue {
    fn with<T>(&self, what: impl FnOnce(&mut VecDeque<Job>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Integrates some tiles of a purpose: those of so many that are not finished.
///
/// # Errors
///
/// A device that keeps failing, what the ledger fails with, or the run shall stop.
pub(super) fn integrate(
    prepared: &Prepared,
    tape: &AnyTape,
    (purpose, left, count): (Purpose, &[Tile], usize),
    ledger: &dyn Ledger,
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<(), Error> {
    if count == 0 {
        return Ok(());
    }
    let steps = tape.history().steps.len();
    watch.begin(purpose.phase(), (count * steps) as u64);
    watch.resume(((count - left.len()) * steps) as u64);
    if left.is_empty() {
        return Ok(());
    }
    // The workers of each device: no more than there is work for, so that the last tile has all threads.
    let parts = prepared.workers(purpose).clamp(1, left.len());
    let queue = Queue(Mutex::new(left.iter().map(Job::new).collect()));
    on_all(devices, parts, watch, &|device, all| {
        let integrate = Integrate { prepared, tape, purpose, queue: &queue, ledger, watch, parts, all };
        devices.on_part(device, parts, integrate)
    })
}

/// Has some work done by `parts` workers on each device, until nothing of it is left. `work` takes the device's number and whether
/// it shall do all that is left or one piece of it, and gives `None` where more is to be done.
///
/// # Errors
///
/// A device that keeps failing, or what the work fails with; the other workers end then.
pub(super) fn on_all(
    devices: &impl Devices,
    parts: usize,
    watch: &Watch<'_>,
    work: &(dyn Fn(usize, bool) -> Result<Option<()>, Error> + Sync),
) -> Result<(), Error> {
    let worker = |number: usize| -> Result<(), Error> {
        let done = persist(number / parts, devices.fallback(), watch, work);
        if done.is_err() {
            watch.fail();
        }
        done
    };
    let count = devices.count() * parts;
    if count == 1 {
        return worker(0);
    }
    let outcomes: Vec<Result<(), Error>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..count).map(|number| scope.spawn(move || worker(number))).collect();
        let lost = || Err(Error::Backend(BackendError::Lost("a worker ended unexpectedly".into())));
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| lost())).collect()
    });
    // What made the others stop comes before that they did.
    let (stopped, others): (Vec<_>, Vec<_>) =
        outcomes.into_iter().filter_map(Result::err).partition(|error| matches!(error, Error::Stopped));
    others.into_iter().chain(stopped).next().map_or(Ok(()), Err)
}

/// Works until all is done, on a fresh device after each fault; where a device keeps failing, one tile at a time on the
/// fallback, if there is one. `work` takes the device's number and whether it shall take all tiles or one, and gives `None`
/// where more is to be done.
pub(super) fn persist<T>(
    number: usize,
    fallback: Option<usize>,
    watch: &Watch<'_>,
    work: &dyn Fn(usize, bool) -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let (mut faults, mut saved) = (0, watch.saved());
    loop {
        let fault = match work(number, true) {
            Err(Error::Backend(fault)) => fault,
            Ok(None) => continue,
            Ok(Some(done)) => return Ok(done),
            Err(error) => return Err(error),
        };
        watch.hurry();
        faults = if watch.saved() > saved { 1 } else { faults + 1 };
        saved = watch.saved();
        tracing::warn!("{fault}; going on with a fresh device");
        if faults >= FAULTS {
            let Some(fallback) = fallback else { return Err(Error::Backend(fault)) };
            tracing::warn!("the device failed {faults} times in a row: the CPU takes over");
            if let Some(done) = work(fallback, false)? {
                return Ok(done);
            }
            faults = 0;
        }
    }
}

/// Computes tiles of the queue: all, or one.
struct Integrate<'a, 'w> {
    prepared: &'a Prepared,
    tape: &'a AnyTape,
    purpose: Purpose,
    queue: &'a Queue,
    ledger: &'a dyn Ledger,
    watch: &'a Watch<'w>,
    /// Workers that share a device.
    parts: usize,
    all: bool,
}

impl Work for Integrate<'_, '_> {
    /// Whether nothing is left.
    type Output = Option<()>;

    fn on<B: Backend>(self, backend: &B) -> Result<Option<()>, Error> {
        let (problem, contraction) = (self.prepared.problem(), &self.prepared.plan().contraction);
        match self.purpose {
            Purpose::Pairs => {
                let (data, queries) = (TrainingData::new(backend, problem)?, QueryData::new(backend, problem)?);
                let integration = Integration { setting: data.setting(contraction, &queries), tape: self.tape };
                self.work(backend, &mut |tile, keeper| integration.tile(tile, keeper))
            }
            Purpose::Own => {
                let (own, data) = (SelfAttribution::new(problem), TrainingData::new(backend, problem)?);
                let queries = own.queries(backend)?;
                let setting = own.setting(&data, contraction, &queries);
                let integration = Integration { setting, tape: self.tape };
                self.work(backend, &mut |tile, keeper| integration.tile(tile, keeper))
            }
            Purpose::Influence => {
                let problem = &*problem.influence_problem();
                let (data, queries) = (TrainingData::new(backend, problem)?, QueryData::new(backend, problem)?);
                let influence = InfluenceTiles::new(problem);
                self.work(backend, &mut |tile, keeper| {
                    influence.tile(&data, &queries, self.tape, tile, keeper).map_err(unstable)
                })
            }
        }
    }
}

/// What is said where derivatives are not finite, though training is.
fn unstable(error: Error) -> Error {
    match error {
        Error::NotFinite { last, .. } => Error::Input(format!(
            "kernel.influence: the derivatives are not finite from step {last} on back: training is so unstable that no derivative says \
             what another training would give; lower training.optimizer.learning_rate, or remove kernel.influence"
        )),
        other => other,
    }
}

/// Computes a tile, or goes on with it.
type Compute<'a> = dyn FnMut(&Tile, &mut dyn Keeper) -> Result<Finished, Error> + 'a;

impl Integrate<'_, '_> {
    /// Smaller pieces of one that did not fit a device; `None` where there are none.
    fn smaller(&self, piece: &Tile) -> Option<Vec<Tile>> {
        let Prepared { planned, .. } = self.prepared;
        match self.purpose {
            Purpose::Pairs => pieces(self.prepared.problem(), &planned.plan.contraction, &planned.device, piece),
            Purpose::Own => SelfAttribution::new(self.prepared.problem()).halves(piece).map(Vec::from),
            Purpose::Influence => InfluenceTiles::new(self.prepared.problem()).halves(piece).map(Vec::from),
        }
    }

    /// Computes tiles until none is left, or one; says whether none is.
    fn work<B: Backend>(&self, backend: &B, compute: &mut Compute<'_>) -> Result<Option<()>, Error> {
        let mut budget = Budget::new();
        while let Some(mut job) = self.queue.with(VecDeque::pop_front) {
            // Shares of another number of processes may overlap: whoever comes second leaves the tile to the first.
            let Some(taken) = self.ledger.take_up(&job.tile)? else { continue };
            if let Err(error) = self.finish(backend, compute, &mut budget, &mut job) {
                let smaller = |piece: &Tile| self.smaller(piece);
                if matches!(error, Error::Backend(BackendError::OutOfMemory(_))) && job.cut(&smaller) {
                    // Smaller pieces are a way forward.
                    self.watch.note_saved();
                }
                // Whoever takes it up next must find it free.
                drop(taken);
                self.queue.with(|jobs| jobs.push_front(job));
                return Err(error);
            }
            taken.0.into_iter().for_each(Lock::remove);
            if !self.all {
                break;
            }
        }
        Ok(self.queue.with(|jobs| jobs.is_empty()).then_some(()))
    }

    /// Computes a tile, piece by piece, and keeps it.
    fn finish<B: Backend>(
        &self,
        backend: &B,
        compute: &mut Compute<'_>,
        budget: &mut Budget,
        job: &mut Job,
    ) -> Result<(), Error> {
        let prepared = self.prepared;
        let steps = self.tape.history().steps.len();
        let before = backend.phase_seconds();
        while let Some(piece) = job.pieces.front() {
            tracing::debug!("queries {:?}, examples {:?}", piece.queries, piece.examples);
            // A tile in pieces counts by the first of them.
            let first = job.done.is_empty();
            let (path, units) = (self.ledger.piece(piece), if first { steps as u64 } else { 0 });
            let mut keeper = FileKeeper::new(self.watch, budget, path, units, prepared.plan().state_bytes);
            let finished = compute(piece, &mut keeper)?;
            keeper.settle()?;
            // Of the whole device.
            job.effort.seconds += keeper.seconds() / self.parts as f64;
            job.done.extend(job.pieces.pop_front().map(|piece| (piece, finished)));
        }
        let phases = backend.phase_seconds().zip(before);
        job.effort.phases = phases.map(|(after, before): ([f64; Phase::COUNT], _)| {
            std::array::from_fn(|at| (after[at] - before[at]) / self.parts as f64)
        });
        // A part goes by the name of the whole.
        job.effort.device = if self.parts > 1 { prepared.planned.device_name().to_owned() } else { backend.name() };
        job.done.sort_by_key(|(piece, _)| (piece.queries.start, piece.examples.start));
        self.ledger.keep(job)?;
        self.watch.note_saved();
        job.done.clear();
        self.watch.check()
    }
}
