//! `pathkernel run` and `pathkernel finish`.

use super::stop;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pathkernel::readout::Readout;
use pathkernel::run::keys::RunFile;
use pathkernel::run::store::Summary;
use pathkernel::run::{Outcome, Part, Progress, run_part};
use std::path::Path;
use std::time::Duration;

/// How often the bar's time is drawn again.
const TICK: Duration = Duration::from_secs(1);

/// A bar on a terminal; nothing elsewhere.
struct Bar {
    bar: ProgressBar,
    quiet: bool,
}

impl Progress for Bar {
    fn begin(&mut self, phase: &str, total: u64) {
        self.bar.finish_and_clear();
        let target = if self.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        self.bar = ProgressBar::with_draw_target(Some(total), target).with_message(phase.to_owned());
        if let Ok(style) = ProgressStyle::with_template("{msg:18} {wide_bar} {pos}/{len}, {elapsed}, {eta} left") {
            self.bar.set_style(style);
        }
        // The time goes on where a unit takes long.
        self.bar.enable_steady_tick(TICK);
    }

    fn advance(&mut self) {
        self.bar.inc(1);
    }

    fn stopped(&self) -> bool {
        stop::requested()
    }
}

/// Runs one file, or a part of it.
pub fn run(file: &Path, overrides: &[String], part: Part, quiet: bool) -> anyhow::Result<()> {
    let description = RunFile::load(file, overrides)?;
    let mut bar = Bar { bar: ProgressBar::hidden(), quiet };
    let outcome = run_part(&description, part, &mut bar);
    bar.bar.finish_and_clear();
    let outcome = outcome?;
    if let Outcome::ShardDone { tiles, all } = outcome {
        if !quiet {
            println!("{} of {all} tiles are done: those of this shard", tiles);
            let file = file.to_string_lossy();
            let words = std::iter::once(&*file).chain(overrides.iter().map(String::as_str)).map(quoted);
            println!("when the others are:  pathkernel finish {}", words.collect::<Vec<_>>().join(" "));
        }
        return Ok(());
    }
    // A run that was killed after its last array has none yet.
    if matches!(outcome, Outcome::Done(_)) || !description.run.directory.join("report.html").is_file() {
        pathkernel::report::write(&description.run.directory)?;
    }
    if quiet {
        return Ok(());
    }
    let directory = description.run.directory.display();
    match outcome {
        Outcome::AlreadyDone => println!("{directory}: this run is finished; nothing to do"),
        Outcome::ShardDone { .. } => {}
        Outcome::Done(summary) => {
            println!("arrays            {directory}");
            println!("report            {directory}/report.html");
            print(&summary, description.kernel.readout);
        }
    }
    Ok(())
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
    if let Some(unexplained) = summary.largest_relative_unexplained {
        println!("unexplained       {unexplained:.1e} {of}, at the most");
    }
    println!("largest residual  {:.1e} {of}", summary.largest_relative_residual);
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
