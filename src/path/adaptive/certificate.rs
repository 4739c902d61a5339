//! When a query's nodes are enough.

use super::pieces::Attempt;

/// Rounding units of the outputs and the readout that are always allowed.
const FLOOR: f64 = 16.0;
/// Rounding units of the readout below which an error that more nodes do not halve is the arithmetic's.
const STALLED: f64 = 4096.0;
/// Readouts of which the certificate alone is not trusted: so few can agree by chance.
const FEW: usize = 2;

/// What one query's integrals are held against.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The readout's change over the step.
    change: Vec<f64>,
    /// Its largest value at both ends, or that of the outputs that it is computed from.
    largest: f64,
    tolerance: f64,
    rounding: f64,
    /// What the integrals along the other direction are multiplied by, so that it is as long as the step.
    other: f64,
}

/// How far a query is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The attempt before, and how far its certificate is from what is allowed.
    previous: Option<(Attempt, f64)>,
    /// The best so far, and how far it is from what is allowed.
    best: Option<(Attempt, f64)>,
}

impl Certificate {
    /// Of a query whose readout has these values at both ends, and whose outputs are at most `outputs`.
    pub fn new(ends: [&[f64]; 2], outputs: f64, tolerance: f64, rounding: f64, other: f64) -> Self {
        let change = ends[0].iter().zip(ends[1]).map(|(start, end)| end - start).collect();
        let largest = ends.iter().flat_map(|end| end.iter()).fold(outputs, |top: f64, x| top.max(x.abs()));
        Self { change, largest, tolerance, rounding, other }
    }

    /// Whether two rules must agree as well.
    pub fn needs_two(count: usize) -> bool {
        count <= FEW
    }

    /// The error that is allowed for an integral of some size.
    fn allowed(&self, size: f64) -> f64 {
        (self.tolerance * size).max(FLOOR * self.rounding * self.largest)
    }

    /// The certificate: 1 or less where it holds.
    fn of(&self, attempt: &Attempt) -> f64 {
        in_units(distance(&self.change, &attempt.integrals), self.allowed(largest(&self.change)))
    }

    /// How far two rules are apart, along every direction.
    fn between(&self, first: &Attempt, second: &Attempt) -> f64 {
        let count = self.change.len();
        let pairs = first.integrals.chunks(count).zip(second.integrals.chunks(count));
        let share = |((a, b), scale): ((&[f64], &[f64]), f64)| {
            let size = largest(&self.change).max(scale * largest(b));
            // Along another direction the roundings are those of what is summed there.
            let allowed = self.allowed(size).max(FLOOR * self.rounding * size);
            in_units(scale * distance(a, b), allowed)
        };
        pairs.zip([1.0, self.other]).map(share).fold(0.0, f64::max)
    }

    /// Whether more nodes are of no use: the outputs are not finite, or the error did not get smaller and is only the
    /// arithmetic's.
    fn is_hopeless(&self, before: f64, now: f64) -> bool {
        let noise = STALLED * self.rounding * self.largest;
        let stalled = now > 0.5 * before && now * self.allowed(largest(&self.change)) <= noise;
        stalled || self.change.iter().any(|change| !change.is_finite())
    }
}

impl Progress {
    /// Takes in the attempt with the next rule; true where there is nothing more to be done.
    pub fn take(&mut self, certificate: &Certificate, attempt: Attempt) -> bool {
        let (own, full) = (certificate.of(&attempt), attempt.full);
        let (judged, share) = if !Certificate::needs_two(certificate.change.len()) {
            (attempt, own)
        } else {
            let Some((previous, share)) = self.previous.take() else {
                self.previous = Some((attempt, own));
                return full;
            };
            let share = share.max(certificate.between(&previous, &attempt));
            self.previous = Some((attempt, own));
            (previous, share)
        };
        let before = self.best.as_ref().map_or(f64::INFINITY, |(_, best)| *best);
        if share < before || self.best.is_none() {
            self.best = Some((judged, share));
        }
        share <= 1.0 || full || certificate.is_hopeless(before, share)
    }

    /// The best attempt, and whether it meets the certificate.
    pub fn finish(self) -> Option<(Attempt, bool)> {
        match (self.best, self.previous) {
            (Some((attempt, share)), _) => Some((attempt, share <= 1.0)),
            (None, Some((attempt, _))) => Some((attempt, false)),
            (None, None) => None,
        }
    }
}

/// An error in units of what is allowed.
fn in_units(error: f64, allowed: f64) -> f64 {
    if error == 0.0 { 0.0 } else { error / allowed }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top: f64, x| top.max(x.abs()))
}

/// The largest difference; infinite where one is not a number.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |top: f64, x| if x.is_finite() { top.max(x) } else { f64::INFINITY })
}
