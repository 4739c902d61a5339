//! Inputs and examples in the page: as pictures, as text, or as their first values.

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
/// Letters shown of a text.
const LETTERS: usize = 300;

/// Some training examples, each with an amount that `say` words, and what `more` says of it.
pub(super) fn examples(
    contents: &Contents,
    list: &[(usize, f64)],
    say: impl Fn(f64) -> String,
    more: impl Fn(usize) -> Markup,
) -> Markup {
    let problem = contents.problem.as_ref().ok();
    let train = problem.map(|problem| problem.inputs.as_slice());
    let class = |amount: f64| if amount < 0.0 { "down" } else { "up" };
    if list.is_empty() {
        return html! {};
    }
    if problem.is_some() && image(contents).is_none() {
        return html! {
            table class="rows" {
                @for &(place, amount) in list {
                    tr {
                        th class=(class(amount)) { (say(amount)) }
                        td { (label(contents, place)) }
                        td { (input(contents, train, contents.row(place))) (more(place)) }
                    }
                }
            }
        };
    }
    html! {
        div class="examples" {
            @for &(place, amount) in list {
                div class="example" {
                    (input(contents, train, contents.row(place)))
                    (more(place))
                    span class=(class(amount)) { (say(amount)) }
                    small { (label(contents, place)) }
                }
            }
        }
    }
}

/// What a column of the arrays is, from its first row: its group, or the class or the targets of a training example; and what
/// that row is called.
fn label(contents: &Contents, column: usize) -> String {
    let kind = contents.problem.as_ref().ok().map(|problem| kind(contents, problem, column));
    let row = contents.row(column);
    let name = contents.names.example(row).map_or(String::new(), |name| format!("{name}, "));
    format!("{}{name}no. {}", kind.unwrap_or_default(), contents.excluded.number(row))
}

/// The group of a column, or the class or the targets of its example.
fn kind(contents: &Contents, problem: &Problem, column: usize) -> String {
    let Problem { targets: known, network, groups, .. } = problem;
    if let Some(number) = groups.as_ref().and_then(|groups| groups.number(column)) {
        return format!("group {number}, from ");
    }
    let class = known.classes(problem.examples()).and_then(|classes| classes.get(column));
    match (class, known.reals(column, network.outputs)) {
        (Some(&IGNORED), _) => String::new(),
        (Some(&class), _) => format!("class {}, ", contents.class(class)),
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

/// How inputs are drawn, where they are pictures.
fn image(contents: &Contents) -> Option<Image> {
    let network = &contents.problem.as_ref().ok()?.network;
    // A shape that inputs do not have was warned of.
    let fits = |shape: &&[usize]| {
        shape.iter().try_fold(1usize, |all, &side| all.checked_mul(side)) == Some(network.input_len())
    };
    let asked = contents.run_file.report.shape.as_deref().filter(fits);
    // Tokens are text.
    let own = asked.or(Some(network.input.as_slice()).filter(|_| contents.run_file.report.vocabulary.is_none()));
    own.and_then(Image::of_shape)
}

/// An input: its picture, its text, or its first values.
pub(super) fn input(contents: &Contents, all: Option<&[f64]>, place: usize) -> Markup {
    let (Ok(problem), Some(all)) = (&contents.problem, all) else {
        return html! {};
    };
    let size = problem.network.input_len();
    let values = &all[place * size..][..size];
    if let Some(uri) = image(contents).and_then(|image| image.uri(values)) {
        return html! { img src=(uri) alt=(format!("input {place}")); };
    }
    if let Some(texts) = contents.names.texts(&problem.network, values) {
        return html! {
            @for (name, text) in texts {
                div class="text" {
                    @if let Some(name) = name.filter(|_| problem.network.inputs.len() > 1) { small { (name) " " } }
                    (beginning(text.trim()))
                }
            }
        };
    }
    html! {
        div class="values" { (first(values, VALUES)) }
    }
}

/// The first letters of a text.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}
