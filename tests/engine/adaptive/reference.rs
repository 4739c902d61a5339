//! Integrals over a segment by brute force: flips by dense sampling and bisection, or thousands of nodes.

use super::dual::{Seen, pass};
use pathkernel::graph::Graph;

/// Gauss-Legendre with five nodes on [-1, 1] (Abramowitz and Stegun, table 25.4).
const NODES: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
    (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.906_179_845_938_664, 0.236_926_885_056_189_08),
];

/// One query on a segment.
pub struct Line<'a> {
    pub network: &'a Graph,
    pub weights: &'a [f64],
    pub change: &'a [f64],
    pub x: &'a [f64],
}

impl Line<'_> {
    pub fn at(&self, tau: f64, direction: &[f64]) -> Seen {
        pass(self.network, (self.weights, self.change), tau, direction, self.x)
    }

    /// The outputs at a place.
    pub fn values(&self, tau: f64) -> Vec<f64> {
        self.at(tau, self.change).outputs.iter().map(|output| output.value).collect()
    }

    /// `Σ weight ∇f(w + τ Δw) · direction` over some nodes.
    pub fn integral(&self, direction: &[f64], rows: impl Iterator<Item = (f64, f64)>) -> Vec<f64> {
        let mut sum = vec![0.0; self.network.outputs];
        for (tau, weight) in rows {
            let outputs = self.at(tau, direction).outputs;
            sum.iter_mut().zip(outputs).for_each(|(sum, output)| *sum += weight * output.slope);
        }
        sum
    }

    /// The places where the pattern of active units changes, seen between `samples` places.
    pub fn flips(&self, samples: usize) -> Vec<f64> {
        let pattern = |tau: f64| self.at(tau, self.change).pattern;
        let mut found = Vec::new();
        let mut before = (0.0, pattern(0.0));
        for sample in 1..=samples {
            let tau = sample as f64 / samples as f64;
            let after = (tau, pattern(tau));
            between(&pattern, &before, &after, &mut found);
            before = after;
        }
        found
    }

    /// The integral with `parts` parts, of five nodes each, between all flips.
    pub fn exact(&self, direction: &[f64], flips: &[f64], parts: usize) -> Vec<f64> {
        let ends: Vec<f64> = [0.0].into_iter().chain(flips.iter().copied()).chain([1.0]).collect();
        let mut rows = Vec::new();
        for pair in ends.windows(2) {
            let width = (pair[1] - pair[0]) / parts as f64;
            for part in 0..parts {
                let from = pair[0] + part as f64 * width;
                rows.extend(NODES.map(|(node, weight)| (from + width * (0.5 + 0.5 * node), 0.5 * width * weight)));
            }
        }
        self.integral(direction, rows.into_iter())
    }
}

fn between(pattern: &dyn Fn(f64) -> Vec<u8>, before: &(f64, Vec<u8>), after: &(f64, Vec<u8>), found: &mut Vec<f64>) {
    if before.1 == after.1 {
        return;
    }
    let middle = 0.5 * (before.0 + after.0);
    if after.0 - before.0 < 1e-15 || middle <= before.0 || middle >= after.0 {
        found.push(middle);
        return;
    }
    let middle = (middle, pattern(middle));
    between(pattern, before, &middle, found);
    between(pattern, &middle, after, found);
}

pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top: f64, x| top.max(x.abs()))
}

/// The largest difference; NaN is one.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |top: f64, x| if x.is_nan() { x } else { top.max(x) })
}
