//! What a device reports. It does so between calls, so that a fault is kept until the next call asks.

use crate::compute::{BackendError, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wgpu::{Device, Error};

/// The fault of a device. One that was reported stays: what was computed since is wrong, and every later call fails.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Arc<Mutex<Option<BackendError>>>);

impl Faults {
    /// Those of a device, from now on.
    pub fn of(device: &Device) -> Self {
        let faults = Self::default();
        let kept = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error: Error| {
            kept.keep(match &error {
                Error::OutOfMemory { .. } => BackendError::OutOfMemory(error.to_string()),
                _ => BackendError::Invalid(error.to_string()),
            });
        }));
        let kept = faults.clone();
        // Whoever destroys a device that is in use has lost it, too.
        device.set_device_lost_callback(move |reason, message| {
            *kept.lock() = Some(loss(&format!("{reason:?}"), &message))
        });
        faults
    }

    /// Keeps a fault, where none is kept yet.
    pub fn keep(&self, fault: BackendError) {
        self.lock().get_or_insert(fault);
    }

    /// Fails if there is a fault.
    pub fn check(&self) -> Result<()> {
        self.lock().clone().map_or(Ok(()), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Option<BackendError>> {
        // One assignment cannot be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fault of a lost device. Where a copy or a submission found no memory, wgpu gives the device up as well; less work
/// at a time is the way out then, and not the same again.
fn loss(reason: &str, message: &str) -> BackendError {
    if message.to_lowercase().contains("out of memory") {
        return BackendError::OutOfMemory(format!("the device was given up: {message}"));
    }
    BackendError::Lost(if message.is_empty() { reason.to_lowercase() } else { message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_stays() {
        let faults = Faults::default();
        assert!(faults.check().is_ok());
        faults.keep(BackendError::Lost("first".into()));
        faults.keep(BackendError::Invalid("second".into()));
        for _ in 0..2 {
            assert!(matches!(faults.check(), Err(BackendError::Lost(what)) if what == "first"));
        }
    }

    #[test]
    fn a_loss_for_want_of_memory_is_told_apart() {
        assert!(matches!(loss("Unknown", "Out of memory"), BackendError::OutOfMemory(_)));
        assert!(matches!(loss("Unknown", "Device is lost"), BackendError::Lost(what) if what == "Device is lost"));
        assert!(matches!(loss("Destroyed", ""), BackendError::Lost(what) if what == "destroyed"));
    }
}
