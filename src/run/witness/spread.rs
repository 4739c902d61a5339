//! On which scale inputs are.

use crate::graph::Graph;
use crate::problem::Problem;

/// Sizes that differ by this factor are clearly on another scale.
const CLEAR: f64 = 16.0;
/// Sizes that differ by this factor may be the cause of other outputs.
const LARGE: f64 = 3.0;

/// The mean of some values, and their size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    mean: f64,
    deviation: f64,
    largest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let finite = || values.clone().filter(|value| value.is_finite());
        let count = finite().count().max(1) as f64;
        let mean = finite().sum::<f64>() / count;
        let deviation = (finite().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        Self { mean, deviation, largest: finite().map(f64::abs).fold(0.0, f64::max) }
    }

    /// The root of the mean square.
    fn size(self) -> f64 {
        self.mean.hypot(self.deviation)
    }

    /// Whether both the sizes and the largest values differ by a factor.
    fn differs(self, other: Self, factor: f64) -> bool {
        let ratios = [self.size() / other.size(), self.largest / other.largest];
        ratios.iter().all(|&ratio| ratio >= factor) || ratios.iter().all(|&ratio| ratio <= 1.0 / factor)
    }

    fn words(self) -> String {
        format!("{:.3} ± {:.3}, at most {:.3}", self.mean, self.deviation, self.largest)
    }
}

/// Of each input of real numbers that is on another scale in the queries than in the examples: its name and both spreads.
fn differing(problem: &Problem, factor: f64) -> Vec<(Option<String>, [Spread; 2])> {
    let Some(queries) = &problem.queries else { return Vec::new() };
    let network: &Graph = &problem.network;
    let (width, mut from, mut found) = (network.input_len().max(1), 0, Vec::new());
    for input in &network.inputs {
        let place = from..from + input.len();
        from = place.end;
        let of = |rows: &[f64]| Spread::of(rows.chunks(width).flat_map(|row| row[place.clone()].iter().copied()));
        let both = [of(queries), of(&problem.inputs)];
        // Without any value but 0 there is no scale.
        if !input.whole && both.iter().all(|spread| spread.largest > 0.0) && both[0].differs(both[1], factor) {
            found.push((input.name.clone(), both));
        }
    }
    found
}

fn sentences(problem: &Problem, factor: f64) -> impl Iterator<Item = String> {
    differing(problem, factor).into_iter().map(|(name, [queries, examples])| {
        let of = name.map_or(String::new(), |name| format!(" of {name}"));
        format!(
            "the queries' values{of} ({}) are on another scale than the training inputs' ({})",
            queries.words(),
            examples.words()
        )
    })
}

/// What is said of queries whose scale may be the cause of other outputs.
pub(super) fn other_scale(problem: &Problem) -> impl Iterator<Item = String> {
    sentences(problem, LARGE)
}

/// What is said of queries that are clearly on another scale than the training inputs.
pub(in crate::run) fn doubtful_scale(problem: &Problem) -> impl Iterator<Item = String> {
    sentences(problem, CLEAR).map(|problem| format!("data.query.inputs: {problem}; normalise both alike"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        Spread::of(values.iter().copied())
    }

    #[test]
    fn scales_are_told_by_all_values_and_the_largest() {
        let (normal, pixels) = (spread(&[-1.5, 0.5, 1.0, 2.0]), spread(&[0.0, 128.0, 255.0, 17.0]));
        assert!(pixels.differs(normal, CLEAR) && normal.differs(pixels, CLEAR));
        // One far value, or images as they are beside normalised ones, are no other scale.
        assert!(!spread(&[-1.5, 0.5, 1.0, 2.0, 0.3, 0.1, 400.0].repeat(100)).differs(pixels, CLEAR));
        assert!(!spread(&[0.0, 0.5, 1.0, 0.1]).differs(normal, CLEAR));
    }
}
