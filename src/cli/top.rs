//! `pathkernel top`.

use crate::error::Error;
use crate::report::{Asked, Moved, Top, top};
use crate::run::Names;
use crate::run::store::Of;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// What is asked, and how it is answered.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// The directory of a finished run, such as runs/digits.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// How examples are called, such as report.names=names.txt, in place of what the run file says.
    #[arg(value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    #[command(flatten)]
    subject: Subject,
    /// The output, or other value of the readout, from 0; without it the predicted class, or the value that moved most.
    #[arg(long, value_name = "NUMBER")]
    output: Option<usize>,
    /// How many of each sign.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    k: usize,
    /// What the amounts are: attribution, what examples contributed, or influence, what more weight of them would do.
    #[arg(long, value_name = "ARRAY", default_value = "attribution")]
    of: String,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Write the lists to a CSV file as well.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Whom the question is about: one of the two.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Subject {
    /// The query whose examples are wanted, from 0.
    #[arg(long, value_name = "NUMBER")]
    query: Option<usize>,
    /// The example whose queries are wanted, from 0.
    #[arg(long, value_name = "NUMBER")]
    example: Option<usize>,
}

/// Answers.
pub fn answer(question: &Question) -> anyhow::Result<()> {
    let Question { directory, overrides, subject, output, k, of, json, csv } = question;
    let asked = match (subject.query, subject.example) {
        (Some(query), _) => Asked::Query(query),
        (None, Some(example)) => Asked::Example(example),
        (None, None) => {
            let problem =
                "give --query NUMBER for the examples that moved it, or --example NUMBER for the queries that it moved";
            return Err(Error::Input(problem.into()).into());
        }
    };
    let of = Of::named(of)
        .ok_or_else(|| Error::Input(format!("--of {of}: is no array of amounts; give attribution or influence")))?;
    let top = top(directory, overrides, (asked, of), *output, *k)?;
    if let Some(file) = csv {
        refuse_inside(directory, file)?;
        write_csv((noun(&top), &top.names), top.raised.iter().chain(&top.lowered), file)?;
    }
    if *json {
        println!("{:#}", top.to_json());
    } else {
        print(&top);
    }
    Ok(())
}

/// What those in the lists are.
fn noun(top: &Top) -> &'static str {
    match top.asked {
        Asked::Query(_) => "example",
        Asked::Example(_) => "query",
    }
}

fn print(top: &Top) {
    let class = top.class.map_or(String::new(), |class| format!(", of class {}", class_words(&top.names, class)));
    let name = top.name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    match top.asked {
        Asked::Query(query) => {
            let output = top.output.map_or(String::new(), |output| format!(" {output}"));
            let called = top.output_name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
            let [first, last] = top.change.unwrap_or_default();
            println!("query {query}{name}{class}: {}{output}{called} went from {first:.6} to {last:.6}", top.readout);
        }
        Asked::Example(example) => {
            let output = top.output.map_or("; each query's own value".to_owned(), |output| format!("; value {output}"));
            println!("example {example}{name}{class}: what it moved of the {}{output}", top.readout);
        }
    }
    if let Some(kept) = top.kept {
        let known = match top.asked {
            Asked::Query(_) => "",
            Asked::Example(_) => "; known is what is in those lists",
        };
        println!("the run kept the {kept} largest of either sign for each value of a query (kernel.top){known}");
    }
    let words = match top.of {
        Of::Attribution => ["raised", "lowered"],
        Of::Influence => ["more weight raises", "more weight lowers"],
    };
    let lists = words.into_iter().zip([&top.raised, &top.lowered]);
    for (((word, list), sum), covered) in lists.into_iter().zip(top.sums).zip(top.covered()) {
        println!("\n{word} by {sum:+.6} in all; listed are {:.0}% of it", 100.0 * covered);
        list.iter().for_each(|moved| println!("{}", row(top, moved)));
    }
}

/// The number of a class, and its name where it has one.
pub(super) fn class_words(names: &Names, class: u32) -> String {
    names.class(class as usize).map_or_else(|| class.to_string(), |name| format!("{class} ({name})"))
}

/// A line of a list.
fn row(top: &Top, Moved { number, amount, class, group, name, output }: &Moved) -> String {
    let class = class.map_or(String::new(), |class| format!("  class {}", class_words(&top.names, class)));
    let name = name.as_ref().map_or(String::new(), |name| format!("  {name}"));
    let group = group.map_or(String::new(), |group| format!("  group {group}"));
    let own = if top.output.is_none() { format!("  value {output}") } else { String::new() };
    format!("  {amount:+14.6}  {} {number}{class}{group}{own}{name}", noun(top))
}

/// A run directory holds its run's files alone.
pub(super) fn refuse_inside(directory: &Path, file: &Path) -> anyhow::Result<()> {
    let whole = |path: &Path| path.canonicalize().ok();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (whole(directory), whole(folder)) {
        (Some(directory), Some(folder)) if folder.starts_with(&directory) => {
            let problem = format!("--csv: {} lies in the run directory; write it elsewhere", file.display());
            Err(Error::Input(problem).into())
        }
        _ => Ok(()),
    }
}

/// A name in a CSV file.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Writes a list of what is called by a noun, with the names of classes.
pub(super) fn write_csv<'a>(
    (noun, names): (&str, &Names),
    list: impl Iterator<Item = &'a Moved>,
    file: &Path,
) -> anyhow::Result<()> {
    let rows = list.map(|Moved { number, amount, class, group, name, output }| {
        let class_name = class.and_then(|class| names.class(class as usize)).map(quoted);
        let name = name.as_deref().map(quoted);
        let (class, group) = (class.map(|class| class.to_string()), group.map(|group| group.to_string()));
        let words = [class, group, Some(output.to_string()), class_name, name].map(Option::unwrap_or_default);
        format!("{number},{amount},{}\n", words.join(","))
    });
    let text: String =
        std::iter::once(format!("{noun},amount,class,group,output,class_name,name\n")).chain(rows).collect();
    std::fs::write(file, text).with_context(|| format!("{}: cannot be written", file.display()))
}
