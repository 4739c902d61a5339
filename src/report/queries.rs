//! Which queries a report shows, and which examples with them.

use super::contents::Contents;
use crate::error::Error;
use crate::run::store::Largest;
use std::collections::BTreeMap;

/// Queries shown.
const SHOWN: usize = 12;
/// Examples shown of each sign.
const EXAMPLES: usize = 6;

/// One query, and what moved one of its values most.
pub(super) struct Shown {
    pub query: usize,
    /// The value whose attribution is shown.
    pub value: usize,
    /// The query's class, where it is known.
    pub class: Option<u32>,
    /// The examples that raised the value most, and those that lowered it most, each with its amount.
    pub raised: Vec<(usize, f64)>,
    pub lowered: Vec<(usize, f64)>,
    /// Of these examples, what each position of their targets contributed, where that is known.
    pub positions: BTreeMap<usize, Vec<f64>>,
    /// What all examples that raised the value add up to, and all that lowered it, where attributions are known.
    pub sums: Option<[f64; 2]>,
    /// The same of those that are not shown.
    pub others: Option<[f64; 2]>,
}

/// A dozen queries: those that the network gets wrong first, or where wrong is a matter of degree some of the worst; then
/// others, evenly spread.
///
/// # Errors
///
/// An attribution that cannot be read.
pub(super) fn shown(contents: &Contents) -> Result<Vec<Shown>, Error> {
    let mut order = match misread(contents) {
        Some(wrong) => wrong.into_iter().take(SHOWN).collect(),
        None => worst(contents).into_iter().take(SHOWN / 2).collect::<Vec<_>>(),
    };
    let rest: Vec<usize> = (0..contents.queries).filter(|query| !order.contains(query)).collect();
    let wanted = (SHOWN - order.len()).min(rest.len());
    order.extend((0..wanted).map(|place| rest[place * rest.len() / wanted]));
    order.into_iter().map(|query| show(contents, query)).collect()
}

/// Queries whose class is not the predicted one, where there are classes and predictions of them.
fn misread(contents: &Contents) -> Option<Vec<usize>> {
    let classes = contents.query_classes()?;
    let wrong = |query: usize| Some((contents.predicted(query)? != classes[query] as usize).then_some(query));
    let found = (0..contents.queries).map(wrong).collect::<Option<Vec<Option<usize>>>>()?;
    Some(found.into_iter().flatten().collect())
}

/// All queries, the worst first; none where nobody knows.
fn worst(contents: &Contents) -> Vec<usize> {
    let Some(badness) = (0..contents.queries).map(|query| badness(contents, query)).collect::<Option<Vec<f64>>>()
    else {
        return Vec::new();
    };
    let mut order: Vec<usize> = (0..contents.queries).collect();
    order.sort_by(|&a, &b| badness[b].total_cmp(&badness[a]));
    order
}

/// How far a query is from what it should be.
fn badness(contents: &Contents, query: usize) -> Option<f64> {
    let values = contents.values_of(&contents.terms.prediction, query);
    let problem = contents.problem.as_ref().ok();
    let targets = problem.and_then(|problem| problem.query_targets.as_ref()?.reals(query, problem.network.outputs));
    contents.run_file.kernel.readout.badness(contents.run_file.training.loss, values, targets)
}

fn show(contents: &Contents, query: usize) -> Result<Shown, Error> {
    let value = contents.shown_value(query);
    let found = contents.largest(query, value, EXAMPLES)?;
    let (sums, others) = (found.as_ref().map(Largest::sums), found.as_ref().map(Largest::rest));
    let [raised, lowered] = found.unwrap_or_default().lists;
    let positions = positions(contents, query, value, raised.iter().chain(&lowered).map(|&(example, _)| example))?;
    let class = contents.query_classes().map(|classes| classes[query]);
    Ok(Shown { query, value, class, raised, lowered, positions, sums, others })
}

/// What the positions of some examples contributed to a value of a query.
fn positions(
    contents: &Contents,
    query: usize,
    value: usize,
    examples: impl Iterator<Item = usize>,
) -> Result<BTreeMap<usize, Vec<f64>>, Error> {
    let Some(array) = &contents.attribution_positions else { return Ok(BTreeMap::new()) };
    let count = array.entry() / contents.values.max(1);
    let of = |example: usize| {
        let pair = array.values(query..query + 1, example..example + 1)?;
        Ok((example, pair.into_iter().skip(value * count).take(count).collect()))
    };
    examples.map(of).collect()
}
