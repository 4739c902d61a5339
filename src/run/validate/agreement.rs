//! How well predicted changes agree with those that came of it.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Values whose correlations one thread adds up: a constant, so that sums depend on no number of threads.
const AT_ONCE: usize = 256;

/// Predicted and actual changes, `[retrainings][values]` each, of retrainings that were drawn together.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub predicted: Vec<Vec<f64>>,
    pub actual: Vec<Vec<f64>>,
}

/// How well some scores predict changes. Each correlation is one value's of one query over the retrainings; a value that does not
/// vary in one of the two has none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Spearman's correlation, the mean over queries and values. Over random subsets it is the linear datamodeling score, LDS.
    pub rank: Option<f64>,
    /// Its standard error, from what it is without each retraining in turn (the jackknife): queries share the retrainings, so
    /// that these are what was drawn.
    pub standard_error: Option<f64>,
    /// The standard deviation of the correlations over queries and values.
    pub over_queries: Option<f64>,
    /// The standard deviation of their mean over the seeds; `None` of one seed.
    pub over_seeds: Option<f64>,
    /// Pearson's correlation, the mean over queries and values.
    pub linear: Option<f64>,
    /// By how much the actual change grows with the predicted one: least squares around the means of each query and value, all of
    /// them together. 1 where predictions have the right size.
    pub slope: Option<f64>,
    /// Queries' values that have no correlation, of all seeds together.
    pub undefined: usize,
}

/// A mean in the making.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        self.sum += value.unwrap_or(0.0);
        self.count += usize::from(value.is_some());
    }

    fn join(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// What one sample shows, summed over values.
#[derive(Debug, Clone, Default)]
struct Shown {
    rank: Mean,
    /// The same without each of the retrainings.
    without: Vec<Mean>,
    linear: Mean,
    /// `Σ (p - p̄)(a - ā)` and `Σ (p - p̄)²`.
    covariance: f64,
    variance: f64,
    /// Each value's own rank correlation.
    each: Vec<Option<f64>>,
}

impl Shown {
    fn of(sample: &Sample) -> Self {
        let (count, values) = (sample.actual.len(), sample.actual.first().map_or(0, Vec::len));
        let series = |all: &[Vec<f64>], value: usize| all.iter().map(|own| own[value]).collect::<Vec<f64>>();
        let of_values = |first: usize| {
            let mut shown = Self { without: vec![Mean::default(); count], ..Self::default() };
            for value in first..values.min(first + AT_ONCE) {
                shown.add(&series(&sample.predicted, value), &series(&sample.actual, value));
            }
            shown
        };
        let starts: Vec<usize> = (0..values).step_by(AT_ONCE).collect();
        let parts: Vec<Self> = starts.into_par_iter().map(of_values).collect();
        let mut all = Self { without: vec![Mean::default(); count], ..Self::default() };
        parts.into_iter().for_each(|part| all.join(part));
        all
    }

    fn add(&mut self, predicted: &[f64], actual: &[f64]) {
        let ranks = [Ranks::of(predicted), Ranks::of(actual)];
        let rank = correlation(&ranks[0].0, &ranks[1].0);
        self.each.push(rank);
        self.rank.add(rank);
        for (left_out, mean) in self.without.iter_mut().enumerate() {
            mean.add(correlation(&ranks[0].without(left_out), &ranks[1].without(left_out)));
        }
        self.linear.add(correlation(predicted, actual));
        let [covariance, variance, _] = moments(predicted, actual);
        self.covariance += covariance;
        self.variance += variance;
    }

    fn join(&mut self, part: Self) {
        self.rank.join(part.rank);
        self.without.iter_mut().zip(part.without).for_each(|(all, own)| all.join(own));
        self.linear.join(part.linear);
        self.covariance += part.covariance;
        self.variance += part.variance;
        self.each.extend(part.each);
    }

    /// The variance of the mean rank correlation by the jackknife: `(K - 1) / K Σ_k (θ_k - θ̄)²`, θ_k being what it is without
    /// retraining k.
    fn error_squared(&self) -> Option<f64> {
        let without: Vec<f64> = self.without.iter().map(|mean| mean.value()).collect::<Option<_>>()?;
        let count = without.len() as f64;
        let mean = without.iter().sum::<f64>() / count;
        let spread: f64 = without.iter().map(|own| (own - mean).powi(2)).sum();
        (without.len() > 2).then(|| (count - 1.0) / count * spread)
    }
}

impl Agreement {
    /// Of samples, one a seed.
    pub(super) fn of(samples: &[Sample]) -> Self {
        let shown: Vec<Shown> = samples.iter().map(Shown::of).collect();
        let ranks: Option<Vec<f64>> = shown.iter().map(|own| own.rank.value()).collect();
        let ranks = ranks.filter(|ranks| !ranks.is_empty());
        let errors: Option<Vec<f64>> = shown.iter().map(Shown::error_squared).collect();
        let mut linear = Mean::default();
        shown.iter().for_each(|own| linear.join(own.linear));
        let sum = |of: fn(&Shown) -> f64| shown.iter().map(of).sum::<f64>();
        let (covariance, variance) = (sum(|own| own.covariance), sum(|own| own.variance));
        Self {
            rank: ranks.as_deref().map(mean),
            standard_error: errors
                .filter(|errors| !errors.is_empty())
                .map(|errors| errors.iter().sum::<f64>().sqrt() / errors.len() as f64),
            over_queries: deviation(&of_values(&shown)),
            over_seeds: ranks.as_deref().and_then(deviation),
            linear: linear.value(),
            slope: (variance > 0.0).then(|| covariance / variance),
            undefined: shown.iter().flat_map(|own| &own.each).filter(|rank| rank.is_none()).count(),
        }
    }
}

/// The rank correlation of each value, the mean over the seeds; of those that have any.
fn of_values(shown: &[Shown]) -> Vec<f64> {
    let values = shown.first().map_or(0, |own| own.each.len());
    let of = |value: usize| {
        let mut mean = Mean::default();
        shown.iter().for_each(|own| mean.add(own.each[value]));
        mean.value()
    };
    (0..values).filter_map(of).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation; `None` of fewer than two.
fn deviation(values: &[f64]) -> Option<f64> {
    let middle = mean(values);
    let spread: f64 = values.iter().map(|value| (value - middle).powi(2)).sum();
    (values.len() > 1).then(|| (spread / (values.len() - 1) as f64).sqrt())
}

/// `Σ (a - ā)(b - b̄)`, `Σ (a - ā)²` and `Σ (b - b̄)²`.
fn moments(a: &[f64], b: &[f64]) -> [f64; 3] {
    let middle = [mean(a), mean(b)];
    a.iter().zip(b).fold([0.0; 3], |[ab, aa, bb], (a, b)| {
        let (a, b) = (a - middle[0], b - middle[1]);
        [ab + a * b, aa + a * a, bb + b * b]
    })
}

/// Pearson's correlation; `None` where one of the two does not vary.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let varies = |values: &[f64]| values.iter().any(|value| *value != values[0]);
    let [ab, aa, bb] = moments(a, b);
    (varies(a) && varies(b)).then(|| ab / (aa.sqrt() * bb.sqrt())).filter(|found| found.is_finite())
}

/// The place of each number when all are sorted, from 1; equal ones share the mean of their places.
struct Ranks(Vec<f64>);

impl Ranks {
    fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut ranks = vec![0.0; values.len()];
        let mut first = 0;
        for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
            let rank = first as f64 + (equal.len() + 1) as f64 / 2.0;
            equal.iter().for_each(|&at| ranks[at] = rank);
            first += equal.len();
        }
        Self(ranks)
    }

    /// The ranks of the others without one of the numbers: those above it move down by one, those equal to it by half.
    fn without(&self, left_out: usize) -> Vec<f64> {
        let own = self.0[left_out];
        let moved = |rank: f64| match rank.total_cmp(&own) {
            std::cmp::Ordering::Less => rank,
            std::cmp::Ordering::Equal => rank - 0.5,
            std::cmp::Ordering::Greater => rank - 1.0,
        };
        let others = self.0.iter().enumerate().filter(|(at, _)| *at != left_out);
        others.map(|(_, &rank)| moved(rank)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const CASES: &str = include_str!("../../../tests/data/agreement/cases.json");

    fn matrix(value: &Value) -> Vec<Vec<f64>> {
        serde_json::from_value(value.clone()).expect("rows of numbers")
    }

    /// Ties, several seeds, values that stand still: as SciPy has them, and the jackknife done the long way.
    #[test]
    fn all_is_as_scipy_says() {
        let cases: Vec<Value> = serde_json::from_str(CASES).expect("JSON");
        assert_eq!(cases.len(), 4);
        for case in &cases {
            let of =
                |sample: &Value| Sample { predicted: matrix(&sample["predicted"]), actual: matrix(&sample["actual"]) };
            let samples: Vec<Sample> = case["samples"].as_array().expect("samples").iter().map(of).collect();
            let found = serde_json::to_value(Agreement::of(&samples)).expect("JSON");
            for key in ["rank", "standard_error", "over_queries", "over_seeds", "linear", "slope"] {
                let (got, want) = (found[key].as_f64(), case[key].as_f64());
                // Sums of at most some hundred numbers of size 1.
                let close = got.zip(want).is_some_and(|(got, want)| (got - want).abs() < 1e-13);
                assert!(close || got == want, "{key}: {got:?} instead of {want:?}");
            }
            assert_eq!(found["undefined"], case["undefined"]);
        }
    }

    #[test]
    fn what_does_not_vary_has_no_correlation() {
        let still =
            Sample { predicted: vec![vec![1.0], vec![1.0], vec![1.0]], actual: vec![vec![1.0], vec![2.0], vec![3.0]] };
        let found = Agreement::of(&[still]);
        assert_eq!((found.rank, found.standard_error, found.linear, found.slope), (None, None, None, None));
        assert_eq!(found.undefined, 1);
        assert_eq!(Agreement::of(&[Sample::default()]).rank, None);
    }

    /// However many values there are, sums are made in the same parts.
    #[test]
    fn many_values_are_as_one_by_one() {
        let column = |value: usize, retraining: usize| ((value * 7 + retraining * 13) % 23) as f64;
        let rows = |add: usize| -> Vec<Vec<f64>> {
            (0..6)
                .map(|retraining| (0..700).map(|value| column(value + add, retraining * (1 + add))).collect())
                .collect()
        };
        let sample = Sample { predicted: rows(0), actual: rows(1) };
        let alone = |value: usize| {
            let own = |all: &[Vec<f64>]| all.iter().map(|row| vec![row[value]]).collect();
            Agreement::of(&[Sample { predicted: own(&sample.predicted), actual: own(&sample.actual) }]).rank
        };
        let each: Vec<f64> = (0..700).filter_map(alone).collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        let found = Agreement::of(std::slice::from_ref(&sample)).rank.expect("a correlation");
        assert!(each.len() > 600 && (found - mean).abs() < 1e-13, "{found} instead of {mean}");
    }
}
