//! The page.

use super::chart::{Axes, Scale, agreement, curve, number};
use super::contents::Contents;
use super::heat::heat;
use super::picture::Image;
use super::queries::{Shown, shown};
use crate::schedule::{Inputs, Targets};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Outputs listed of a query.
const OUTPUTS: usize = 12;
/// Values listed of an input that is no picture.
const VALUES: usize = 8;
/// Real targets listed of an example.
const TARGETS: usize = 3;

/// The whole report.
pub(super) fn page(contents: &Contents) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Path kernel of " (contents.name) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    h1 { "Path kernel of " span class="run" { (contents.name) } }
                    p { "Every prediction of the trained network, taken apart into what each training example contributed." }
                }
                (figures(contents))
                (training(contents))
                (exactness(contents))
                (queries(contents))
                (kernel(contents))
                footer { "pathkernel " (text(contents, "version")) ", on " (text(contents, "device")) }
            }
        }
    }
}

fn text<'a>(contents: &'a Contents, key: &str) -> &'a str {
    contents.summary[key].as_str().unwrap_or_default()
}

/// The run in a few numbers.
fn figures(contents: &Contents) -> Markup {
    let shape = |key: &str| contents.summary["shapes"][key].as_u64().unwrap_or(0);
    let seconds = |key: &str| contents.summary["seconds"][key].as_f64().unwrap_or(0.0);
    let largest = contents.summary["largest_relative_residual"].as_f64().unwrap_or(0.0);
    let figure = |value: String, name: &str| html! { div class="figure" { b { (value) } span { (name) } } };
    html! {
        section class="figures" {
            (figure(shape("examples").to_string(), "training examples"))
            (figure(shape("queries").to_string(), "queries"))
            (figure(shape("parameters").to_string(), "trained numbers"))
            (figure(shape("steps").to_string(), "steps"))
            @if let Some(accuracy) = contents.summary["query_accuracy"].as_f64() {
                (figure(format!("{:.1}%", 100.0 * accuracy), "of the queries right"))
            }
            (figure(number(largest), "largest residual, of the change in output"))
            (figure(format!("{:.1} s", seconds("train") + seconds("integrate")), "training and integrating"))
        }
    }
}

fn training(contents: &Contents) -> Markup {
    let losses: Vec<f64> = contents.metrics.iter().map(|line| line.loss).collect();
    let accuracies: Option<Vec<f64>> = contents.metrics.iter().map(|line| line.accuracy).collect();
    html! {
        section {
            h2 { "Training" }
            div class="charts" {
                figure {
                    (curve(&Axes { across: "step", up: "loss", scale: Scale::Linear }, &losses))
                    figcaption { "Loss of each step's batch, before its update." }
                }
                @if let Some(accuracies) = accuracies.filter(|found| !found.is_empty()) {
                    figure {
                        (curve(&Axes { across: "step", up: "accuracy", scale: Scale::Linear }, &accuracies))
                        figcaption { "Share of each step's batch that the network has right." }
                    }
                }
            }
        }
    }
}

fn exactness(contents: &Contents) -> Markup {
    let points: Vec<(f64, f64)> =
        contents.prediction.iter().zip(&contents.residual).map(|(&f, &rest)| (f, f - rest)).collect();
    let residuals: Vec<f64> = contents.metrics.iter().map(|line| line.residual).collect();
    let scatter = Axes { across: "prediction of the network", up: "kernel machine", scale: Scale::Linear };
    let steps = Axes { across: "step", up: "residual", scale: Scale::Logarithmic };
    html! {
        section {
            h2 { "How exact it is" }
            p {
                "The kernel machine is the first output, plus what every example contributed along the path, plus what \
                 weight decay added. What it misses of the prediction is the residual: the error of the quadrature and \
                 of the arithmetic."
            }
            div class="charts" {
                figure {
                    (agreement(&scatter, &points))
                    figcaption { "Each point is one output of one query; exact ones lie on the diagonal." }
                }
                figure {
                    (curve(&steps, &residuals))
                    figcaption { "The largest residual of each step, over all queries and outputs." }
                }
            }
        }
    }
}

fn queries(contents: &Contents) -> Markup {
    let shown = shown(contents);
    html! {
        section {
            h2 { "Queries" }
            p {
                @if contents.query_classes().is_some() { "Those that the network gets wrong come first. " }
                "An amount is what the example's share in the training added to the output, in the output's own unit; \
                 over all examples, and with what weight decay added, the amounts make up the change of the output."
            }
            @if let Err(error) = &contents.inputs {
                p class="note" { "The data cannot be read any more, so examples are shown by number: " (error.to_string()) }
            }
            @for query in &shown { (one_query(contents, query)) }
        }
    }
}

fn one_query(contents: &Contents, shown: &Shown) -> Markup {
    let wrong = shown.class.is_some_and(|class| class as usize != contents.predicted(shown.query));
    let inputs = contents.inputs.as_ref().ok();
    let change = contents.outputs_of(&contents.prediction, shown.query)[shown.output]
        - contents.outputs_of(&contents.initial, shown.query)[shown.output];
    html! {
        article class=(if wrong { "query wrong" } else { "query" }) {
            div class="asked" {
                (example(inputs, inputs.map(Inputs::queries), shown.query))
                p {
                    "query " (shown.query)
                    @if let Some(class) = shown.class { br; "class " b { (class) } @if wrong { ", wrong" } }
                    @if let Some(Targets::Reals(all)) = inputs.and_then(|inputs| inputs.query_targets.as_ref()) {
                        br; "y = " (first(contents.outputs_of(all, shown.query), TARGETS))
                    }
                }
            }
            (outputs(contents, shown))
            div class="moved" {
                p {
                    "Output " b { (shown.output) } " changed by " (number(change)) " in training: "
                    span class="up" { (signed(shown.sums.0)) } " and " span class="down" { (signed(shown.sums.1)) }
                    " from the examples that raised and lowered it."
                }
                @if contents.attribution.is_none() {
                    p class="note" { "kernel.attribution is off, so what each example contributed is not known." }
                }
                (examples(contents, &shown.raised))
                (examples(contents, &shown.lowered))
            }
        }
    }
}

/// A query's outputs as bars, the largest ones where there are many.
fn outputs(contents: &Contents, shown: &Shown) -> Markup {
    let values = contents.outputs_of(&contents.prediction, shown.query);
    let mut order: Vec<usize> = (0..values.len()).collect();
    if values.len() > OUTPUTS {
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        order.truncate(OUTPUTS);
    }
    let size = values.iter().fold(f64::MIN_POSITIVE, |size, value| size.max(value.abs()));
    html! {
        table class="outputs" {
            @for output in order {
                tr class=(if output == shown.output { "chosen" } else { "" }) {
                    th { (output) @if shown.class == Some(output as u32) { " ✓" } }
                    td class="bar" {
                        @let part = 50.0 * values[output].abs() / size;
                        @let left = if values[output] < 0.0 { 50.0 - part } else { 50.0 };
                        span class=(if values[output] < 0.0 { "low" } else { "high" })
                            style=(format!("left:{left:.1}%;width:{part:.1}%")) {}
                    }
                    td { (number(values[output])) }
                }
            }
        }
    }
}

fn examples(contents: &Contents, list: &[(usize, f64)]) -> Markup {
    let inputs = contents.inputs.as_ref().ok();
    if inputs.is_some_and(|inputs| Image::of_shape(&inputs.network.input).is_none()) {
        return rows(inputs, list);
    }
    html! {
        div class="examples" {
            @for &(place, amount) in list {
                div class="example" {
                    (example(inputs, inputs.map(|inputs| inputs.train.as_slice()), place))
                    span class=(if amount < 0.0 { "down" } else { "up" }) { (signed(amount)) }
                    small { (label(inputs, place)) "no. " (place) }
                }
            }
        }
    }
}

/// Examples that are no pictures, a row each.
fn rows(inputs: Option<&Inputs>, list: &[(usize, f64)]) -> Markup {
    html! {
        table class="rows" {
            @for &(place, amount) in list {
                tr {
                    th class=(if amount < 0.0 { "down" } else { "up" }) { (signed(amount)) }
                    td { (label(inputs, place)) "no. " (place) }
                    td { (example(inputs, inputs.map(|inputs| inputs.train.as_slice()), place)) }
                }
            }
        }
    }
}

/// The first few of some numbers.
fn first(values: &[f64], most: usize) -> String {
    let shown: Vec<String> = values.iter().take(most).map(|&value| number(value)).collect();
    format!("{}{}", shown.join(" "), if values.len() > most { " …" } else { "" })
}

fn signed(amount: f64) -> String {
    if amount < 0.0 { format!("−{}", number(-amount)) } else { format!("+{}", number(amount)) }
}

/// The class or the targets of a training example.
fn label(inputs: Option<&Inputs>, place: usize) -> String {
    match inputs.map(|inputs| (&inputs.targets, inputs.network.outputs)) {
        None => String::new(),
        Some((Targets::Classes(classes), _)) => format!("class {}, ", classes[place]),
        Some((Targets::Reals(values), outputs)) => {
            format!("y = {}, ", first(&values[place * outputs..][..outputs], TARGETS))
        }
    }
}

/// An input: its picture, or its first values.
fn example(inputs: Option<&Inputs>, all: Option<&[f64]>, place: usize) -> Markup {
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

fn kernel(contents: &Contents) -> Markup {
    let map = contents.kernel.as_ref().and_then(|kernel| heat(contents, kernel));
    html! {
        @if let Some(map) = map {
            section {
                h2 { "Path kernel" }
                p {
                    "How alike the network found a query and an example, over the whole training: the mean over outputs. \
                     Of many queries and examples, evenly spread ones are shown."
                }
                (map)
            }
        }
    }
}
