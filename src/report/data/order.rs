//! Which queries are worst.

use crate::readout::Readout;
use crate::report::contents::Contents;

/// How far each query is from what it should be.
pub(super) struct Order {
    /// What is measured.
    pub noun: &'static str,
    /// Of each query.
    pub scores: Vec<f64>,
    /// Whether the largest are worst, and not the smallest.
    pub largest: bool,
}

impl Order {
    /// Of a run's queries: by how far their class leads the others, or where that is not known by how far the one that is read
    /// does; else by their loss, margin, output or error. `None` where nobody knows.
    pub fn of(contents: &Contents) -> Option<Self> {
        let each =
            |score: &dyn Fn(usize) -> Option<f64>| (0..contents.queries).map(score).collect::<Option<Vec<f64>>>();
        if contents.compete() && contents.values > 1 {
            let classes = contents.query_classes();
            let of = |query: usize| {
                let class =
                    classes.map_or_else(|| contents.predicted(query), |classes| Some(classes[query] as usize))?;
                Some(lead(contents.values_of(&contents.terms.prediction, query), class))
            };
            return Some(Self {
                noun: if classes.is_some() { "margin" } else { "lead" },
                scores: each(&of)?,
                largest: false,
            });
        }
        let scores = each(&|query| badness(contents, query))?;
        let (noun, largest) = match contents.run_file.kernel.readout {
            readout @ (Readout::Target | Readout::Margin) => (readout.noun(), false),
            Readout::Loss => ("loss", true),
            _ => ("error", true),
        };
        Some(Self {
            noun,
            scores: scores.into_iter().map(|score| if largest { score } else { -score }).collect(),
            largest,
        })
    }

    /// How bad a score is.
    fn bad(&self, query: usize) -> f64 {
        if self.largest { self.scores[query] } else { -self.scores[query] }
    }
}

/// All queries, the worst first; in their own order where nobody knows.
pub(super) fn worst_first(queries: usize, order: Option<&Order>) -> Vec<usize> {
    let mut all: Vec<usize> = (0..queries).collect();
    if let Some(order) = order {
        all.sort_by(|&a, &b| order.bad(b).total_cmp(&order.bad(a)));
    }
    all
}

/// How far one value leads the largest of the others.
fn lead(values: &[f64], place: usize) -> f64 {
    let others = values.iter().enumerate().filter(|&(other, _)| other != place).map(|(_, &value)| value);
    values.get(place).copied().unwrap_or(f64::NAN) - others.fold(f64::NEG_INFINITY, f64::max)
}

/// How far a query is from what it should be.
fn badness(contents: &Contents, query: usize) -> Option<f64> {
    let values = contents.values_of(&contents.terms.prediction, query);
    let problem = contents.problem.as_ref().ok();
    let targets = problem.and_then(|problem| problem.query_targets.as_ref()?.reals(query, problem.network.outputs));
    contents.run_file.kernel.readout.badness(contents.run_file.training.loss, values, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first() {
        let order = |largest| Order { noun: "loss", scores: vec![0.5, -1.0, 3.0], largest };
        assert_eq!(worst_first(3, Some(&order(true))), [2, 0, 1]);
        assert_eq!(worst_first(3, Some(&order(false))), [1, 0, 2]);
        assert_eq!(worst_first(3, None), [0, 1, 2]);
        assert_eq!((lead(&[1.0, 4.0, 2.0], 2), lead(&[1.0, 4.0, 2.0], 1)), (-2.0, 2.0));
    }
}
