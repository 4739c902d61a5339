//! What a device's time goes to.

use std::time::Instant;

/// What operations are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Whatever has no phase of its own.
    Rest,
    /// Forward and backward passes.
    Passes,
    /// Products of gradient rows, and what prepares them.
    Contraction,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// Host time by phase: right for a device that does what it is asked at once.
#[derive(Debug)]
pub struct Clock {
    phase: Phase,
    since: Instant,
    seconds: [f64; Phase::COUNT],
}

impl Default for Clock {
    fn default() -> Self {
        Self { phase: Phase::Rest, since: Instant::now(), seconds: [0.0; Phase::COUNT] }
    }
}

impl Clock {
    /// Ends the current phase and begins another; returns the one that ended.
    pub fn enter(&mut self, phase: Phase) -> Phase {
        let now = Instant::now();
        self.seconds[self.phase as usize] += (now - self.since).as_secs_f64();
        self.since = now;
        std::mem::replace(&mut self.phase, phase)
    }

    /// Seconds of each phase so far.
    pub fn seconds(&mut self) -> [f64; Phase::COUNT] {
        self.enter(self.phase);
        self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_to_the_time() {
        let (started, mut clock) = (Instant::now(), Clock::default());
        assert_eq!(clock.enter(Phase::Contraction), Phase::Rest);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(clock.enter(Phase::Passes), Phase::Contraction);
        let seconds = clock.seconds();
        let all = started.elapsed().as_secs_f64();
        assert!(seconds[Phase::Contraction as usize] >= 0.02);
        assert!(seconds.iter().sum::<f64>() <= all);
    }
}
