//! Drivers that talk on standard error.

/// Does something while what drivers write to standard error goes nowhere, unless the course of a run is logged (`-v`). What
/// other threads write there meanwhile is lost as well, so it is done for as short as can be.
#[cfg(unix)]
pub fn hushed<T>(what: impl FnOnce() -> T) -> T {
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null");
    let (false, Ok(nowhere)) = (tracing::enabled!(tracing::Level::INFO), nowhere) else { return what() };
    let Ok(before) = rustix::io::dup(rustix::stdio::stderr()) else { return what() };
    if rustix::stdio::dup2_stderr(&nowhere).is_err() {
        return what();
    }
    let _restored = Restored(before);
    what()
}

/// Puts standard error back where it was, also after a panic.
#[cfg(unix)]
struct Restored(std::os::fd::OwnedFd);

#[cfg(unix)]
impl Drop for Restored {
    fn drop(&mut self) {
        // There is nothing else to be done, and nowhere to say so.
        let _ = rustix::stdio::dup2_stderr(&self.0);
    }
}

/// Drivers of other systems keep to themselves.
#[cfg(not(unix))]
pub fn hushed<T>(what: impl FnOnce() -> T) -> T {
    what()
}
