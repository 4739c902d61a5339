//! Passes of a network, timed on its device.

use super::passes::Passes;
use crate::compute::{Backend, Rates, Result, Slice};
use crate::graph::{Graph, Segment};
use std::time::Instant;

/// Rows of the passes that are timed.
const ROWS: [usize; 4] = [2, 16, 128, 1024];
/// Seconds that one of them may take, by the device's rates; and elements of all its values.
const LONG: f64 = 0.03;
const MOST: usize = 1 << 20;
/// How often each is timed: the fastest counts.
const TIMES: usize = 3;

/// Seconds of a forward and of a backward pass of so many rows.
#[derive(Debug, Clone, Copy)]
struct Timed {
    rows: f64,
    forward: f64,
    backward: f64,
}

/// What passes of a network take on a device, by their rows.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredPasses {
    /// With ascending rows; the last ones are missing where they would take long.
    timed: [Option<Timed>; ROWS.len()],
}

impl MeasuredPasses {
    /// Times passes of a network, some hundredths of a second; of a large one few or none.
    ///
    /// # Errors
    ///
    /// A device error.
    pub fn of<B: Backend>(backend: &B, network: &Graph, rates: &Rates) -> Result<Self> {
        let passes = Passes { network, rates, measured: None };
        let is_short = |rows: usize| passes.forward(rows as f64) < LONG && rows * network.forward_len() <= MOST;
        let mut timed = [None; ROWS.len()];
        for (timed, rows) in timed.iter_mut().zip(ROWS).filter(|&(_, rows)| is_short(rows)) {
            *timed = Some(Timed::of(backend, network, rows)?);
        }
        Ok(Self { timed })
    }

    /// Seconds of a forward pass; `None` where none was timed.
    pub(super) fn forward(&self, rows: f64) -> Option<f64> {
        self.at(rows, |timed| timed.forward)
    }

    /// Seconds of a backward pass.
    pub(super) fn backward(&self, rows: f64) -> Option<f64> {
        self.at(rows, |timed| timed.backward)
    }

    /// Between the passes that were timed on the line from one to the next; beyond the last in proportion to the rows.
    fn at(&self, rows: f64, of: impl Fn(&Timed) -> f64) -> Option<f64> {
        let mut below: Option<&Timed> = None;
        for timed in self.timed.iter().flatten() {
            if rows <= timed.rows {
                let Some(below) = below else { return Some(of(timed)) };
                let share = (rows - below.rows) / (timed.rows - below.rows);
                return Some(of(below) + share * (of(timed) - of(below)));
            }
            below = Some(timed);
        }
        below.map(|last| of(last) * rows / last.rows)
    }
}

impl Timed {
    fn of<B: Backend>(backend: &B, network: &Graph, rows: usize) -> Result<Self> {
        let (weights, probe) = (backend.zeros(network.len)?, backend.zeros(1)?);
        let inputs = backend.zeros(rows * network.input_len())?;
        let (segment, input) = (Segment::at(&weights), Slice::new(&inputs, 0, rows * network.input_len()));
        let settle = || backend.download(Slice::new(&probe, 0, 1)).map(drop);
        let mut least = Self { rows: rows as f64, forward: f64::INFINITY, backward: f64::INFINITY };
        for _ in 0..TIMES {
            let begun = Instant::now();
            let pass = network.forward(backend, segment, input, rows)?;
            settle()?;
            least.forward = least.forward.min(begun.elapsed().as_secs_f64());
            let seed = backend.zeros(rows * network.outputs)?;
            let begun = Instant::now();
            network.backward(backend, segment, &pass, 1, seed, &mut |_| Ok(()))?;
            settle()?;
            least.backward = least.backward.min(begun.elapsed().as_secs_f64());
        }
        Ok(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_between_those_that_were_timed_lie_on_lines() {
        let timed = |rows, forward| Some(Timed { rows, forward, backward: 2.0 * forward });
        let found = MeasuredPasses { timed: [timed(2.0, 1.0), timed(10.0, 3.0), timed(20.0, 5.0), None] };
        let forward = [1.0, 2.0, 6.0, 15.0, 40.0].map(|rows| found.forward(rows));
        assert_eq!(forward, [1.0, 1.0, 2.0, 4.0, 10.0].map(Some));
        assert_eq!(found.backward(15.0), Some(8.0));
        assert_eq!(MeasuredPasses { timed: [None; 4] }.forward(3.0), None);
    }
}
