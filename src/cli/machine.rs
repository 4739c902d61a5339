//! `pathkernel machine`.

use super::progress::Course;
use crate::run::{Fitting, KernelMachine, Kind, Machines, machine};
use std::path::PathBuf;

/// Which run's kernels a machine is fitted on, and what it is asked.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// The directory of a finished run that keeps a kernel, and whose queries are its training set.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// The kind of machine: ridge, svm or logistic.
    #[arg(long, value_name = "KIND", default_value = "ridge", value_parser = kind)]
    kind: Kind,
    /// How much the function's squared norm counts beside the losses, of the kernel divided by its mean diagonal; chosen by the
    /// examples left out if not given.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    alpha: Option<f64>,
    /// A run along the same path, with the same training set, whose queries the machine is to answer as well.
    #[arg(long, value_name = "OTHER_DIRECTORY")]
    queries: Option<PathBuf>,
    /// Print what machine.json says.
    #[arg(long)]
    json: bool,
}

fn kind(word: &str) -> Result<Kind, String> {
    let names = || Kind::ALL.map(Kind::name).join(", ");
    Kind::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| format!("it is none of {}", names()))
}

/// Answers.
pub fn answer(question: &Question, quiet: bool) -> anyhow::Result<()> {
    let Question { directory, kind, alpha, queries, json } = question;
    let mut course = Course::new(quiet);
    let outcome = machine(directory, &Fitting { kind: *kind, alpha: *alpha, queries: queries.clone() }, &mut course);
    course.clear();
    let machines = outcome?;
    if *json {
        println!("{:#}", machines.to_json());
    } else if !quiet {
        print(&machines);
    }
    Ok(())
}

fn print(machines: &Machines) {
    let Machines { kind, measure, examples, kernels, network, queries, notes, .. } = machines;
    let left_out = if kind == "ridge" { "each left out" } else { "parts left out" };
    println!("{kind} on the kernels between {examples} examples; {measure} on these, {left_out}, and on queries");
    let asked = queries.as_ref().map_or("no --queries".to_owned(), |own| format!("{} queries", own.count));
    println!("                      alpha  negative  {left_out:>14}  {asked:>14}");
    for own in kernels {
        let KernelMachine { kernel, alpha, negative, support_vectors, left_out, queries, .. } = own;
        let support = support_vectors.map_or(String::new(), |count| format!("  {count} support vectors"));
        let [left_out, queries] = [left_out, queries].map(|score| shown(*score));
        println!("  {kernel:15}  {alpha:>8.1e}  {negative:>8.1e}  {left_out:>14}  {queries:>14}{support}");
    }
    let [training, asked] = [network.training, network.queries].map(shown);
    println!("  the network                          {training:>14}  {asked:>14}  it was trained on the examples");
    notes.iter().for_each(|note| println!("note: {note}"));
}

fn shown(score: Option<f64>) -> String {
    score.map_or("-".to_owned(), |score| format!("{score:.4}"))
}
