//! What lies beside the inputs, a row for each of theirs: targets, weights and groups.

use super::inputs::{finite, fits_precision};
use super::rows::{Rows, Source};
use crate::device::Precision;
use crate::error::Error;
use crate::formats::{Array, TextLayout, Values, holes, read_with, rows_of_npy};
use crate::graph::Graph;
use crate::loss::{IGNORED, TargetArray, TargetKind, Targets};
use crate::run::keys::{InputFiles, Training};

/// An error of a file of inputs; where it has empty lines, those of the files that belong to it are named too.
pub(super) fn with_holes(error: Error, source: &Source<'_>, others: &[Beside<'_>]) -> Error {
    let inputs = source.files.all().into_iter().map(|(_, file)| ("inputs", file));
    let others = others.iter().filter_map(|(key, file)| Some((*key, file.as_ref()?.as_str())));
    let found =
        inputs.chain(others).filter_map(|(key, file)| holes(file, &source.reading.layout([source.section, key], None)));
    let all: Vec<String> = found.map(|problem| problem.to_string()).collect();
    if all.is_empty() { error } else { Error::Input(all.join("; ")) }
}

/// A file beside inputs: its key, and its path where there is one.
pub(super) type Beside<'a> = (&'static str, Option<&'a String>);

/// How many rows inputs have, where one of their files or one beside them is a `.npy`, which tells without a doubt.
pub(super) fn rows_beside(inputs: &InputFiles, others: &[Beside<'_>]) -> Option<usize> {
    let own = inputs.all().into_iter().map(|(_, file)| file);
    own.chain(others.iter().filter_map(|(_, file)| Some(file.as_ref()?.as_str()))).find_map(rows_of_npy)
}

/// Targets of some rows.
pub(super) fn read_targets(
    path: &str,
    network: &Graph,
    training: &Training,
    rows: &Rows,
    source: &Source<'_>,
) -> Result<Targets, Error> {
    let (count, inputs) = (rows.count, source.files);
    let array = read_with(path, &source.reading.layout([source.section, "targets"], Some(count)))?;
    finite(path, &array)?;
    if array.shape.first() != Some(&count) {
        return Err(Error::Input(format!("{path}: has shape {:?}, but {inputs} holds {count} examples", array.shape)));
    }
    let shape = network.shape(network.output());
    let targets = TargetArray { loss: training.loss, array: &array, rows: count, shape, ignore: training.ignore };
    targets.read().map_err(|problem| Error::Input(format!("{path}: {problem}")))
}

/// Targets of a path without steps, on which no loss has a say.
///
/// # Errors
///
/// A loss that does not know an example without a target.
pub(super) fn no_targets(training: &Training, examples: usize) -> Result<Targets, Error> {
    match training.loss.takes() {
        TargetKind::Classes => Ok(Targets::Classes(vec![IGNORED; examples])),
        TargetKind::Reals => {
            let loss = training.loss.name();
            Err(Error::Input(format!(
                "data.train.targets: is required with {loss}; without targets leave training.loss out"
            )))
        }
    }
}

/// A file that says something of each training example.
pub(super) struct OfExamples<'a> {
    pub path: &'a str,
    pub layout: TextLayout,
    pub of: &'a Rows,
}

impl OfExamples<'_> {
    fn read(&self) -> Result<Array, Error> {
        Ok(read_with(self.path, &self.layout)?)
    }

    /// What is said of an array of another shape than it must have; `has` and `needs` are words for both.
    fn wrong(&self, has: &str, needs: &str) -> Error {
        let files: Vec<&str> = self.of.files.iter().map(|file| file.path.as_str()).collect();
        let (files, count) = (files.join(", "), self.of.count);
        Error::Input(format!("{}: has shape {has}; {needs}, and {files} holds {count}", self.path))
    }
}

/// The number of each example's group.
pub(super) fn read_groups(file: &OfExamples<'_>) -> Result<Vec<i64>, Error> {
    let (array, examples) = (file.read()?, file.of.count);
    match &array.values {
        Values::Integer(numbers) if array.shape == [examples] => Ok(numbers.clone()),
        values => {
            let kind = if matches!(values, Values::Integer(_)) { "integers" } else { "real numbers" };
            let has = format!("{:?} of {kind}", array.shape);
            Err(file.wrong(&has, &format!("groups are [{examples}] integers, one an example")))
        }
    }
}

/// Weights of examples or of their positions.
pub(super) fn read_example_weights(file: &OfExamples<'_>, precision: Precision) -> Result<Vec<f64>, Error> {
    let (array, examples) = (file.read()?, file.of.count);
    finite(file.path, &array)?;
    if array.shape.first() != Some(&examples) {
        return Err(file.wrong(&format!("{:?}", array.shape), &format!("weights are [{examples}], one an example")));
    }
    let weights = array.to_f64();
    fits_precision(file.path, &weights, precision)?;
    Ok(weights)
}
