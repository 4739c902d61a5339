//! `pathkernel validate`.

use super::progress::Course;
use super::stop;
use crate::error::Error;
use crate::run::{Agreement, Asked, Compared, Scored, Validation, validate};
use anyhow::Context;
use std::path::PathBuf;
use std::time::Duration;

/// Which run is trained again, on what, and what is held against it.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// The directory of a finished run, such as runs/digits. Its training data must still be there.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Keys that change no result, such as run.device=cpu, in place of what the run file says.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// How many random subsets to train again on, for each share and seed.
    #[arg(long, value_name = "COUNT", default_value_t = 40)]
    subsets: usize,
    /// The shares of the examples that are dropped, such as 0.01,0.1,0.5: their weight in the loss is 0, in the same batches.
    #[arg(long, value_name = "SHARE,...", value_delimiter = ',', default_value = "0.1")]
    drop: Vec<f64>,
    /// Drop so many examples one at a time as well, drawn at random: a retraining each.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    leave_one_out: usize,
    /// Seeds that draw the subsets, such as 0,1,2: each its own, and the spread over them is told.
    #[arg(long, value_name = "SEED,...", value_delimiter = ',', default_value = "0")]
    seed: Vec<u64>,
    /// Scores of your own, an array file [queries, examples, values], [queries, examples] or [examples]; may be repeated. A score is
    /// what the value loses where the example is dropped.
    #[arg(long, value_name = "FILE")]
    scores: Vec<PathBuf>,
    /// Retrainings at once; as many as there are threads and memory for if left out. Other processes with the same command share
    /// the work.
    #[arg(long, value_name = "COUNT")]
    jobs: Option<usize>,
    /// Stop after so long, such as 3h or 90m, with exit code 75; the same command goes on.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    max_time: Option<Duration>,
    /// Print what validation.json says.
    #[arg(long)]
    json: bool,
}

/// Answers.
pub fn answer(question: &Question, quiet: bool) -> anyhow::Result<()> {
    let Question { directory, overrides, subsets, drop, leave_one_out, seed, scores, jobs, max_time, json } = question;
    stop::listen(*max_time, quiet)?;
    let asked = Asked {
        subsets: *subsets,
        drops: drop.clone(),
        seeds: seed.clone(),
        leave_one_out: *leave_one_out,
        scores: scores.clone(),
        jobs: *jobs,
        overrides: overrides.clone(),
    };
    let mut course = Course::new(quiet);
    let outcome = validate(directory, &asked, &mut course);
    course.clear();
    let validation = match (outcome, course.place()) {
        (Err(Error::Stopped), Some(place)) => return Err(Error::Stopped).context(place),
        (outcome, _) => outcome?,
    };
    crate::report::write(directory, &[])?;
    if *json {
        println!("{:#}", validation.to_json());
    } else if !quiet {
        print(&validation);
    }
    Ok(())
}

fn print(validation: &Validation) {
    let Validation { retrainings, steps, diverged, reproduces, seeds, dropping, notes, .. } = validation;
    let of_seeds = if seeds.len() > 1 { format!(", by {} seeds", seeds.len()) } else { String::new() };
    println!("retrainings       {retrainings} of {steps} steps{of_seeds}");
    match *reproduces {
        0.0 => println!("without a change  the run's predictions come again to the bit"),
        share => println!(
            "without a change  the run's predictions come again within {share:.1e} of the largest change in training"
        ),
    }
    println!("dropped           {dropping}");
    if *diverged > 0 {
        println!("diverged          {diverged} retrainings, which count nowhere");
    }
    notes.iter().for_each(|note| println!("note              {note}"));
    let width = validation.compared().flat_map(|own| &own.scores).map(|own| own.name.chars().count()).max();
    validation.compared().for_each(|compared| print_compared(compared, width.unwrap_or(0)));
}

/// The table of some retrainings.
fn print_compared(compared: &Compared, width: usize) {
    println!("\n{}; the readouts moved by {:.2e}", compared.what(), compared.change);
    let head = if compared.share.is_some() { "LDS" } else { "rank" };
    println!("  {:width$}  {head:>14}  over queries  over seeds   linear       slope", "");
    for Scored { name, agreement } in &compared.scores {
        let Agreement { rank, standard_error, over_queries, over_seeds, linear, slope, undefined } = *agreement;
        let two = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
        let rank = match standard_error {
            Some(error) => format!("{} ± {error:.3}", two(rank)),
            None => two(rank),
        };
        let slope = slope.map_or("-".to_owned(), |slope| format!("{slope:.3e}"));
        let missing = if undefined > 0 { format!("  ({undefined} values do not vary)") } else { String::new() };
        let [over_queries, over_seeds, linear] = [over_queries, over_seeds, linear].map(two);
        println!(
            "  {name:width$}  {rank:>14}  {over_queries:>12}  {over_seeds:>10}  {linear:>7}  {slope:>10}{missing}"
        );
    }
}
