//! What moved a query most, or what an example moved most.

use super::contents::Contents;
use crate::error::Error;
use crate::loss::IGNORED;
use crate::run::Names;
use crate::run::store::{Largest, Listed, Of};
use serde_json::json;
use std::path::Path;

/// Whom a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A query, whose examples are wanted.
    Query(usize),
    /// An example, whose queries are wanted.
    Example(usize),
}

/// An example that moved the query asked about, or a query that the example asked about moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Of a query its row in `attribution.npy`; of an example its number in the files of the training set, or where columns are
    /// groups its column.
    pub number: usize,
    /// The entry there: what was added to the readout, or of `influence.npy`, how the readout moves with the example's weight.
    pub amount: f64,
    /// Its class, where it is known.
    pub class: Option<u32>,
    /// Of a column that is several rows, the number of its group.
    pub group: Option<i64>,
    /// What it is called, where that is known; of several rows the first one.
    pub name: Option<String>,
    /// Of a query, the place of the readout's value that the amount was added to.
    pub output: usize,
}

impl Moved {
    /// As JSON; `names` has what classes are called.
    pub(super) fn to_json(&self, names: &Names) -> serde_json::Value {
        let Self { number, amount, class, group, name, output } = self;
        let class_name = class.and_then(|class| names.class(class as usize));
        json!({
            "number": number, "amount": amount, "class": class, "class_name": class_name, "group": group, "name": name,
            "output": output,
        })
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Top {
    /// Whom it is about.
    pub asked: Asked,
    /// What the amounts are.
    pub of: Of,
    /// What was taken apart, in the plural: "outputs".
    pub readout: &'static str,
    /// The place of the value; `None` where each query has its own.
    pub output: Option<usize>,
    /// What that place is called, where it is a class or another output that has a name.
    pub output_name: Option<String>,
    /// The readout at the first and at the last weights, where the question is about a query.
    pub change: Option<[f64; 2]>,
    /// The class of the query or the example asked about, where it is known.
    pub class: Option<u32>,
    /// Those that raised it most, the largest amount first.
    pub raised: Vec<Moved>,
    /// Those that lowered it most, the smallest amount first.
    pub lowered: Vec<Moved>,
    /// What it is called, where that is known.
    pub name: Option<String>,
    /// What classes are called.
    pub names: Names,
    /// The sums over all that raised it and over all that lowered it, listed or not.
    pub sums: [f64; 2],
    /// How many of each sign the run kept of each value, where it did not keep all. What an example moved is then known of the
    /// values in whose lists it is.
    pub kept: Option<usize>,
}

impl Top {
    /// How much of all that raised it, and of all that lowered it, the listed ones make up.
    pub fn covered(&self) -> [f64; 2] {
        let of = |list: &[Moved], sum: f64| {
            if sum == 0.0 { 1.0 } else { (list.iter().map(|moved| moved.amount).sum::<f64>() / sum).abs() }
        };
        [of(&self.raised, self.sums[0]), of(&self.lowered, self.sums[1])]
    }

    /// The answer as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        let list =
            |list: &[Moved]| list.iter().map(|moved| moved.to_json(&self.names)).collect::<Vec<serde_json::Value>>();
        let class_name = self.class.and_then(|class| self.names.class(class as usize));
        let (subject, number) = match self.asked {
            Asked::Query(query) => ("query", query),
            Asked::Example(example) => ("example", example),
        };
        let [initial, prediction] = self.change.map_or([None; 2], |change| change.map(Some));
        let [raised_by, lowered_by] = self.sums;
        json!({
            subject: number, "of": self.of.name(), "name": self.name, "class": self.class, "class_name": class_name,
            "readout": self.readout, "output": self.output, "output_name": self.output_name,
            "initial": initial, "prediction": prediction,
            "raised_by": raised_by, "lowered_by": lowered_by, "kept": self.kept,
            "raised": list(&self.raised), "lowered": list(&self.lowered),
        })
    }
}

/// The `count` examples that raised a query most and as many that lowered it, or the queries that an example moved most.
///
/// `output` is the place of the readout's value, from 0. Without it a query's value is the one that its report shows: of
/// classes the predicted one, of others the one that training moved most. Reads one row, or one column, of the attribution or the influence,
/// or of what a run kept of it.
///
/// # Errors
///
/// A directory without a finished run or without such amounts, a damaged file, an override that does not fit, or a number beyond
/// the arrays.
pub fn top(
    directory: &Path,
    overrides: &[String],
    (asked, of): (Asked, Of),
    output: Option<usize>,
    count: usize,
) -> Result<Top, Error> {
    let contents = Contents::read(directory, overrides)?;
    let wrong = |problem: String| Error::Input(format!("{}: {problem}", directory.display()));
    if !contents.knows(of) {
        let name = of.name();
        return Err(wrong(format!("has no {name}; run it again with kernel.{name}=true")));
    }
    let asked = match asked {
        Asked::Query(number) if number < contents.queries => asked,
        Asked::Query(number) => {
            let last = contents.queries - 1;
            return Err(wrong(format!("has no query {number}; they are numbered from 0 to {last}")));
        }
        Asked::Example(number) => Asked::Example(contents.column(number).map_err(wrong)?),
    };
    let values = contents.values;
    if let Some(output) = output.filter(|&output| output >= values) {
        let last = values - 1;
        return Err(wrong(format!("has no output {output}; its readout's values are numbered from 0 to {last}")));
    }
    let value = |query: usize| output.unwrap_or_else(|| contents.shown_value(query));
    let found = match asked {
        Asked::Query(query) => contents.largest(of, query, value(query), count)?.unwrap_or_default(),
        Asked::Example(example) => Largest::of(&column(&contents, of, example, &value)?, count),
    };
    let groups = contents.problem.as_ref().ok().and_then(|problem| problem.groups.as_ref());
    let known = |class: &u32| *class != IGNORED;
    let query_class = |query: usize| contents.query_classes().map(|classes| classes[query]).filter(known);
    let example_class = |example: usize| contents.example_classes().map(|classes| classes[example]).filter(known);
    let example_name = |example: usize| contents.names.example(contents.row(example)).map(str::to_owned);
    let query_name = |query: usize| contents.names.query(query).map(str::to_owned);
    let moved = |(number, amount): (usize, f64)| match asked {
        Asked::Query(query) => {
            let group = groups.and_then(|groups| groups.number(number));
            let name = example_name(number);
            Moved {
                number: contents.number(number),
                amount,
                class: example_class(number),
                group,
                name,
                output: value(query),
            }
        }
        Asked::Example(_) => {
            let (class, name) = (query_class(number), query_name(number));
            Moved { number, amount, class, group: None, name, output: value(number) }
        }
    };
    let (sums, kept) = (found.sums(), contents.amounts(of).1.map(Listed::count));
    let [raised, lowered] = found.lists.map(|list| list.into_iter().map(moved).collect());
    let (output, change, class, name) = match asked {
        Asked::Query(query) => {
            let of = |array| contents.values_of(array, query)[value(query)];
            let change = [of(&contents.terms.initial), of(&contents.terms.prediction)];
            (Some(value(query)), Some(change), query_class(query), query_name(query))
        }
        Asked::Example(example) => (output, None, example_class(example), example_name(example)),
    };
    let readout = contents.run_file.kernel.readout;
    let output_name = output.filter(|_| readout.is_per_output()).and_then(|output| contents.names.class(output));
    let (readout, output_name) = (readout.noun(), output_name.map(str::to_owned));
    let names = contents.names.clone();
    let asked = if let Asked::Example(column) = asked { Asked::Example(contents.number(column)) } else { asked };
    Ok(Top { asked, of, readout, output, output_name, change, class, name, names, raised, lowered, sums, kept })
}

/// The amount of an example for a value of each query, as far as it is known.
fn column(
    contents: &Contents,
    of: Of,
    example: usize,
    value: &dyn Fn(usize) -> usize,
) -> Result<Vec<(usize, f64)>, Error> {
    if let (Some(whole), _) = contents.amounts(of) {
        let column = whole.values(0..contents.queries, example..example + 1)?;
        let own = column.chunks_exact(contents.values).enumerate();
        return Ok(own.map(|(query, own)| (query, own[value(query)])).collect());
    }
    let mut known = Vec::new();
    for query in 0..contents.queries {
        let own = contents.largest(of, query, value(query), usize::MAX)?.unwrap_or_default();
        known.extend(own.lists.iter().flatten().filter(|(own, _)| *own == example).map(|&(_, amount)| (query, amount)));
    }
    Ok(known)
}
