//! The tiles of a run: which are left, who computes them, and what happens when a device fails.

use super::resume::{Budget, FileKeeper, Watch};
use super::session::{Purpose, Session};
use crate::compute::{Backend, BackendError, Element, Phase};
use crate::device::{Devices, Work};
use crate::error::Error;
use crate::formats::{StateReader, StateWriter};
use crate::path::{Finished, Integration, Setting, Tile};
use crate::plan::pieces;
use crate::problem::{QueryData, SelfAttribution, TrainingData};
use crate::run::store::{Arrays, Effort, Lock, Record};
use crate::tape::DiskTape;
use std::collections::VecDeque;
use std::sync::Mutex;

/// How often in a row a device may fail without anything having been saved in between.
const FAULTS: usize = 4;

/// A tile that is to be computed.
#[derive(Debug)]
struct Job {
    tile: Tile,
    /// What is left of it: itself, or smaller ones where it did not fit a device.
    pieces: VecDeque<Tile>,
    /// What was computed of it.
    done: Vec<(Tile, Finished)>,
    effort: Effort,
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

/// The record of a finished tile, whose arrays may have gone since; `None` where there is none.
pub(super) fn record(
    session: &Session,
    steps: usize,
    (purpose, tile): (Purpose, &Tile),
) -> Result<Option<Record>, Error> {
    let Some(mut reader) = StateReader::open(&session.record(purpose, tile))? else { return Ok(None) };
    let all = tile.queries.len() * session.problem().spec.values(session.problem().network.outputs);
    let values = match purpose {
        Purpose::Pairs if tile.examples.start == 0 => [all, 0],
        Purpose::Pairs => [0, 0],
        Purpose::Own => [0, all],
    };
    Record::restore(&mut reader, values, steps).map(Some)
}

/// The record of a tile of which nothing has to be computed.
pub(super) fn finished<E: Element>(
    session: &Session,
    arrays: &Arrays<E>,
    steps: usize,
    (purpose, tile): (Purpose, &Tile),
) -> Result<Option<Record>, Error> {
    Ok(record(session, steps, (purpose, tile))?.filter(|_| purpose == Purpose::Own || arrays.has(tile)))
}

/// The arrays of a run, in the making.
pub(super) fn arrays<E: Element>(session: &Session) -> Result<Arrays<E>, Error> {
    let problem = session.problem();
    let pairs = [problem.query_count(), problem.columns()];
    let (outputs, layers) = (problem.network.outputs, problem.network.layers().len());
    let (sides, top) = (session.plan().sides, session.run_file.kernel.top);
    Arrays::create(&session.store, &problem.spec, outputs, layers, pairs, sides, top)
}

/// Integrates those of some tiles of a purpose that are not finished.
///
/// # Errors
///
/// A device that keeps failing, a tile that was changed after it was written, a disk that refuses, or the run shall stop.
pub(super) fn integrate(
    session: &Session,
    tape: &DiskTape,
    (purpose, tiles): (Purpose, &[Tile]),
    devices: &impl Devices,
    watch: &Watch<'_>,
) -> Result<(), Error> {
    if tiles.is_empty() {
        return Ok(());
    }
    let steps = tape.history.steps.len();
    watch.begin(purpose.phase(), (tiles.len() * steps) as u64);
    let left = if session.is_double() { left::<f64> } else { left::<f32> };
    let jobs = left(session, steps, (purpose, tiles))?;
    watch.resume(((tiles.len() - jobs.len()) * steps) as u64);
    if jobs.is_empty() {
        return Ok(());
    }
    // The workers of each device: no more than there is work for, so that the last tile has all threads.
    let parts = if purpose == Purpose::Pairs { session.plan().workers.clamp(1, jobs.len()) } else { 1 };
    let queue = Queue(Mutex::new(jobs));
    let worker = |number: usize| -> Result<(), Error> {
        let work = |device: usize, all: bool| {
            devices.on_part(device, parts, Integrate { session, tape, purpose, queue: &queue, watch, parts, all })
        };
        let done = persist(number / parts, devices.fallback(), watch, &work);
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

/// Those of some tiles that are not finished; what the others hold is compared with its checksums.
fn left<E: Element>(
    session: &Session,
    steps: usize,
    (purpose, tiles): (Purpose, &[Tile]),
) -> Result<VecDeque<Job>, Error> {
    let arrays = arrays::<E>(session)?;
    let mut jobs = VecDeque::new();
    for tile in tiles {
        match (finished(session, &arrays, steps, (purpose, tile))?, purpose) {
            (None, _) => jobs.push_back(Job::new(tile)),
            (Some(_), Purpose::Pairs) => arrays.verify(tile)?,
            (Some(_), Purpose::Own) => {}
        }
    }
    Ok(jobs)
}

/// Computes tiles of the queue: all, or one.
struct Integrate<'a, 'w> {
    session: &'a Session,
    tape: &'a DiskTape,
    purpose: Purpose,
    queue: &'a Queue,
    watch: &'a Watch<'w>,
    /// Workers that share a device.
    parts: usize,
    all: bool,
}

impl Work for Integrate<'_, '_> {
    /// Whether nothing is left.
    type Output = Option<()>;

    fn on<B: Backend>(self, backend: &B) -> Result<Option<()>, Error> {
        let problem = self.session.problem();
        let (data, contraction) = (TrainingData::new(backend, problem)?, &self.session.plan().contraction);
        match self.purpose {
            Purpose::Pairs => {
                let queries = QueryData::new(backend, problem)?;
                let arrays = arrays::<B::Element>(self.session)?;
                self.work(data.setting(contraction, &queries), &Sink::Pairs(&arrays))
            }
            Purpose::Own => {
                let own = SelfAttribution::new(problem);
                let queries = own.queries(backend)?;
                self.work(own.setting(&data, contraction, &queries), &Sink::Own(&own))
            }
        }
    }
}

/// Where finished tiles go.
enum Sink<'a, E> {
    /// To the arrays of pairs.
    Pairs(&'a Arrays<E>),
    /// To records alone.
    Own(&'a SelfAttribution<'a>),
}

impl<E: Element> Sink<'_, E> {
    /// Smaller pieces of one that did not fit a device; `None` where there are none.
    fn smaller(&self, session: &Session, piece: &Tile) -> Option<Vec<Tile>> {
        match self {
            Sink::Pairs(_) => pieces(session.problem(), &session.plan().contraction, &session.planned.device, piece),
            Sink::Own(own) => own.halves(piece).map(Vec::from),
        }
    }

    /// Whether they are there, of a tile that has a record.
    fn has(&self, tile: &Tile) -> bool {
        match self {
            Sink::Pairs(arrays) => arrays.has(tile),
            Sink::Own(_) => true,
        }
    }

    /// Writes what was computed of a tile, in the order of its pieces, to the arrays; returns its record.
    fn take(&self, Job { tile, done, effort, .. }: &Job, steps: usize) -> Result<Record, Error> {
        match self {
            Sink::Pairs(arrays) => Ok(Record::new(done, steps, arrays.write(tile, done)?, effort.clone())),
            Sink::Own(own) => {
                let values = done.iter().flat_map(|(piece, finished)| own.diagonal(piece, finished)).collect();
                Ok(Record::of_own(values, steps, effort.clone()))
            }
        }
    }
}

impl Integrate<'_, '_> {
    /// Computes tiles of a setting until none is left, or one; says whether none is.
    fn work<B: Backend>(&self, setting: Setting<'_, B>, sink: &Sink<'_, B::Element>) -> Result<Option<()>, Error> {
        let (session, purpose, steps) = (self.session, self.purpose, self.tape.history.steps.len());
        let integration = Integration { setting, tape: self.tape };
        let mut budget = Budget::new();
        while let Some(mut job) = self.queue.with(VecDeque::pop_front) {
            // Shares of another number of processes may overlap: whoever comes second leaves the tile to the first.
            let Some(lock) = Lock::if_free(&session.tile_lock(purpose, &job.tile))? else { continue };
            if record(session, steps, (purpose, &job.tile))?.is_some() && sink.has(&job.tile) {
                lock.remove();
                continue;
            }
            if let Err(error) = self.compute(&integration, sink, &mut budget, &mut job) {
                let smaller = |piece: &Tile| sink.smaller(session, piece);
                if matches!(error, Error::Backend(BackendError::OutOfMemory(_))) && job.cut(&smaller) {
                    // Smaller pieces are a way forward.
                    self.watch.note_saved();
                }
                // Whoever takes it up next must find it free.
                drop(lock);
                self.queue.with(|jobs| jobs.push_front(job));
                return Err(error);
            }
            lock.remove();
            if !self.all {
                break;
            }
        }
        Ok(self.queue.with(|jobs| jobs.is_empty()).then_some(()))
    }

    /// Computes a tile, piece by piece, and writes it.
    fn compute<B: Backend>(
        &self,
        integration: &Integration<'_, B>,
        sink: &Sink<'_, B::Element>,
        budget: &mut Budget,
        job: &mut Job,
    ) -> Result<(), Error> {
        let (session, purpose, backend) = (self.session, self.purpose, integration.setting.backend);
        let steps = self.tape.history.steps.len();
        let before = backend.phase_seconds();
        while let Some(piece) = job.pieces.front() {
            tracing::debug!("queries {:?}, examples {:?}", piece.queries, piece.examples);
            // A tile in pieces counts by the first of them.
            let first = job.done.is_empty();
            let (path, units) = (session.piece(purpose, piece), if first { steps as u64 } else { 0 });
            let mut keeper = FileKeeper::new(self.watch, budget, path, units, session.plan().state_bytes);
            let finished = integration.tile(piece, &mut keeper)?;
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
        job.effort.device = if self.parts > 1 { self.session.planned.device_name().to_owned() } else { backend.name() };
        job.done.sort_by_key(|(piece, _)| (piece.queries.start, piece.examples.start));
        let record = sink.take(job, steps)?;
        let mut writer = StateWriter::create(&session.record(purpose, &job.tile))?;
        record.save(&mut writer)?;
        writer.finish()?;
        self.watch.note_saved();
        for (piece, _) in job.done.drain(..) {
            // A state that stays does no harm.
            let _ = std::fs::remove_file(session.piece(purpose, &piece));
        }
        self.watch.check()
    }
}
