//! When a run shall stop: after SIGTERM or SIGINT, or after its time. The run saves its state at its next step; a second
//! signal ends the process at once.

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// Set by the first signal.
static SIGNALLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// Set when the time is over. A signal that comes then is the first: schedulers send one while the state is saved.
static OVER: AtomicBool = AtomicBool::new(false);

/// What a process that was told to stop ends with.
const STOPPED: i32 = 75;
/// How long a run has to save its state: schedulers kill soon after they ask.
const PATIENCE: Duration = Duration::from_secs(16);
const POLL: Duration = Duration::from_millis(50);

/// Takes over both signals. SIGHUP is left as it is: a run under nohup goes on without its terminal.
pub fn listen(most: Option<Duration>, quiet: bool) -> anyhow::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag that ends the process is looked at before the same signal sets it.
        flag::register_conditional_shutdown(signal, STOPPED, Arc::clone(&SIGNALLED))
            .and_then(|_| flag::register(signal, Arc::clone(&SIGNALLED)))
            .context("the signals that stop a run cannot be taken over")?;
    }
    let deadline = most.and_then(|most| Instant::now().checked_add(most));
    std::thread::Builder::new()
        .name("stop".into())
        .spawn(move || watch(deadline, quiet))
        .context("the thread that stops a run cannot be started")?;
    Ok(())
}

/// Asks the run to stop when its time is over, and ends a process whose step takes too long: its last saved state stays.
fn watch(deadline: Option<Instant>, quiet: bool) {
    while !requested() {
        std::thread::sleep(POLL);
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            OVER.store(true, Ordering::Relaxed);
        }
    }
    if !quiet {
        eprintln!("stopping at the next step, and saving what is done");
    }
    std::thread::sleep(PATIENCE);
    eprintln!("error: stopped within a step; the same command goes on from the last state that was saved");
    std::process::exit(STOPPED);
}

/// Whether the run shall stop.
pub fn requested() -> bool {
    SIGNALLED.load(Ordering::Relaxed) || OVER.load(Ordering::Relaxed)
}
