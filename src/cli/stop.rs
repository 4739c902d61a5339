//! SIGTERM and SIGINT: the first asks the run to stop at its next step, the second ends the process at once.

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

/// Set by the first signal.
static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// What a process that was told to stop ends with.
const STOPPED: i32 = 75;

/// Takes over both signals. SIGHUP is left as it is: a run under nohup goes on without its terminal.
pub fn listen() -> anyhow::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the flag that ends the process is looked at before the same signal sets it.
        flag::register_conditional_shutdown(signal, STOPPED, Arc::clone(&REQUESTED))
            .and_then(|_| flag::register(signal, Arc::clone(&REQUESTED)))
            .context("the signals that stop a run cannot be taken over")?;
    }
    Ok(())
}

/// Whether a signal came.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
