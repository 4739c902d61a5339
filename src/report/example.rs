//! Inputs and examples in the page: as pictures, or as their first values.

use super::chart::number;
use super::contents::Contents;
use super::picture::Image;
use crate::loss::IGNORED;
use crate::problem::Problem;
use maud::{Markup, html};

/// Values listed of an input that is no picture.
const VALUES: usize = 8;
/// Real targets listed of an example.
const TARGETS: usize = 3;

/// Some training examples, each with an amount that `say` words, and what `more` says of it.
pub(super) fn examples(
    contents: &Contents,
    list: &[(usize, f64)],
    say: impl Fn(f64) -> String,
    more: impl Fn(usize) -> Markup,
) -> Markup {
    let problem = contents.problem.as_ref().ok();
    let shown = |column: usize| contents.excluded.number(row(problem, column));
    let train = problem.map(|problem| problem.inputs.as_slice());
    let class = |amount: f64| if amount < 0.0 { "down" } else { "up" };
    if list.is_empty() {
        return html! {};
    }
    if problem.is_some_and(|problem| Image::of_shape(&problem.network.input).is_none()) {
        return html! {
            table class="rows" {
                @for &(place, amount) in list {
                    tr {
                        th class=(class(amount)) { (say(amount)) }
                        td { (label(problem, place)) "no. " (shown(place)) }
                        td { (input(problem, train, row(problem, place))) (more(place)) }
                    }
                }
            }
        };
    }
    html! {
        div class="examples" {
            @for &(place, amount) in list {
                div class="example" {
                    (input(problem, train, row(problem, place)))
                    (more(place))
                    span class=(class(amount)) { (say(amount)) }
                    small { (label(problem, place)) "no. " (shown(place)) }
                }
            }
        }
    }
}

/// The first row of a column, which is shown for all.
fn row(problem: Option<&Problem>, column: usize) -> usize {
    problem.and_then(|problem| problem.groups.as_ref()?.first_row(column)).unwrap_or(column)
}

/// What a column of the arrays is, from its first row: its group, or the class or the targets of a training example.
fn label(problem: Option<&Problem>, column: usize) -> String {
    let Some(Problem { targets: known, network, groups, .. }) = problem else { return String::new() };
    if let Some(number) = groups.as_ref().and_then(|groups| groups.number(column)) {
        return format!("group {number}, from ");
    }
    let place = column;
    let class = problem.and_then(|problem| known.classes(problem.examples())?.get(place));
    match (class, known.reals(place, network.outputs)) {
        (Some(&IGNORED), _) => String::new(),
        (Some(class), _) => format!("class {class}, "),
        (None, Some(values)) => format!("y = {}, ", targets(values)),
        (None, None) => String::new(),
    }
}

/// Real targets, the first of many.
pub(super) fn targets(values: &[f64]) -> String {
    first(values, TARGETS)
}

/// The first few of some numbers.
fn first(values: &[f64], most: usize) -> String {
    let shown: Vec<String> = values.iter().take(most).map(|&value| number(value)).collect();
    format!("{}{}", shown.join(" "), if values.len() > most { " …" } else { "" })
}

/// An input: its picture, or its first values.
pub(super) fn input(problem: Option<&Problem>, all: Option<&[f64]>, place: usize) -> Markup {
    let (Some(problem), Some(all)) = (problem, all) else {
        return html! {};
    };
    let size = problem.network.input_len();
    let values = &all[place * size..][..size];
    if let Some(uri) = Image::of_shape(&problem.network.input).and_then(|image| image.uri(values)) {
        return html! { img src=(uri) alt=(format!("input {place}")); };
    }
    html! {
        div class="values" { (first(values, VALUES)) }
    }
}
