//! The page: what it says by itself, and the program that answers questions.

use super::contents::Contents;
use super::data::Data;
use super::exactness::exactness;
use super::format::number;
use super::validation::validation;
use super::words::Words;
use crate::error::Error;
use crate::run::store::Of;
use crate::run::verdict::{Certified, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What the page may do: nothing but show itself, whatever names it was given.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The parts of the page's program, in one scope.
const PROGRAM: [&str; 16] = [
    include_str!("page/data.js"),
    include_str!("page/words.js"),
    include_str!("page/dom.js"),
    include_str!("page/charts.js"),
    include_str!("page/inputs.js"),
    include_str!("page/question.js"),
    include_str!("page/kinds.js"),
    include_str!("page/queries.js"),
    include_str!("page/answer.js"),
    include_str!("page/movers.js"),
    include_str!("page/when.js"),
    include_str!("page/query.js"),
    include_str!("page/compare.js"),
    include_str!("page/example.js"),
    include_str!("page/overview.js"),
    include_str!("page/main.js"),
];

/// The whole report.
///
/// # Errors
///
/// Arrays of pairs that cannot be read.
pub(super) fn page(contents: &Contents) -> Result<Markup, Error> {
    let Data { words, numbers } = Data::read(contents)?;
    // A name may look like the end of a script.
    let words = words.to_string().replace('<', "\\u003c");
    let program = format!("\"use strict\";\n(() => {{\n{}}})();\n", PROGRAM.concat());
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { "Path kernel of " (contents.name) }
                style { (PreEscaped(include_str!("page/style.css"))) }
            }
            body {
                header {
                    h1 { a href="#" { "Path kernel of " span class="run" { (contents.name) } } }
                    p {
                        (Words::of(contents).subject())
                        @if contents.knows(Of::Attribution) { ", taken apart into what each training example contributed." }
                        @else if contents.knows(Of::Influence) { ", beside what they would be without each training example." }
                        @else { "." }
                    }
                }
                main id="view" hidden {}
                main id="overview" {
                    (verdict(contents))
                    (influence(contents))
                    (figures(contents))
                    noscript { p class="note" { (without_program(contents)) } }
                    (queries(contents))
                    section id="suspects" hidden { h2 { "Suspects" } }
                    (training(contents))
                    (exactness(contents))
                    (validation(contents))
                    (weights(contents))
                    (kernel(contents))
                }
                footer { "pathkernel " (text(contents, "version")) ", on " (text(contents, "device")) }
                script type="application/json" id="words" { (PreEscaped(words)) }
                script type="text/plain" id="numbers" { (numbers) }
                script type="text/javascript" { (PreEscaped(program)) }
            }
        }
    })
}

/// What a browser that runs no programs is told.
fn without_program(contents: &Contents) -> String {
    let name = &contents.name;
    format!(
        "This browser runs no scripts, and queries, suspects and charts are drawn by one that is in this file. The same is told \
         by pathkernel top {name} --query 0, by pathkernel top {name} --example 0 and by pathkernel self {name}."
    )
}

fn queries(contents: &Contents) -> Markup {
    let words = Words::of(contents);
    let (more, gave) = (Words::others(contents), contents.knows(Of::Attribution));
    html! {
        section id="queries" {
            h2 { "Queries" }
            @if let Err(error) = &contents.problem {
                p class="note" { "The data cannot be read any more, so examples are shown by number: " (error.to_string()) }
            }
            @if gave || contents.knows(Of::Influence) {
                details {
                    summary { "What the amounts are" }
                    @if gave {
                        p {
                            "An amount is what the example's share in the training added to the " (words.readout.noun()) ", "
                            (words.unit()) ". Over all examples" (more) ", the amounts make up the change of the "
                            (words.readout.noun()) "."
                            @if let Some(meaning) = words.meaning() { " " (meaning) }
                            @if let Some(listed) = &contents.listed {
                                " Of each value the run kept the " (listed.count())
                                " largest amounts of either sign and the sums of the others."
                            }
                        }
                    }
                    @if contents.knows(Of::Influence) {
                        p {
                            @if gave { "Beside it stands what would be without the example: how much the " }
                            @else { "An amount is what would be without the example: how much the " }
                            (words.readout.noun()) " would change if it were left out of the training, to first order, which is minus the \
                             influence. It is a derivative of what would have been, and does not add up."
                            @if gave { " What the example gave is an account of the path that training took." }
                        }
                    }
                }
            }
        }
    }
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

/// Whether the influences are the derivative of training, and what to know of them.
fn influence(contents: &Contents) -> Markup {
    let Some(Certified { certainty, because }) = Certified::of_summary(&contents.summary) else { return html! {} };
    html! {
        section class=(format!("verdict influence {}", certainty.name())) {
            b { "Influence: " (certainty.name()) }
            p { (capital(&because)) "." }
            ul { @for warning in contents.influence_warnings() { li { (capital(warning)) "." } } }
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
    let training = &contents.run_file.training;
    let whole = training.batch_size.is_none() && training.batches.is_none();
    let batch = if whole { "all examples" } else { "the step's batch" };
    html! {
        section {
            h2 { "Training" }
            p { "Path: " (contents.run_file.path_words()) "." br; "Integral: " (contents.run_file.integral_words()) "." }
            div class="charts" {
                figure data-chart="loss" {
                    figcaption { "Loss of " (batch) ", before each step." }
                }
                @if contents.metrics.iter().any(|line| line.accuracy.is_some()) {
                    figure data-chart="accuracy" {
                        figcaption { "Share of " (batch) " that the network has right." }
                    }
                }
            }
        }
    }
}

/// What the change of the weights is made of, where that is known.
fn weights(contents: &Contents) -> Markup {
    let others = [
        (contents.has_decay(), "weight decay"),
        (contents.terms.earlier.is_some(), "gradients from before the first step"),
        (contents.terms.unexplained.is_some(), "unexplained"),
    ];
    let others: Vec<&str> = others.into_iter().filter(|(is_there, _)| *is_there).map(|(_, words)| words).collect();
    let more = if others.is_empty() {
        String::new()
    } else {
        format!("; what is missing of 100% is {}", others.join(", or "))
    };
    html! {
        @if contents.superposition.is_some() {
            section id="weights" {
                h2 { "The weights" }
                p {
                    "The change of the weights is a sum over the training examples. An example's share is how much of a layer's \
                     change lies in its part, along the change: below zero, it pulled the other way. The shares of all \
                     examples add up to 100%" (more) "."
                }
            }
        }
    }
}

/// The kernel, where it is known.
fn kernel(contents: &Contents) -> Markup {
    let readout = contents.run_file.kernel.readout;
    let pair = match (readout.report().mean, contents.example_classes()) {
        (Some(mean), _) => mean.to_owned(),
        (None, Some(_)) => format!("the query's {} with the example's output for its own class", readout.noun()),
        (None, None) => format!("the query's {} with the mean over the example's outputs", readout.noun()),
    };
    html! {
        @if contents.kernel.is_some() {
            section {
                h2 { "Path kernel" }
                p {
                    "How alike the network found a query and an example, over the whole training: "
                    (pair) ". Of many queries and examples, evenly spread ones are shown."
                }
                div id="kernel" {}
            }
        }
    }
}
