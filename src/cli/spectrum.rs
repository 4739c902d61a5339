//! `pathkernel spectrum`.

use super::progress::Course;
use crate::run::{Alike, KernelSpectrum, Spectra, spectrum};
use std::path::PathBuf;

/// Which run's kernels are studied.
#[derive(Debug, clap::Args)]
pub struct Question {
    /// The directory of a finished run that keeps a kernel, and whose queries are its training set.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Print what spectrum.json says.
    #[arg(long)]
    json: bool,
}

/// Answers.
pub fn answer(question: &Question, quiet: bool) -> anyhow::Result<()> {
    let mut course = Course::new(quiet);
    let outcome = spectrum(&question.directory, &mut course);
    course.clear();
    let spectra = outcome?;
    if question.json {
        println!("{:#}", spectra.to_json());
    } else if !quiet {
        print(&spectra);
    }
    Ok(())
}

fn print(spectra: &Spectra) {
    let Spectra { examples, kernels, between, notes, .. } = spectra;
    println!("kernels between {examples} examples, divided by their mean diagonal: eigenvalues add up to {examples}");
    println!("                   effective rank  participation ratio  largest eigenvalue  negative  with the labels");
    for own in kernels {
        let KernelSpectrum { kernel, effective_rank, participation_ratio, alignment, negative, eigenvalues, .. } = own;
        let alignment = alignment.map_or("-".to_owned(), |alignment| format!("{alignment:.3}"));
        let largest = eigenvalues.first().copied().unwrap_or_default();
        println!(
            "  {kernel:15}  {effective_rank:>14.2}  {participation_ratio:>19.2}  {largest:>18.3}  {negative:>8.1e}  {alignment:>15}"
        );
    }
    for Alike { kernels: [one, other], alignment, distance } in between {
        println!("{one} and {other}: alignment {alignment:.4}, distance {distance:.4}");
    }
    notes.iter().for_each(|note| println!("note: {note}"));
}
