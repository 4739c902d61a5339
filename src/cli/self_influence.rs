//! `pathkernel self`.

use super::top::{class_words, refuse_inside, write_csv};
use crate::report::{ListedBy, Moved, SelfInfluence, self_influence};
use std::path::PathBuf;

/// Which run is asked, and how it is answered.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// The directory of a finished run with kernel.own = true, or whose queries are its training examples.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// How examples are called, such as report.names=names.txt, in place of what the run file says.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// How many examples.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    k: usize,
    /// The output, or other value of the readout, from 0; without it that of each example's own class, or without classes the
    /// sum of the sizes of all.
    #[arg(long, value_name = "NUMBER")]
    output: Option<usize>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Write the list to a CSV file as well.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Answers.
pub fn answer(question: &Question) -> anyhow::Result<()> {
    let Question { directory, overrides, k, output, json, csv } = question;
    let found = self_influence(directory, overrides, *output, *k)?;
    if let Some(file) = csv {
        refuse_inside(directory, file)?;
        write_csv(("example", &found.names), found.largest.iter(), file)?;
    }
    if *json {
        println!("{:#}", found.to_json());
    } else {
        print(&found);
    }
    Ok(())
}

fn print(found: &SelfInfluence) {
    let SelfInfluence { readout, by, examples, median, .. } = found;
    let value = match by {
        ListedBy::Class => format!("to its {readout} of its own class"),
        ListedBy::Value(output) => format!("to its {readout} {output}"),
        ListedBy::Only => format!("to its own {readout}"),
        ListedBy::Sizes => format!("to its {readout}s, whose sizes are added up"),
    };
    println!("what each of {examples} training examples did to itself, {value}; the largest first");
    println!("the median size is {median:.6}\n");
    found.largest.iter().for_each(|moved| println!("{}", row(found, moved)));
}

/// A line of the list.
fn row(found: &SelfInfluence, moved: &Moved) -> String {
    let Moved { number, amount, class, group, name, .. } = moved;
    let class = class.map_or(String::new(), |class| format!("  class {}", class_words(&found.names, class)));
    let name = name.as_ref().map_or(String::new(), |name| format!("  {name}"));
    let group = group.map_or(String::new(), |group| format!("  group {group}"));
    let times = found.times(moved).map_or(String::new(), |times| format!("  {times:8.1} times the median"));
    let words = match (found.is_loss, amount) {
        (true, amount) if *amount < 0.0 => "  lowered its own loss",
        (true, amount) if *amount > 0.0 => "  raised its own loss",
        _ => "",
    };
    format!("  {amount:+14.6}{times}  example {number}{class}{group}{name}{words}")
}
