//! When a query's nodes are enough.

use super::largest;
use super::pieces::Attempt;

/// Rounding units that are always allowed, of the largest that is met on the way.
const FLOOR: f64 = 16.0;
/// Rounding units below which an error that more nodes do not halve is the arithmetic's.
const STALLED: f64 = 4096.0;

/// What one query's integrals are held against.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The readout's change over the step.
    change: Vec<f64>,
    /// Its largest value at both ends, or that of the outputs that it is computed from.
    largest: f64,
    tolerance: f64,
    /// An error that is allowed whatever the change.
    floor: f64,
    rounding: f64,
    /// What the integrals along the other direction are multiplied by, so that it is as long as the step. `None` where the
    /// pieces are polynomials that every rule takes exactly: then the certificate has nothing but roundings to see.
    other: Option<f64>,
}

/// How far a query is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The integrals of the attempt before.
    previous: Option<Vec<f64>>,
    /// The best so far, and how far it is from what is allowed.
    best: Option<(Attempt, f64)>,
}

impl Certificate {
    /// Of a query whose readout has these values at both ends, and whose outputs are at most `outputs`.
    pub fn new(ends: [&[f64]; 2], outputs: f64, tolerance: f64, rounding: f64, other: Option<f64>) -> Self {
        let change = ends[0].iter().zip(ends[1]).map(|(start, end)| end - start).collect();
        let largest = ends.iter().flat_map(|end| end.iter()).fold(outputs, |top: f64, x| top.max(x.abs()));
        Self { change, largest, tolerance, floor: 0.0, rounding, other }
    }

    /// The same, with an error that is allowed whatever the change.
    pub fn allowing(self, floor: f64) -> Self {
        Self { floor, ..self }
    }

    /// The largest that is met on an attempt's way: its roundings are what any integral is off by.
    fn reached(&self, attempt: &Attempt) -> f64 {
        self.largest.max(attempt.largest).max(attempt.travelled)
    }

    /// The error that is allowed for an integral of some size.
    fn allowed(&self, attempt: &Attempt, size: f64) -> f64 {
        (self.tolerance * size).max(FLOOR * self.rounding * self.reached(attempt)).max(self.floor)
    }

    /// The certificate: 1 or less where it holds.
    pub fn of(&self, attempt: &Attempt) -> f64 {
        in_units(distance(&self.change, &attempt.integrals), self.allowed(attempt, largest(&self.change)))
    }

    /// How far an attempt is from the integrals of the one before, along the step and the other direction: the error of the one
    /// before, about, and more than its own.
    pub fn between(&self, previous: &[f64], attempt: &Attempt, other: f64) -> f64 {
        let count = self.change.len();
        let pairs = previous.chunks(count).zip(attempt.integrals.chunks(count));
        let share = |((a, b), scale): ((&[f64], &[f64]), f64)| {
            let size = largest(&self.change).max(scale * largest(b));
            // Along another direction the roundings are those of what is summed there.
            let allowed = self.allowed(attempt, size).max(FLOOR * self.rounding * size);
            in_units(scale * distance(a, b), allowed)
        };
        pairs.zip([1.0, other]).map(share).fold(0.0, f64::max)
    }

    /// Whether more nodes are of no use: the outputs are not finite, or the error did not get smaller and is only the
    /// arithmetic's.
    fn is_hopeless(&self, attempt: &Attempt, before: f64, now: f64) -> bool {
        let noise = STALLED * self.rounding * self.reached(attempt);
        let stalled = now > 0.5 * before && now * self.allowed(attempt, largest(&self.change)) <= noise;
        stalled || self.change.iter().any(|change| !change.is_finite())
    }
}

impl Progress {
    /// Takes in the attempt with the next rule; true where there is nothing more to be done.
    pub fn take(&mut self, certificate: &Certificate, attempt: Attempt) -> bool {
        let agreed = match (certificate.other, &self.previous) {
            (None, _) => 0.0,
            (Some(_), None) => f64::INFINITY,
            (Some(other), Some(previous)) => certificate.between(previous, &attempt, other),
        };
        // Pieces that were left whole though units flip in them prove nothing.
        let share = if attempt.full { f64::INFINITY } else { certificate.of(&attempt).max(agreed) };
        let before = self.best.as_ref().map_or(f64::INFINITY, |(_, best)| *best);
        let done = share <= 1.0 || attempt.full || certificate.is_hopeless(&attempt, before, share);
        if certificate.other.is_some() {
            self.previous = Some(attempt.integrals.clone());
        }
        if share < before || self.best.is_none() {
            self.best = Some((attempt, share));
        }
        done
    }

    /// The best attempt, and its error as a share of what is allowed: 1 or less where it meets the certificate.
    pub fn finish(self) -> Option<(Attempt, f64)> {
        self.best
    }
}

/// An error in units of what is allowed.
fn in_units(error: f64, allowed: f64) -> f64 {
    let share = if error == 0.0 { 0.0 } else { error / allowed };
    if share.is_nan() { f64::INFINITY } else { share }
}

/// The largest difference; infinite where one is not a number.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |top: f64, x| if x.is_finite() { top.max(x) } else { f64::INFINITY })
}
