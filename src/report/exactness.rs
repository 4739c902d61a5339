//! How exact the run is.

use super::contents::Contents;
use super::format::{number, percent};
use super::words::Words;
use crate::path::Rule;
use crate::run::keys::AskedRule;
use maud::{Markup, html};

pub(super) fn exactness(contents: &Contents) -> Markup {
    let words = Words::of(contents);
    let noun = words.readout.noun();
    html! {
        section {
            h2 { "How exact it is" }
            p {
                "The sum is the first " (noun) ", plus what every example contributed along the path"
                @if contents.has_decay() { ", plus what weight decay added" }
                @if contents.terms.statistics.is_some() { ", plus what running statistics moved" }
                @if contents.terms.earlier.is_some() { ", plus what gradients from before the first step still moved" }
                ". What it misses of the network's " (noun) " is "
                @if contents.terms.unexplained.is_some() { "what the optimizer does not explain of the path, and " }
                "the residual: the error of the quadrature and of the arithmetic."
            }
            (terms(contents))
            (rounding(contents))
            (unexplained(contents, noun))
            (chosen(contents))
            (nodes(contents))
            div class="charts" {
                figure data-chart="agreement" {
                    figcaption {
                        @if contents.values == 1 { "Each point is one query" } @else { "Each point is one " (noun) " of one query" }
                        "; exact ones lie on the diagonal"
                        @if contents.terms.unexplained.is_some() { ", and what is unexplained is missing there" }
                        "."
                    }
                }
                figure data-chart="residual" {
                    figcaption { "The largest residual of each step, over all queries." }
                }
                @if contents.terms.unexplained.is_some() {
                    figure data-chart="unexplained" {
                        figcaption { "The largest unexplained part of each step, over all queries." }
                    }
                }
            }
        }
    }
}

/// The largest of each term of the sum, beside the largest change.
fn terms(contents: &Contents) -> Markup {
    let change = contents.terms.prediction.iter().zip(&contents.terms.initial).map(|(last, first)| last - first);
    let size = |values: &[f64]| values.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
    let change = size(&change.collect::<Vec<f64>>());
    let rows = [
        ("change in training", Some(change)),
        ("weight decay", contents.has_decay().then(|| size(&contents.terms.regularizer))),
        ("running statistics", contents.terms.statistics.as_deref().map(size)),
        ("earlier gradients", contents.terms.earlier.as_deref().map(size)),
        ("unexplained", contents.terms.unexplained.as_deref().map(size)),
        ("residual", Some(size(&contents.terms.residual))),
    ];
    html! {
        table class="terms" {
            tr { th {} th { "largest of all queries" } th { "of the largest change" } }
            @for (name, largest) in rows {
                @if let Some(largest) = largest {
                    tr { th { (name) } td { (number(largest)) } td { (of_change(largest / change)) } }
                }
            }
        }
    }
}

/// A share of the largest change; a tiny one, as a residual's, not in percent.
fn of_change(share: f64) -> String {
    if share >= 1e-4 { percent(share) } else { number(share) }
}

/// How much of what rounding may do to the sums it did.
fn rounding(contents: &Contents) -> Markup {
    let share = contents.summary["largest_rounding_share"].as_f64().filter(|share| *share > 0.0);
    let repeated = contents.summary["repeated_values"].as_u64().filter(|values| *values > 0);
    html! {
        @if let Some(share) = share {
            p {
                "Apart from the quadrature's error, contributions add up to the change but for rounding: at the most "
                (number(share)) " of what the arithmetic allows."
                @if let Some(values) = repeated {
                    " " b { "Beyond it: " (values) " of the queries' values." }
                    " Path and sums came out with the same bits when they were made again, so that no fault of the moment made \
                     them: rounding is larger here than the bound knows. The residual says how much is not explained."
                }
            }
        }
    }
}

/// What the unexplained part of an imported path means.
fn unexplained(contents: &Contents, noun: &str) -> Markup {
    html! {
        @if contents.terms.unexplained.is_some() {
            p {
                "The path was recorded elsewhere. Unexplained is how far its steps moved the " (noun) " beyond the steps \
                 that the optimizer above takes from the same weights. It is rounding where that optimizer made the path, \
                 and large where another one did, or where learning rates, batches or data are not the recorded ones. It \
                 is summed over the steps, and may cancel."
            }
        }
    }
}

/// The rule, where it was chosen.
fn chosen(contents: &Contents) -> Markup {
    let chosen = contents.run_file.kernel.chosen_words();
    html! {
        @if let Some(chosen) = chosen {
            p { "The rule was chosen when the path was there: " (chosen) "." }
        }
    }
}

/// The nodes that the rule `adaptive` took.
fn nodes(contents: &Contents) -> Markup {
    let AskedRule::Given(Rule::Adaptive { tolerance }) = contents.run_file.kernel.rule else { return html! {} };
    let summary = &contents.summary;
    let count = |key: &str| summary["nodes"][key].as_f64().unwrap_or(f64::NAN);
    let shape = |key: &str| summary["shapes"][key].as_u64().unwrap_or(0);
    let missed = summary["missed_tolerance"].as_u64().unwrap_or(0);
    html! {
        p {
            "Each query took its own nodes in each step: " (number(count("per_query_and_step"))) " on average, and "
            (number(count("of_largest_step"))) " in the step that took most. Of " (shape("queries").saturating_mul(shape("steps")))
            " steps of queries "
            @if missed == 0 { "none" } @else { b { (missed) } }
            " missed the tolerance of " (number(tolerance)) "."
        }
    }
}
