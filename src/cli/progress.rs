//! How a run gets on: a bar on a terminal, elsewhere a line from time to time.

use super::stop;
use crate::run::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often the bar's time is drawn again.
const TICK: Duration = Duration::from_secs(1);
/// How often there is a line where no bar is.
const EVERY: Duration = Duration::from_secs(30);

/// The phase of a run that is under way.
struct Phase {
    name: String,
    total: u64,
    done: u64,
    /// Units that an earlier attempt did.
    earlier: u64,
    begun: Instant,
    /// When there was a line last.
    said: Instant,
    bar: ProgressBar,
}

/// What a run says of how it gets on.
pub struct Course {
    quiet: bool,
    phase: Option<Phase>,
}

impl Course {
    /// Of a run that is to begin; a quiet one says nothing.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, phase: None }
    }

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        if let Some(phase) = &self.phase {
            phase.bar.finish_and_clear();
        }
    }

    /// Where it is: "integrating, 259 of 600".
    pub fn place(&self) -> Option<String> {
        let phase = self.phase.as_ref().filter(|phase| phase.done < phase.total)?;
        Some(format!("{}, {} of {}", phase.name, phase.done, phase.total))
    }

    fn has_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        match &self.phase {
            Some(phase) if !phase.bar.is_hidden() => phase.bar.println(line),
            _ => eprintln!("{line}"),
        }
    }
}

impl Phase {
    fn new(name: &str, total: u64, bar: ProgressBar) -> Self {
        let now = Instant::now();
        Self { name: name.to_owned(), total, done: 0, earlier: 0, begun: now, said: now, bar }
    }

    /// A line for a log: how far, how long, and how long it will take as fast as this attempt is.
    fn line(&self) -> String {
        let spent = self.begun.elapsed();
        let left = left(spent, self.done - self.earlier, self.total - self.done);
        let left = left.map_or(String::new(), |left| format!(", about {} left", rounded(left)));
        format!("{}: {} of {}, {}{left}", self.name, self.done, self.total, rounded(spent))
    }
}

/// The time that units take which are left, as fast as those that are done.
fn left(spent: Duration, done: u64, left: u64) -> Option<Duration> {
    (done > 0).then(|| spent.mul_f64(left as f64 / done as f64))
}

/// A duration in whole seconds.
fn rounded(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs()))
}

impl Progress for Course {
    fn begin(&mut self, phase: &str, total: u64) {
        self.clear();
        let target = if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total), target).with_message(phase.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{msg:18} {wide_bar} {pos}/{len}, {elapsed}, {eta} left") {
            bar.set_style(style);
        }
        // The time goes on where a unit takes long.
        bar.enable_steady_tick(TICK);
        self.phase = Some(Phase::new(phase, total, bar));
    }

    fn resume(&mut self, units: u64) {
        let Some(phase) = &mut self.phase else { return };
        phase.done += units;
        phase.earlier += units;
        phase.bar.set_position(phase.done);
        phase.bar.reset_eta();
        let line = format!("{}: going on from {} of {}", phase.name, phase.done, phase.total);
        self.say(&line);
    }

    fn advance(&mut self) {
        let Some(phase) = &mut self.phase else { return };
        phase.done += 1;
        phase.bar.inc(1);
        if phase.said.elapsed() < EVERY {
            return;
        }
        phase.said = Instant::now();
        let line = phase.line();
        if !self.has_terminal() {
            self.say(&line);
        }
    }

    fn stopped(&self) -> bool {
        stop::requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_before_is_no_speed() {
        let mut phase = Phase::new("integrating", 600, ProgressBar::hidden());
        (phase.done, phase.earlier, phase.begun) = (60, 50, Instant::now() - Duration::from_secs(20));
        assert_eq!(phase.line(), "integrating: 60 of 600, 20s, about 18m left");
        phase.done = 50;
        assert_eq!(phase.line(), "integrating: 50 of 600, 20s");
        assert_eq!(left(Duration::from_secs(3), 3, 0), Some(Duration::ZERO));
    }
}
