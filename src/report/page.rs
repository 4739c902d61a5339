//! The page.

use super::chart::{Axes, Scale, curve, number};
use super::contents::Contents;
use super::exactness::exactness;
use super::heat::heat;
use super::queries::shown;
use super::query::queries;
use super::superposition::superposition;
use super::words::Words;
use crate::error::Error;
use crate::run::verdict::Verdict;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The whole report.
///
/// # Errors
///
/// Arrays of pairs that cannot be read.
pub(super) fn page(contents: &Contents) -> Result<Markup, Error> {
    let shown = shown(contents)?;
    let map = contents.kernel.as_ref().map(|kernel| heat(contents, kernel)).transpose()?.flatten();
    Ok(html! {
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
                    p { (Words::of(contents).subject()) ", taken apart into what each training example contributed." }
                }
                (verdict(contents))
                (figures(contents))
                (training(contents))
                (exactness(contents))
                (queries(contents, &shown))
                (superposition(contents))
                (kernel(contents, map))
                footer { "pathkernel " (text(contents, "version")) ", on " (text(contents, "device")) }
            }
        }
    })
}

fn text<'a>(contents: &'a Contents, key: &str) -> &'a str {
    contents.summary[key].as_str().unwrap_or_default()
}

/// Whether the run is exact, and why not.
fn verdict(contents: &Contents) -> Markup {
    let Some(verdict) = Verdict::named(text(contents, "verdict")) else { return html! {} };
    html! {
        section class=(format!("verdict {}", verdict.name())) {
            b { (verdict.title()) }
            p { (capital(text(contents, "because"))) "." }
        }
    }
}

/// A sentence with a capital letter.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The run in a few numbers.
fn figures(contents: &Contents) -> Markup {
    let shape = |key: &str| contents.summary["shapes"][key].as_u64().unwrap_or(0);
    let seconds = |key: &str| contents.summary["seconds"][key].as_f64().unwrap_or(0.0);
    // JSON holds no number that is not finite.
    let share = |value: &serde_json::Value| number(value.as_f64().unwrap_or(f64::NAN));
    let of = format!("of the largest change in {}", Words::of(contents).readout.noun());
    let figure = |value: String, name: &str| html! { div class="figure" { b { (value) } span { (name) } } };
    html! {
        section class="figures" {
            (figure(shape("examples").to_string(), "training examples"))
            (figure(shape("queries").to_string(), "queries"))
            (figure(shape("parameters").to_string(), "trained numbers"))
            (figure(shape("steps").to_string(), contents.step().1))
            @if let Some(accuracy) = contents.summary["query_accuracy"].as_f64() {
                (figure(format!("{:.1}%", 100.0 * accuracy), "of the queries right"))
            }
            @if contents.terms.unexplained.is_some() {
                (figure(share(&contents.summary["largest_relative_unexplained"]), &format!("unexplained, {of}")))
            }
            (figure(share(&contents.summary["largest_relative_residual"]), &format!("largest residual, {of}")))
            (figure(format!("{:.1} s", seconds("train") + seconds("integrate")), "training and integrating"))
        }
    }
}

fn training(contents: &Contents) -> Markup {
    let (across, _) = contents.step();
    let losses: Vec<f64> = contents.metrics.iter().map(|line| line.loss.unwrap_or(f64::NAN)).collect();
    let accuracies: Option<Vec<f64>> = contents.metrics.iter().map(|line| line.accuracy).collect();
    let training = &contents.run_file.training;
    let whole = training.batch_size.is_none() && training.batches.is_none();
    let batch = if whole { "all examples" } else { "the step's batch" };
    html! {
        section {
            h2 { "Training" }
            p { "Path: " (contents.run_file.path_words()) "." br; "Integral: " (contents.run_file.integral_words()) "." }
            div class="charts" {
                figure {
                    (curve(&Axes { across, up: "loss", scale: Scale::Linear }, &losses))
                    figcaption { "Loss of " (batch) ", before each step." }
                }
                @if let Some(accuracies) = accuracies.filter(|found| !found.is_empty()) {
                    figure {
                        (curve(&Axes { across, up: "accuracy", scale: Scale::Linear }, &accuracies))
                        figcaption { "Share of " (batch) " that the network has right." }
                    }
                }
            }
        }
    }
}

/// The kernel, where there is a map of it.
fn kernel(contents: &Contents, map: Option<Markup>) -> Markup {
    let readout = contents.run_file.kernel.readout;
    let pair = match (readout.report().mean, contents.example_classes()) {
        (Some(mean), _) => mean.to_owned(),
        (None, Some(_)) => format!("the query's {} with the example's output for its own class", readout.noun()),
        (None, None) => format!("the query's {} with the mean over the example's outputs", readout.noun()),
    };
    html! {
        @if let Some(map) = map {
            section {
                h2 { "Path kernel" }
                p {
                    "How alike the network found a query and an example, over the whole training: "
                    (pair) ". Of many queries and examples, evenly spread ones are shown."
                }
                (map)
            }
        }
    }
}
