//! Whether a plan fits the memory that there is.

use super::{Device, Plan};
use crate::device::free_memory;
use crate::error::Error;

/// Bytes of the program itself: its code and stacks, and what is measured and kept at its start.
pub(super) const PROGRAM: u64 = 48 << 20;

impl Plan {
    /// Checks the plan against the memory that is free now, and what is allowed of it.
    ///
    /// # Errors
    ///
    /// What is short, by how much, and what to do.
    pub fn check_memory(&self, device: &Device) -> Result<(), Error> {
        self.check_free(free_memory(), device.allowed)
    }

    fn check_free(&self, free: u64, allowed: Option<u64>) -> Result<(), Error> {
        let Some(least) = self.least_bytes else {
            return Err(Error::DoesNotFit(
                "one query with one example already needs an array larger than the device's largest; choose a smaller \
                 kernel.kernel, or make model.layers smaller"
                    .into(),
            ));
        };
        if self.tiles.is_empty() {
            let room = allowed.map_or(String::new(), |allowed| {
                let (allowed, host) = (size(allowed), size(self.host_bytes));
                format!(" (run.memory allows {allowed}, of which data and program take {host})")
            });
            return Err(Error::DoesNotFit(format!(
                "one query with one example already needs {} of the device's memory{room}; the least that fits is \
                 run.memory = \"{}\"; else choose a smaller kernel.kernel, or make model.layers smaller",
                size(self.device_bytes),
                enough(least)
            )));
        }
        let need = self.device_bytes.saturating_add(self.host_bytes);
        let (have, word) = match allowed {
            Some(allowed) if allowed < free => (allowed, "allowed (run.memory)"),
            _ => (free, "free"),
        };
        if need > have {
            // Tiles of an earlier attempt keep their sides.
            return Err(Error::DoesNotFit(format!(
                "the run needs {} of memory, and {} are {word}; the least that fits is run.memory = \"{}\"; else make \
                 model.layers smaller, or ask for less in [kernel]",
                size(need),
                size(have),
                enough(need)
            )));
        }
        Ok(())
    }
}

/// Fails where something needs more bytes of memory than are free.
pub(crate) fn check_room(what: &str, bytes: u64, remedy: &str) -> Result<(), Error> {
    let free = free_memory();
    if bytes > free {
        return Err(Error::DoesNotFit(format!(
            "{what} need {} of memory, and {} are free; {remedy}",
            size(bytes),
            size(free)
        )));
    }
    Ok(())
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// An amount that is not below so many bytes, as a run file takes it.
fn enough(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::super::{Slices, Tile};
    use super::*;

    #[test]
    fn what_needs_more_memory_than_is_free_or_allowed_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let plan = |host_bytes: u64| Plan {
            shapes: [1; 5],
            contraction: Vec::new(),
            sides: [1, 1],
            tiles: vec![Tile { queries: 0..1, examples: 0..1 }],
            workers: 1,
            own_side: 0,
            own_tiles: Vec::new(),
            influence: Slices::default(),
            device_bytes: 1 << 20,
            host_bytes,
            least_bytes: Some(host_bytes + (1 << 20)),
            state_bytes: 0,
            array_bytes: 0.0,
            attribution_bytes: 0.0,
            influence_bytes: 0.0,
            path_bytes: 0.0,
            flops: 0.0,
            pass_flops: 0.0,
            seconds: [1.0; 2],
            assumed: None,
            cheaper: None,
        };
        plan(1 << 20).check_free(4 << 20, None)?;
        for (host_bytes, allowed, words) in [
            (4 << 20, None, ["of memory", "run.memory = \"5 MiB\""]),
            (2 << 20, Some(2 << 20), ["2.0 MiB are allowed (run.memory)", "run.memory = \"3 MiB\""]),
        ] {
            let refused = plan(host_bytes).check_free(4 << 20, allowed).err().ok_or("it fits")?;
            assert!(words.iter().all(|word| refused.to_string().contains(word)), "{refused}");
        }
        let without = Plan { tiles: Vec::new(), ..plan(2 << 20) };
        let refused = without.check_free(4 << 20, Some(2 << 20)).err().ok_or("it fits")?.to_string();
        assert!(refused.contains("allows 2.0 MiB") && refused.contains("run.memory = \"3 MiB\""), "{refused}");
        let refused =
            Plan { least_bytes: None, ..without }.check_free(4 << 20, None).err().ok_or("it fits")?.to_string();
        assert!(refused.contains("larger than the device's largest") && !refused.contains("run.memory"), "{refused}");
        Ok(())
    }
}
