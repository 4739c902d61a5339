//! What the examples did to themselves most: wrong labels have to teach themselves.

use super::contents::Contents;
use super::top::Moved;
use crate::error::Error;
use crate::loss::IGNORED;
use crate::problem::Problem;
use crate::readout::Readout;
use crate::run::Names;
use serde_json::{Value, json};
use std::path::Path;

/// Which of the values of its readout an example is listed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedBy {
    /// The one of its own class.
    Class,
    /// One that is the same for all.
    Value(usize),
    /// The only one.
    Only,
    /// All of them: the sum of their sizes.
    Sizes,
}

/// The examples that moved their own readouts most.
#[derive(Debug, Clone, PartialEq)]
pub struct SelfInfluence {
    /// What was taken apart: "output".
    pub readout: &'static str,
    /// Whether the readout is the example's own loss, of which less is better.
    pub is_loss: bool,
    /// By which of its values.
    pub by: ListedBy,
    /// How many examples there are.
    pub examples: usize,
    /// The median of the amounts' sizes.
    pub median: f64,
    /// Those whose amounts are largest in size, the largest first. The amount is what an example, or its group, added to the
    /// example's own value.
    pub largest: Vec<Moved>,
    /// What classes are called.
    pub names: Names,
}

impl SelfInfluence {
    /// How many times the median an amount is; `None` where that is 0.
    pub fn times(&self, moved: &Moved) -> Option<f64> {
        (self.median > 0.0).then(|| moved.amount.abs() / self.median)
    }

    /// The list as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let Self { readout, by, examples, median, largest, .. } = self;
        let (by, output) = match by {
            ListedBy::Class => ("class", None),
            ListedBy::Value(output) => ("output", Some(output)),
            ListedBy::Only => ("readout", None),
            ListedBy::Sizes => ("sizes", None),
        };
        let one = |moved: &Moved| {
            let mut one = moved.to_json(&self.names);
            one["times"] = json!(self.times(moved));
            one
        };
        let list: Vec<serde_json::Value> = largest.iter().map(one).collect();
        json!({ "readout": readout, "by": by, "output": output, "examples": examples, "median": median, "largest": list })
    }
}

/// The `count` examples of the largest self-attribution: at the value of their own class where the readout has a value for each,
/// or at `output` where that is given, or the sum of all values' sizes where examples have no classes.
///
/// # Errors
///
/// A directory without a finished run, or without self-attributions where the queries are not the training examples; a damaged
/// file, an override that does not fit; an output beyond the readout's; or classes that cannot be read any more.
pub fn self_influence(
    directory: &Path,
    overrides: &[String],
    output: Option<usize>,
    count: usize,
) -> Result<SelfInfluence, Error> {
    let contents = Contents::read(directory, overrides)?;
    let wrong = |problem: String| Error::Input(format!("{}: {problem}", directory.display()));
    let values = contents.values;
    if let Some(output) = output.filter(|&output| output >= values) {
        let last = values - 1;
        return Err(wrong(format!("has no output {output}; its readout's values are numbered from 0 to {last}")));
    }
    let own = Own::read(&contents, output).map_err(&wrong)?;
    let readout = contents.run_file.kernel.readout;
    let problem = contents.problem.as_ref().ok().filter(|problem| problem.examples() == own.amounts.len());
    let classes = problem.and_then(|problem| problem.targets.classes(own.amounts.len()));
    let class = |row: usize| classes.map(|classes| classes[row]).filter(|class| *class != IGNORED);
    let groups = problem.and_then(|problem| problem.groups.as_ref());
    let moved = |row: usize| Moved {
        number: contents.excluded.number(row),
        amount: own.amounts[row],
        class: class(row),
        group: groups.and_then(|groups| groups.number(groups.column(row))),
        name: contents.names.example(row).map(str::to_owned),
        output: own.by.value(class(row)),
    };
    let largest = own.largest(count).into_iter().map(moved).collect();
    Ok(SelfInfluence {
        readout: readout.noun(),
        is_loss: readout == Readout::Loss,
        by: own.by,
        examples: own.amounts.len(),
        median: own.median(),
        largest,
        names: contents.names.clone(),
    })
}

impl ListedBy {
    /// The value of an example of a class.
    fn value(self, class: Option<u32>) -> usize {
        match self {
            Self::Class => class.unwrap_or_default() as usize,
            Self::Value(output) => output,
            Self::Only | Self::Sizes => 0,
        }
    }
}

/// What each row of the training set contributed to its own readout.
pub(super) struct Own {
    /// By which of its values.
    by: ListedBy,
    /// Of each row.
    amounts: Vec<f64>,
}

impl Own {
    /// Of a finished run, by one of its readout's values or the one that suits.
    ///
    /// # Errors
    ///
    /// Why it is not known.
    pub fn read(contents: &Contents, output: Option<usize>) -> Result<Self, String> {
        let (own, values) = (own(contents)?, contents.values);
        let all = own.len() / values;
        let problem = contents.problem.as_ref().ok().filter(|problem| problem.examples() == all);
        let classes = problem.and_then(|problem| problem.targets.classes(all));
        let by = match (output, problem) {
            (Some(output), _) => ListedBy::Value(output),
            (None, _) if values == 1 => ListedBy::Only,
            (None, None) => {
                let problem = contents.problem.as_ref().err().map_or_else(String::new, ToString::to_string);
                return Err(format!("the classes of its examples cannot be read ({problem}); say --output"));
            }
            (None, Some(_)) if contents.run_file.kernel.readout.is_per_output() && classes.is_some() => ListedBy::Class,
            (None, Some(_)) => ListedBy::Sizes,
        };
        let class = |row: usize| classes.map(|classes| classes[row]).filter(|class| *class != IGNORED);
        let amount = |(row, own): (usize, &[f64])| match by {
            ListedBy::Sizes => own.iter().map(|value| value.abs()).sum(),
            _ => own.get(by.value(class(row))).copied().unwrap_or(f64::NAN),
        };
        Ok(Self { by, amounts: own.chunks_exact(values).enumerate().map(amount).collect() })
    }

    /// The rows of the largest amounts in size, the largest first.
    pub fn largest(&self, count: usize) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.amounts.len()).collect();
        rows.sort_by(|&a, &b| self.amounts[b].abs().total_cmp(&self.amounts[a].abs()));
        rows.truncate(count);
        rows
    }

    /// The median of the amounts' sizes.
    pub fn median(&self) -> f64 {
        let order = self.largest(self.amounts.len());
        let size = |place: usize| self.amounts[order[place]].abs();
        0.5 * (size((order.len() - 1) / 2) + size(order.len() / 2))
    }

    /// The amount of a column: of its rows, the largest in size.
    pub fn of_rows(&self, rows: &[usize]) -> f64 {
        let own = rows.iter().filter_map(|&row| self.amounts.get(row)).copied();
        own.fold(0.0, |largest: f64, amount| if amount.abs() > largest.abs() { amount } else { largest })
    }

    /// The rows that did most to themselves, as a page lists them.
    pub fn json(&self, contents: &Contents, count: usize) -> Value {
        let row = |row: usize| json!([contents.excluded.number(row), contents.column_of_row(row), self.amounts[row]]);
        json!({
            "all": self.amounts.len(),
            "median": self.median(),
            "is_size": self.by == ListedBy::Sizes,
            "rows": self.largest(count).into_iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// `[rows, R]`: what was computed for it, or the diagonal where the queries are the training examples.
fn own(contents: &Contents) -> Result<Vec<f64>, String> {
    if let Some(own) = &contents.own {
        return Ok(own.all());
    }
    let remedy = "run it again with kernel.own=true";
    let Some(attribution) = &contents.attribution else {
        return Err(format!("has neither own.npy nor an attribution; {remedy}"));
    };
    let Ok(problem) = &contents.problem else {
        return Err(format!("has no own.npy, and its data cannot be read any more; {remedy}"));
    };
    if !asks_itself(problem) {
        return Err(format!("has no own.npy, and its queries are not the training examples; {remedy}"));
    }
    let mut own = Vec::with_capacity(problem.examples() * contents.values);
    for row in 0..problem.examples() {
        let column = problem.column(row);
        own.extend(attribution.values(row..row + 1, column..column + 1).map_err(|error| error.to_string())?);
    }
    Ok(own)
}

/// Whether the queries are the training examples, with the same targets where the readout takes any.
fn asks_itself(problem: &Problem) -> bool {
    let targets = !problem.spec.readout.needs_targets() || problem.query_targets.as_ref() == Some(&problem.targets);
    problem.asks_itself() && targets
}
