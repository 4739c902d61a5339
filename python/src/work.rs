//! The engine at work beside Python: on threads of its own, so that the interpreter goes on, and may stop it.

use crate::errors::{PathkernelError, exception};
use crate::logging;
use pathkernel::error::Error;
use pathkernel::run::Progress;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often signals are looked at, and the course is told.
const POLL: Duration = Duration::from_millis(100);
/// Bytes of the stack of each thread, as programs have on their first one.
const STACK: usize = 8 << 20;

/// A phase of the work, and how far it is.
#[derive(Clone)]
struct Phase {
    name: String,
    done: u64,
    total: u64,
}

/// What the work and Python share.
#[derive(Default)]
struct Course {
    /// The phases so far.
    phases: Mutex<Vec<Phase>>,
    stop: AtomicBool,
    ended: Mutex<bool>,
    end: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Course {
    /// Waits for a moment, or until the work has ended; says whether it has.
    fn wait(&self) -> bool {
        let ended = lock(&self.ended);
        if *ended {
            return true;
        }
        *self.end.wait_timeout(ended, POLL).unwrap_or_else(PoisonError::into_inner).0
    }

    /// What was not told yet: `told` is the number of phases that were, and how far the last one was.
    fn news(&self, told: &mut (usize, Option<u64>)) -> Vec<Phase> {
        let phases = lock(&self.phases);
        let first = told.0.saturating_sub(1);
        let mut news: Vec<Phase> = phases[first.min(phases.len())..].to_vec();
        if told.0 > 0 && news.first().map(|phase| phase.done) == told.1 {
            news.remove(0);
        }
        *told = (phases.len(), phases.last().map(|phase| phase.done));
        news
    }
}

/// Says that the work has ended, however it does.
struct End<'a>(&'a Course);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *lock(&self.0.ended) = true;
        self.0.end.notify_all();
    }
}

/// The engine's side of a course.
struct Teller<'a>(&'a Course);

impl Progress for Teller<'_> {
    fn begin(&mut self, phase: &str, total: u64) {
        lock(&self.0.phases).push(Phase { name: phase.to_owned(), done: 0, total });
    }

    fn advance(&mut self) {
        self.resume(1);
    }

    fn resume(&mut self, units: u64) {
        if let Some(phase) = lock(&self.0.phases).last_mut() {
            phase.done += units;
        }
    }

    fn stopped(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }
}

/// Does some work without the interpreter's lock. Meanwhile `progress` is called from time to time with the phase, what is done of
/// it and the whole; what it raises, or a signal's handler, stops the work and is raised once it has stopped.
pub fn at_work<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&mut dyn Progress) -> Result<T, Error> + Send,
) -> PyResult<T> {
    logging::begin();
    let (pool, course) = (pool()?, Course::default());
    let (done, raised) = std::thread::scope(|scope| {
        let working = || {
            let _end = End(&course);
            pool.install(|| work(&mut Teller(&course)))
        };
        let thread = std::thread::Builder::new().name("pathkernel".into()).stack_size(STACK);
        let Ok(thread) = thread.spawn_scoped(scope, working) else {
            return (Err(PathkernelError::new_err("there is no thread to work on; end some")), None);
        };
        let (mut told, mut raised) = ((0, None), None);
        loop {
            let ended = py.detach(|| course.wait());
            if raised.is_none() {
                raised = py.check_signals().and_then(|()| tell(progress, &course.news(&mut told))).err();
                course.stop.store(raised.is_some(), Ordering::Relaxed);
            }
            if ended {
                break;
            }
        }
        let joined = py.detach(|| thread.join());
        (joined.map_err(|panic| of_panic(&*panic)), raised)
    });
    match (raised, done) {
        (Some(raised), _) => Err(raised),
        (None, Err(panic)) => Err(panic),
        (None, Ok(done)) => done.map_err(|error| exception(&error)),
    }
}

fn tell(progress: Option<&Bound<'_, PyAny>>, news: &[Phase]) -> PyResult<()> {
    let Some(progress) = progress else { return Ok(()) };
    news.iter().try_for_each(|Phase { name, done, total }| progress.call1((name, done, total)).map(drop))
}

/// A fault of the program.
fn of_panic(panic: &(dyn Any + Send)) -> PyErr {
    let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let words = words.unwrap_or("for no reason that it says");
    PathkernelError::new_err(format!("the engine failed: {words}; this is a fault of pathkernel, please report it"))
}

/// The threads of the engine, and the process that has them.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// The threads that the engine works on. A process that was forked has none of its parent's, and gets its own.
fn pool() -> PyResult<Arc<ThreadPool>> {
    let (mut kept, process) = (lock(&POOL), std::process::id());
    if let Some((of, pool)) = &*kept
        && *of == process
    {
        return Ok(Arc::clone(pool));
    }
    let name = |number| format!("pathkernel-{number}");
    let pool = ThreadPoolBuilder::new().thread_name(name).stack_size(STACK).build();
    let pool = pool.map(Arc::new).map_err(|problem| {
        PathkernelError::new_err(format!("there are no threads to work on ({problem}); end some"))
    })?;
    if let Some(of_parent) = kept.replace((process, Arc::clone(&pool))) {
        // Its threads are not here to be waited for.
        std::mem::forget(of_parent);
    }
    Ok(pool)
}
