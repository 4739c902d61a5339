//! `pathkernel run` and `pathkernel finish`.

use super::progress::Course;
use crate::error::Error;
use crate::readout::Readout;
use crate::run::keys::RunFile;
use crate::run::store::Summary;
use crate::run::verdict::Judgement;
use crate::run::{Outcome, Part, run_part};
use anyhow::Context;
use std::path::Path;

/// Runs one file, or a part of it; returns the exit code of its verdict.
pub fn run(file: &Path, overrides: &[String], part: Part, quiet: bool) -> anyhow::Result<u8> {
    let description = RunFile::load(file, overrides)?;
    let mut course = Course::new(quiet);
    let outcome = run_part(&description, part, &mut course);
    course.clear();
    let outcome = match (outcome, course.place()) {
        (Err(Error::Stopped), Some(place)) => return Err(Error::Stopped).context(place),
        (outcome, _) => outcome?,
    };
    if let Outcome::ShardDone { tiles, all } = outcome {
        if !quiet {
            println!("{} of {all} tiles are done: those of this shard", tiles);
            let file = file.to_string_lossy();
            let words = std::iter::once(&*file).chain(overrides.iter().map(String::as_str)).map(quoted);
            println!("when the others are:  pathkernel finish {}", words.collect::<Vec<_>>().join(" "));
        }
        return Ok(0);
    }
    // A run that was killed after its last array has none yet.
    if matches!(outcome, Outcome::Done(_)) || !description.run.directory.join("report.html").is_file() {
        crate::report::write(&description.run.directory, &[])?;
    }
    let directory = description.run.directory.display();
    let judgement = match outcome {
        Outcome::ShardDone { .. } => return Ok(0),
        Outcome::AlreadyDone(judgement) => {
            if !quiet {
                println!("{directory}: this run is finished; nothing to do");
            }
            judgement
        }
        Outcome::Done(summary) => {
            if !quiet {
                println!("arrays            {directory}");
                println!("report            {directory}/report.html");
                print(&summary, description.kernel.readout);
            }
            summary.judgement()
        }
    };
    say(&judgement, quiet);
    Ok(judgement.exit_code())
}

/// Says a verdict. One that makes an exit code is told as errors are, to whoever wants errors alone, too.
pub fn say(judgement: &Judgement, quiet: bool) {
    for line in judgement.lines() {
        match quiet {
            false => println!("{line}"),
            true if judgement.exit_code() == 0 => {}
            true => eprintln!("{line}"),
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "._-/=:,+@%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// What a finished run says of itself.
fn print(summary: &Summary, readout: Readout) {
    let [train, integrate, write] = summary.seconds;
    let [.., steps] = summary.shapes;
    let of = format!("of the largest change in {}", readout.noun());
    if summary.optimizer.is_solved() {
        println!("steps             {steps}, as the solver took them");
    }
    if let Some(accuracy) = summary.query_accuracy {
        println!("query accuracy    {:.1}%", 100.0 * accuracy);
    }
    if let Some(measured) = &summary.measured {
        println!("rule              {}", measured.words(summary.rule));
    }
    if let Some(missed) = summary.missed_tolerance {
        let ([each, _], [_, queries, ..]) = (summary.nodes_each(), summary.shapes);
        let all = queries * steps;
        println!("nodes             {each:.1} for each query and step; {missed} of {all} missed the tolerance");
    }
    if let Some(unexplained) = summary.findings.unexplained {
        println!("unexplained       {unexplained:.1e} {of}, at the most");
    }
    println!("largest residual  {:.1e} {of}", summary.findings.residual);
    if let Some(influence) = &summary.influence {
        influence.warnings.iter().for_each(|warning| println!("note              {warning}"));
    }
    println!("seconds           {train:.1} training, {integrate:.1} integrating, {write:.1} writing");
    println!("device            {}", summary.device);
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_takes_words_as_they_are() {
        assert_eq!(quoted("run.directory=runs/a-1.b"), "run.directory=runs/a-1.b");
        assert_eq!(quoted("model.input=[1, 8]"), "'model.input=[1, 8]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
