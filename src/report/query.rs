//! The queries of the page.

use super::chart::{number, signed};
use super::contents::Contents;
use super::example::{examples, input, targets};
use super::queries::Shown;
use super::strip::Strips;
use super::words::Words;
use crate::problem::Problem;
use maud::{Markup, html};

/// Values listed of a query.
const VALUES: usize = 12;

pub(super) fn queries(contents: &Contents, shown: &[Shown]) -> Markup {
    let words = Words::of(contents);
    let others = [
        (contents.has_decay(), "what weight decay added"),
        (contents.terms.statistics.is_some(), "what running statistics moved"),
        (contents.terms.earlier.is_some(), "what gradients from before the first step moved"),
        (contents.terms.unexplained.is_some(), "what is unexplained of the path"),
    ];
    let others: Vec<&str> = others.into_iter().filter(|(is_there, _)| *is_there).map(|(_, words)| words).collect();
    let more = if others.is_empty() { String::new() } else { format!(", and with {}", others.join(" and ")) };
    html! {
        section {
            h2 { "Queries" }
            p {
                @if let Some(order) = words.order(contents) { (order) " " }
                "An amount is what the example's share in the training added to the " (words.readout.noun()) ", "
                (words.unit()) ". Over all examples" (more) ", the amounts make up the change of the "
                (words.readout.noun()) "."
                @if let Some(meaning) = words.meaning() { " " (meaning) }
                @if let Some(listed) = &contents.listed {
                    " Of each value the run kept the " (listed.count()) " largest amounts of either sign and the sums of the others."
                }
                @if contents.attribution_positions.is_some() {
                    " The strip at an example has what each position of its targets contributed: red raised the "
                    (words.readout.noun()) ", blue lowered it."
                }
            }
            @if let Err(error) = &contents.problem {
                p class="note" { "The data cannot be read any more, so examples are shown by number: " (error.to_string()) }
            }
            @for query in shown { (one_query(contents, &words, query)) }
        }
    }
}

fn one_query(contents: &Contents, words: &Words, shown: &Shown) -> Markup {
    let predicted = contents.predicted(shown.query);
    let wrong = shown.class.zip(predicted).is_some_and(|(class, predicted)| class as usize != predicted);
    let problem = contents.problem.as_ref().ok();
    let strips = Strips::new(&shown.positions);
    let list = |moved| examples(contents, moved, signed, |place| strips.of(place));
    html! {
        article class=(if wrong { "query wrong" } else { "query" }) {
            div class="asked" {
                (input(contents, problem.map(Problem::queries), shown.query))
                p {
                    @if let Some(name) = contents.names.query(shown.query) { b { (name) } br; }
                    "query " (shown.query)
                    @if let Some(class) = shown.class { br; "class " b { (contents.class(class)) } @if wrong { ", wrong" } }
                    @if let Some(values) = problem.and_then(|own| own.query_targets.as_ref()?.reals(shown.query, own.network.outputs)) {
                        br; "y = " (targets(values))
                    }
                }
            }
            (values(contents, words, shown))
            div class="moved" {
                (sum(contents, words, shown))
                @if shown.sums.is_none() {
                    p class="note" { "kernel.attribution is off, so what each example contributed is not known." }
                }
                (list(&shown.raised))
                (list(&shown.lowered))
                @if let Some([raised, lowered]) = shown.others {
                    p class="note" { "all others: " (signed(raised)) " and " (signed(lowered)) }
                }
            }
        }
    }
}

/// The change of a value and the terms that make it up.
fn sum(contents: &Contents, words: &Words, shown: &Shown) -> Markup {
    let of = |array: &[f64]| contents.values_of(array, shown.query)[shown.value];
    let (first, last) = (of(&contents.terms.initial), of(&contents.terms.prediction));
    html! {
        p {
            "Training changed " b { (words.value(shown.value, shown.class)) } " by " (signed(last - first)) ", from "
            (number(first)) " to " (number(last))
            @if let Some([raised, lowered]) = shown.sums {
                ": " span class="up" { (signed(raised)) } " and " span class="down" { (signed(lowered)) }
                " from the examples that raised and lowered it"
            }
            @if contents.has_decay() { ", " (signed(of(&contents.terms.regularizer))) " from weight decay" }
            @if let Some(statistics) = &contents.terms.statistics { ", " (signed(of(statistics))) " from running statistics" }
            @if let Some(earlier) = &contents.terms.earlier { ", " (signed(of(earlier))) " from gradients before the first step" }
            @if let Some(unexplained) = &contents.terms.unexplained { ", " (signed(of(unexplained))) " unexplained" }
            "."
        }
    }
}

/// A query's values as bars, the largest ones where there are many; a single value before and after.
fn values(contents: &Contents, words: &Words, shown: &Shown) -> Markup {
    let last = contents.values_of(&contents.terms.prediction, shown.query);
    let rows: Vec<(String, f64, bool)> = if contents.values == 1 {
        let first = contents.values_of(&contents.terms.initial, shown.query)[0];
        vec![("before".into(), first, false), ("after".into(), last[0], true)]
    } else {
        let name = |place: usize| {
            let own = contents.names.class(place).map_or(String::new(), |name| format!(" {name}"));
            format!("{place}{own}{}", if shown.class == Some(place as u32) { " ✓" } else { "" })
        };
        places(last, shown).into_iter().map(|place| (name(place), last[place], place == shown.value)).collect()
    };
    let size = rows.iter().fold(f64::MIN_POSITIVE, |size, (_, value, _)| size.max(value.abs()));
    html! {
        table class="outputs" {
            caption { (words.readout.noun()) @if rows.len() < last.len() { ", the largest of " (last.len()) } }
            @for (name, value, chosen) in rows {
                tr class=(if chosen { "chosen" } else { "" }) {
                    th { (name) }
                    td class="bar" {
                        @let part = 50.0 * value.abs() / size;
                        @let left = if value < 0.0 { 50.0 - part } else { 50.0 };
                        span class=(if value < 0.0 { "low" } else { "high" })
                            style=(format!("left:{left:.1}%;width:{part:.1}%")) {}
                    }
                    td { (number(value)) }
                }
            }
        }
    }
}

/// The values listed: of many the one shown, that of the query's class, and the largest.
fn places(values: &[f64], shown: &Shown) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if values.len() > VALUES {
        let first = |place: usize| place == shown.value || shown.class == Some(place as u32);
        order.sort_by(|&a, &b| first(b).cmp(&first(a)).then(values[b].total_cmp(&values[a])));
        order.truncate(VALUES);
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    }
    order
}
