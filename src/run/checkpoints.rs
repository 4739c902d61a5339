//! The weights of a path that another program recorded.

use super::weights::{Notes, check_real, open, wrong};
use crate::error::Error;
use crate::formats::TensorFile;
use crate::graph::{Graph, check_tensors, from_tensors};
use glob::{MatchOptions, Pattern};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// Files of weights: one for each point of the path, or a single one whose tensors hold all points along a first axis. One
/// point is in memory at a time.
#[derive(Debug)]
pub struct Checkpoints {
    network: Graph,
    source: Source,
    notes: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Files(Vec<PathBuf>),
    Stack(TensorFile),
}

impl Checkpoints {
    /// Finds the `steps + 1` points of a path. `pattern` names one [file of tensors](TensorFile), or has `*`, `?` or `[…]` for
    /// one file a point, in the order of the numbers in their names. In the part of the pattern that exists as a path, special characters are literal. Names and shapes of all tensors are
    /// checked here, their values when they are read.
    ///
    /// # Errors
    ///
    /// Another number of points, a file that cannot be read, or tensors that do not fit the network.
    pub fn open(pattern: &str, network: &Graph, steps: usize) -> Result<Self, Error> {
        let points = steps.saturating_add(1);
        let mut notes = Notes::default();
        let source = match find(pattern)? {
            Found::One(path) => Source::Stack(open_stack(&path, network, points, &mut notes)?),
            Found::Many(files) => {
                check_count(pattern, &files, points)?;
                for path in &files {
                    check(&open(path, network, &mut notes)?, network, |shape| shape)?;
                }
                Source::Files(files)
            }
        };
        Ok(Self { network: network.clone(), source, notes: notes.lines() })
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let (stack, files) = match &self.source {
            Source::Stack(file) => (Some(file.path()), [].as_slice()),
            Source::Files(files) => (None, files.as_slice()),
        };
        stack.into_iter().chain(files.iter().map(PathBuf::as_path))
    }

    /// What a point of the path is called.
    pub fn name(&self, number: usize) -> String {
        let own = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match &self.source {
            Source::Stack(file) => format!("entry {number} of {}", own(file.path())),
            Source::Files(files) => files.get(number).map_or_else(|| format!("checkpoint {number}"), |file| own(file)),
        }
    }

    /// What was done to fit the files to the network, for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The flat weights before step `number`, or after the last.
    ///
    /// # Errors
    ///
    /// A file that has changed or is damaged, NaN or infinity, or no such point.
    pub fn weights(&self, number: usize) -> Result<Vec<f64>, Error> {
        let (path, tensors) = match &self.source {
            Source::Stack(file) => (file.path(), file.read_row(number)?),
            Source::Files(files) => {
                let path =
                    files.get(number).ok_or_else(|| Error::Input(format!("the path has no weights {number}")))?;
                (path.as_path(), open(path, &self.network, &mut Notes::default())?.read()?)
            }
        };
        let weights = check_real(&self.network, &tensors).and_then(|()| from_tensors(&self.network, &tensors));
        weights.map_err(|problem| match &self.source {
            Source::Files(_) => wrong(path, problem),
            Source::Stack(_) => wrong(path, format!("entry {number}: {problem}")),
        })
    }
}

/// Checks the tensors' names and shapes; `rest` takes from a shape the part that the network must have.
fn check(file: &TensorFile, network: &Graph, rest: impl Fn(&[usize]) -> &[usize]) -> Result<(), Error> {
    let shapes = file.shapes().into_iter().map(|(name, shape)| (name, rest(shape))).collect();
    check_tensors(network, &shapes).map_err(|problem| wrong(file.path(), problem))
}

fn open_stack(path: &Path, network: &Graph, points: usize, notes: &mut Notes) -> Result<TensorFile, Error> {
    let file = open(path, network, notes)?;
    for (name, shape) in file.shapes() {
        if shape.first() != Some(&points) {
            return Err(wrong(
                path,
                format!(
                    "tensor {name} has shape {shape:?}; one file for the whole path needs a first axis of {points}, for {} \
                     steps and the weights after the last (a file for each of them: give a pattern with *)",
                    points - 1
                ),
            ));
        }
    }
    check(&file, network, |shape| &shape[1..])?;
    file.verify()?;
    // Where one point can be read, all can: they lie in the same tensors.
    file.read_row(0)?;
    Ok(file)
}

fn check_count(pattern: &str, files: &[PathBuf], points: usize) -> Result<(), Error> {
    let (Some(first), Some(last)) = (files.first(), files.last()) else {
        return Err(Error::Input(format!("{pattern}: no file has such a name")));
    };
    if files.len() == points {
        return Ok(());
    }
    Err(Error::Input(format!(
        "{pattern}: {} files have such a name, from {} to {}; {} steps need {points}: the weights before each step and those \
         after the last",
        files.len(),
        first.display(),
        last.display(),
        points - 1
    )))
}

enum Found {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

fn find(pattern: &str) -> Result<Found, Error> {
    let fail = |problem: String| Error::Input(format!("{pattern}: {problem}"));
    let (folder, rest) = split(pattern);
    if rest.as_os_str().is_empty() || !rest.to_string_lossy().contains(['*', '?', '[']) {
        return Ok(Found::One(PathBuf::from(pattern)));
    }
    let whole = PathBuf::from(Pattern::escape(&folder.to_string_lossy())).join(rest);
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = glob::glob_with(&whole.to_string_lossy(), options).map_err(|error| fail(error.to_string()))?;
    let mut files = found.collect::<Result<Vec<_>, _>>().map_err(|error| fail(error.to_string()))?;
    files.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(Found::Many(files))
}

/// Splits a pattern into the leading folders that exist and the rest.
fn split(pattern: &str) -> (PathBuf, PathBuf) {
    let mut folder = PathBuf::new();
    let mut components = Path::new(pattern).components();
    let mut rest = components.as_path();
    while let Some(component) = components.next() {
        let longer = folder.join(component);
        if !longer.exists() {
            break;
        }
        folder = longer;
        rest = components.as_path();
    }
    (folder, rest.to_owned())
}

/// Compares names, with runs of digits as numbers: `step_2` comes before `step_10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (word, rest) = chunk(left);
        let (other, other_rest) = chunk(right);
        let order = match (number(word), number(other)) {
            (Some(one), Some(two)) => (one.len(), one).cmp(&(two.len(), two)),
            _ => word.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
        if rest.is_empty() && other_rest.is_empty() {
            // The names differ in leading zeros alone.
            return a.cmp(b);
        }
        (left, right) = (rest, other_rest);
    }
}

/// Splits off the first run of digits, or of other characters.
fn chunk(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|first: char| first.is_ascii_digit());
    text.split_at(text.find(|next: char| next.is_ascii_digit() != digits).unwrap_or(text.len()))
}

/// The digits of a number, without leading zeros.
fn number(word: &str) -> Option<&str> {
    word.starts_with(|first: char| first.is_ascii_digit()).then(|| word.trim_start_matches('0'))
}

#[cfg(test)]
mod tests;
