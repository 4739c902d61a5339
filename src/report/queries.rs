//! Which queries a report shows, and which examples with them.

use super::contents::Contents;
use crate::schedule::Targets;

/// Queries shown.
const SHOWN: usize = 12;
/// Examples shown of each sign.
const EXAMPLES: usize = 6;

/// One query, and what moved one of its outputs most.
pub(super) struct Shown {
    pub query: usize,
    /// The output whose attribution is shown.
    pub output: usize,
    /// The query's class, where it is known.
    pub class: Option<u32>,
    /// The examples that raised the output most, and those that lowered it most, each with its amount.
    pub raised: Vec<(usize, f64)>,
    pub lowered: Vec<(usize, f64)>,
    /// The sum over the examples that raised the output, and over those that lowered it.
    pub sums: (f64, f64),
}

/// A dozen queries: those that the network gets most wrong first, then others, evenly spread.
pub(super) fn shown(contents: &Contents) -> Vec<Shown> {
    let mut order = wrong(contents);
    order.truncate(SHOWN);
    let rest: Vec<usize> = (0..contents.queries).filter(|query| !order.contains(query)).collect();
    let wanted = (SHOWN - order.len()).min(rest.len());
    order.extend((0..wanted).map(|place| rest[place * rest.len() / wanted]));
    order.into_iter().map(|query| show(contents, query)).collect()
}

/// Queries whose class is not the largest output; of real targets, all, the largest error first.
fn wrong(contents: &Contents) -> Vec<usize> {
    if let Some(classes) = contents.query_classes() {
        return (0..contents.queries).filter(|&query| contents.predicted(query) != classes[query] as usize).collect();
    }
    let Some(Targets::Reals(targets)) = contents.inputs.as_ref().ok().and_then(|inputs| inputs.query_targets.as_ref())
    else {
        return Vec::new();
    };
    let error = |query: usize| -> f64 {
        let pairs = contents.outputs_of(&contents.prediction, query).iter().zip(contents.outputs_of(targets, query));
        pairs.map(|(f, y)| (f - y).powi(2)).sum()
    };
    let mut order: Vec<(f64, usize)> = (0..contents.queries).map(|query| (error(query), query)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    order.into_iter().map(|(_, query)| query).collect()
}

fn show(contents: &Contents, query: usize) -> Shown {
    // Of classes the predicted one; of other outputs the one that training moved most.
    let output = if contents.example_classes().is_some() {
        contents.predicted(query)
    } else {
        let last = contents.outputs_of(&contents.prediction, query);
        let change =
            last.iter().zip(contents.outputs_of(&contents.initial, query)).map(|(last, first)| (last - first).abs());
        super::contents::largest(&change.collect::<Vec<_>>())
    };
    let mut amounts: Vec<(usize, f64)> = match &contents.attribution {
        None => Vec::new(),
        Some(attribution) => {
            let row = attribution.row(query);
            row.into_iter().skip(output).step_by(contents.outputs.max(1)).enumerate().collect()
        }
    };
    let sum = |sign: f64| amounts.iter().map(|&(_, amount)| amount).filter(|amount| amount * sign > 0.0).sum();
    let sums = (sum(1.0), sum(-1.0));
    amounts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let raised = amounts.iter().copied().take(EXAMPLES).filter(|&(_, amount)| amount > 0.0).collect();
    let lowered = amounts.iter().rev().copied().take(EXAMPLES).filter(|&(_, amount)| amount < 0.0).collect();
    let class = contents.query_classes().map(|classes| classes[query]);
    Shown { query, output, class, raised, lowered, sums }
}
