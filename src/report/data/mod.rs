/*!
What the page's program knows: words as JSON, and numbers as bytes.

Whatever a page holds has a size that it does not exceed. Where not all fits, the worst queries and the examples that matter most are
kept, and the page says so.
*/

mod blob;
mod candidates;
mod curves;
mod details;
mod examples;
mod heat;
mod inputs;
mod labels;
mod moved;
mod order;
mod picture;
mod queries;
mod question;
mod split;
mod weights;

use super::contents::Contents;
use super::self_influence::Own;
use super::words::Words;
use crate::error::Error;
use crate::run::store::{Listed, Of};
use crate::run::verdict::Certified;
use blob::Blob;
use details::Details;
use examples::Examples;
use labels::Labels;
use order::{Order, worst_first};
use queries::Queries;
use serde_json::{Value, json};

/// Stands for what there is not, among whole numbers of the page.
pub(super) const NONE: u32 = u32::MAX;
/// Letters of a name or an answer.
const LETTERS: usize = 60;
/// Examples that are listed as doing most to themselves.
const SUSPECTS: usize = 60;
/// Bytes of what is said of single queries, of examples, of the inputs of either, and queries that are listed: in letters, four
/// for three, and with the rest all of a page is less than 20 MB.
const OF_QUERIES: usize = 6 << 20;
const OF_EXAMPLES: usize = 3 << 20;
const OF_INPUTS: usize = 2 << 20;
const LISTED: usize = 30_000;

/// Everything that the page's program knows.
pub(super) struct Data {
    /// What it calls things, and where numbers lie.
    pub words: Value,
    /// The numbers, packed and in letters.
    pub numbers: String,
}

impl Data {
    /// Of a finished run.
    ///
    /// # Errors
    ///
    /// Arrays of pairs that cannot be read.
    pub fn read(contents: &Contents) -> Result<Self, Error> {
        let mut blob = Blob::default();
        let labels = Labels::read(contents);
        let order = Order::of(contents);
        let worst = worst_first(contents.queries, order.as_ref());
        let details = Details::read(contents, labels.as_ref(), &worst, OF_QUERIES)?;
        let own = Own::read(contents, None).ok();
        let examples = Examples { contents, details: &details, labels: labels.as_ref(), own: own.as_ref() };
        let queries =
            Queries { contents, details: &details, order: order.as_ref(), listed: &worst[..worst.len().min(LISTED)] };
        let words = json!({
            "run": run(contents),
            "queries": queries.put(&mut blob, OF_INPUTS),
            "details": queries.details(&mut blob),
            "examples": examples.put(&mut blob, OF_EXAMPLES, OF_INPUTS),
            "suspects": own.as_ref().map(|own| own.json(contents, SUSPECTS)),
            "curves": curves::curves(&mut blob, contents),
            "agreement": curves::agreement(&mut blob, contents),
            "heat": contents.kernel.as_ref().map(|kernel| heat::heat(&mut blob, contents, kernel)).transpose()?,
            "weights": weights::weights(contents),
        });
        Ok(Self { words, numbers: blob.letters()? })
    }
}

/// What belongs to the run.
fn run(contents: &Contents) -> Value {
    let words = Words::of(contents);
    json!({
        "name": contents.name,
        "readout": words.readout.noun(),
        "compete": contents.compete(),
        "two_classes": contents.problem.as_ref().is_ok_and(|problem| contents.two_classes(&problem.targets).is_some()),
        "examples": contents.examples,
        "queries": contents.queries,
        "values": contents.values,
        "steps": contents.metrics.len(),
        "step": contents.step(),
        "more": Words::others(contents),
        "windows": contents.run_file.kernel.windows,
        "class_names": contents.run_file.report.class_names,
        "known": Of::ALL.into_iter().filter(|&of| contents.knows(of)).map(Of::name).collect::<Vec<_>>(),
        "whole": contents.is_whole(),
        "listed": contents.listed.as_ref().or(contents.listed_influence.as_ref()).map(Listed::count),
        "influence": Certified::of_summary(&contents.summary).map(|Certified { certainty, because }| json!({
            "certainty": certainty.name(),
            "because": because,
            "warnings": contents.influence_warnings(),
        })),
        "influence_weight": contents.run_file.kernel.influence.map(|influence| influence.weight),
        "grouped": contents.run_file.data.groups.is_some(),
        "data": contents.problem.as_ref().err().map(ToString::to_string),
    })
}

/// Something of each kind of amounts, by its name.
fn of_each(of: impl FnMut(Of) -> Option<Value>) -> Value {
    Of::ALL.map(Of::name).into_iter().map(str::to_owned).zip(Of::ALL.map(of)).collect()
}

/// As much of a name or an answer as a page shows.
fn first_letters(text: &str) -> String {
    text.chars().take(LETTERS).collect()
}

/// Where the parts of a list begin, and where the last one ends.
fn starts(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut found = vec![0];
    for length in lengths {
        found.push(found[found.len() - 1] + length);
    }
    found
}
