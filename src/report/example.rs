//! Inputs and examples in the page: as pictures, or as their first values.

use super::chart::number;
use super::picture::Image;
use crate::loss::Targets;
use crate::schedule::Inputs;
use maud::{Markup, html};

/// Values listed of an input that is no picture.
const VALUES: usize = 8;
/// Real targets listed of an example.
const TARGETS: usize = 3;

/// Some training examples, each with an amount that `say` words.
pub(super) fn examples(inputs: Option<&Inputs>, list: &[(usize, f64)], say: impl Fn(f64) -> String) -> Markup {
    let train = inputs.map(|inputs| inputs.train.as_slice());
    let class = |amount: f64| if amount < 0.0 { "down" } else { "up" };
    if list.is_empty() {
        return html! {};
    }
    if inputs.is_some_and(|inputs| Image::of_shape(&inputs.network.input).is_none()) {
        return html! {
            table class="rows" {
                @for &(place, amount) in list {
                    tr {
                        th class=(class(amount)) { (say(amount)) }
                        td { (label(inputs, place)) "no. " (place) }
                        td { (input(inputs, train, place)) }
                    }
                }
            }
        };
    }
    html! {
        div class="examples" {
            @for &(place, amount) in list {
                div class="example" {
                    (input(inputs, train, place))
                    span class=(class(amount)) { (say(amount)) }
                    small { (label(inputs, place)) "no. " (place) }
                }
            }
        }
    }
}

/// The class or the targets of a training example.
fn label(inputs: Option<&Inputs>, place: usize) -> String {
    match inputs.map(|inputs| (&inputs.targets, inputs.network.outputs)) {
        None => String::new(),
        Some((Targets::Classes(classes), _)) => format!("class {}, ", classes[place]),
        Some((Targets::Reals(all), outputs)) => format!("y = {}, ", targets(&all[place * outputs..][..outputs])),
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
pub(super) fn input(inputs: Option<&Inputs>, all: Option<&[f64]>, place: usize) -> Markup {
    let (Some(inputs), Some(all)) = (inputs, all) else {
        return html! {};
    };
    let size = inputs.network.input_len();
    let values = &all[place * size..][..size];
    if let Some(uri) = Image::of_shape(&inputs.network.input).and_then(|image| image.uri(values)) {
        return html! { img src=(uri) alt=(format!("input {place}")); };
    }
    html! {
        div class="values" { (first(values, VALUES)) }
    }
}
