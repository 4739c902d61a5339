//! What training again without some examples has shown.

use super::contents::Contents;
use super::format::number;
use crate::run::{Agreement, Compared, Scored, Validation};
use maud::{Markup, html};

/// How well scores predict what training without examples gives, where the run was validated.
pub(super) fn validation(contents: &Contents) -> Markup {
    let Some(validation) = &contents.validation else { return html! {} };
    let Validation { retrainings, steps, diverged, reproduces, dropping, notes, .. } = validation;
    html! {
        section id="validation" {
            h2 { "Trained again without some examples" }
            p {
                "Does a score say what the " (contents.run_file.kernel.readout.noun()) " would be without an example? The run was \
                 trained " (retrainings) " times again, " (steps) " steps each: " (dropping) ". Trained again without a change, it came "
                @if *reproduces == 0.0 { "to the same predictions" }
                @else { "within " (number(*reproduces)) " of the largest change" }
                "."
                @if *diverged > 0 { " " b { (diverged) " trainings diverged" } ", and count nowhere." }
            }
            @for note in notes { p class="note" { (note) "." } }
            @for compared in validation.compared() { (table(compared)) }
            details {
                summary { "What the columns are" }
                p {
                    "Predicted is minus the sum of the dropped examples' scores; actual is what the readout moved by. Rank is \
                     Spearman's correlation of the two over the retrainings, the mean over queries and values, with its standard \
                     error by leaving out one retraining at a time (over random subsets it is called LDS); linear is Pearson's. \
                     Over queries is the standard deviation from query to query. The slope is 1 where predictions have the right \
                     size, and less where they are too large."
                }
            }
        }
    }
}

/// The scores of some retrainings.
fn table(compared: &Compared) -> Markup {
    let shown = |value: Option<f64>| number(value.unwrap_or(f64::NAN));
    html! {
        table class="terms" {
            caption { (compared.what()) "; moved by " (number(compared.change)) }
            tr { th {} th { "rank" } th { "± error" } th { "over queries" } th { "linear" } th { "slope" } }
            @for Scored { name, agreement } in &compared.scores {
                @let Agreement { rank, standard_error, over_queries, linear, slope, .. } = agreement;
                tr {
                    th { (name) }
                    @for value in [rank, standard_error, over_queries, linear, slope] { td { (shown(*value)) } }
                }
            }
        }
    }
}
