//! What causes that the integral misses a part of the change.

use super::names::number;
use crate::path::{Rule, larger};

/// A run whose residual is too large.
pub(in crate::run) struct Integral<'a> {
    pub rule: Rule,
    /// The largest residual of each step.
    pub residuals: &'a [f64],
    /// Steps of queries that missed the tolerance.
    pub missed: usize,
    /// The largest share that the residual has of what rounding alone may make of it.
    pub of_rounding: f64,
    /// Whether the arithmetic is in single precision.
    pub is_single: bool,
    /// Whether another program took the steps.
    pub is_imported: bool,
}

/// A step that holds that much of the residuals is the one to look at.
const MOST: f64 = 0.5;

/// How many times the median step's residual is more than the roundings of a step differ by.
const STANDS_OUT: f64 = 100.0;

impl Integral<'_> {
    /// Whether a step's residual stands out. Roundings do not: each step has its own, and they are of one size. Where most steps
    /// have none, nothing is known of their size.
    fn stands_out(&self) -> bool {
        let mut sizes = self.residuals.to_vec();
        sizes.sort_by(f64::total_cmp);
        let (median, largest) = (sizes.get(sizes.len() / 2), sizes.last());
        median.zip(largest).is_some_and(|(&median, &largest)| median > 0.0 && largest > STANDS_OUT * median)
    }
}

/// The causes, in sentences.
pub(in crate::run) fn of_inexact(run: &Integral<'_>) -> Vec<String> {
    if run.is_single && run.of_rounding <= 1.0 && !run.stands_out() {
        let cause = "rounding alone may make as much: in single precision the change is lost among its digits; set run.precision = \
                     \"f64\"";
        return vec![cause.into()];
    }
    let all: f64 = run.residuals.iter().sum();
    let largest = run.residuals.iter().copied().fold(0.0, larger);
    let first = |least: f64| run.residuals.iter().position(|&residual| residual.is_nan() || residual >= least);
    let (worst, beyond) = (first(largest).unwrap_or(0), first(0.01 * largest));
    let share = if all > 0.0 { largest / all } else { 0.0 };
    let place = if share >= MOST {
        format!("step {worst} holds {:.0}% of it", 100.0 * share)
    } else {
        format!("from step {} on, most in step {worst}", beyond.unwrap_or(worst))
    };
    let shorter = if run.is_imported {
        "scale the inputs and train with shorter steps"
    } else {
        "scale the inputs or lower training.optimizer.learning_rate"
    };
    let cause = match run.rule {
        Rule::Left => {
            "the rule \"left\" takes each step's gradient at its start, and leaves out what it changes on the way; set \
                       kernel.rule = \"gauss\" or \"adaptive\""
                .to_owned()
        }
        Rule::Gauss { nodes } => format!(
            "the steps change the network more than {nodes} nodes resolve; raise kernel.nodes, set kernel.rule = \"adaptive\", or where \
             steps are far too long {shorter}"
        ),
        Rule::Adaptive { tolerance } if run.missed > 0 => format!(
            "{} steps of queries missed the tolerance of {}: they change the network too much; {shorter}{}",
            run.missed,
            number(tolerance),
            if run.is_single { ", or set run.precision = \"f64\"" } else { "" }
        ),
        Rule::Adaptive { tolerance } => {
            format!(
                "each step may miss its change by kernel.tolerance = {}, and they add up; lower it",
                number(tolerance)
            )
        }
    };
    vec![format!("{place}: {cause}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rule: Rule, residuals: &[f64]) -> Integral<'_> {
        Integral { rule, residuals, missed: 0, of_rounding: 9.0, is_single: true, is_imported: false }
    }

    #[test]
    fn the_worst_step_and_the_rule_are_named() {
        let said = |run: &Integral<'_>| of_inexact(run).join("; ");
        let one = said(&run(Rule::Gauss { nodes: 3 }, &[0.0, 9.0, 1.0]));
        assert!(one.starts_with("step 1 holds 90% of it: ") && one.contains("more than 3 nodes"), "{one}");
        let many = said(&run(Rule::Left, &[1e-9, 1.0, 1.5, 1.5]));
        assert!(many.starts_with("from step 1 on, most in step 2: the rule \"left\""), "{many}");
        let missed = Integral { missed: 4, ..run(Rule::Adaptive { tolerance: 1e-6 }, &[1.0]) };
        assert!(said(&missed).contains("4 steps of queries missed the tolerance of 1e-6"), "{}", said(&missed));
        let rounded = Integral { of_rounding: 0.5, ..run(Rule::Left, &[1.0]) };
        assert!(said(&rounded).contains("f64"), "{}", said(&rounded));
        let outlier = Integral { of_rounding: 0.5, ..run(Rule::Gauss { nodes: 2 }, &[1e-5, 2e-5, 0.1, 1e-5]) };
        assert!(said(&outlier).starts_with("step 2 holds 100% of it: the steps change"), "{}", said(&outlier));
        assert!(said(&run(Rule::Adaptive { tolerance: 0.1 }, &[])).contains("add up"));
        assert!(said(&run(Rule::Left, &[f64::NAN, 1.0])).contains("most in step 0"));
    }
}
