//! What a report is made from.

use crate::data::MappedArray;
use crate::error::Error;
use crate::run_file::RunFile;
use crate::schedule::{Inputs, Targets};
use serde::Deserialize;
use std::path::Path;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Line {
    pub loss: f64,
    pub accuracy: Option<f64>,
    pub residual: f64,
}

/// A finished run, as far as its report needs it.
pub(super) struct Contents {
    /// What the run is called: its directory's name.
    pub name: String,
    pub summary: serde_json::Value,
    pub metrics: Vec<Line>,
    /// The data, or why it cannot be read.
    pub inputs: Result<Inputs, Error>,
    pub initial: Vec<f64>,
    pub prediction: Vec<f64>,
    pub residual: Vec<f64>,
    pub attribution: Option<MappedArray>,
    pub kernel: Option<MappedArray>,
    /// n and C.
    pub queries: usize,
    pub outputs: usize,
    /// m.
    pub examples: usize,
}

impl Contents {
    pub fn read(directory: &Path) -> Result<Self, Error> {
        let path = |name: &str| directory.join(name);
        let text = |name: &str| std::fs::read_to_string(path(name)).map_err(|source| Error::file(&path(name), source));
        if !path("summary.json").is_file() {
            return Err(Error::Input(format!(
                "{}: holds no finished run (there is no summary.json); name a run directory, such as runs/digits",
                directory.display()
            )));
        }
        let damaged = |name: &str, problem: serde_json::Error| {
            Error::Input(format!("{}: {problem}; the run directory is damaged", path(name).display()))
        };
        let run_file = RunFile::load(&path("run.toml"), &[])?;
        let summary: serde_json::Value =
            serde_json::from_str(&text("summary.json")?).map_err(|problem| damaged("summary.json", problem))?;
        let metrics = text("metrics.jsonl")?
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|problem| damaged("metrics.jsonl", problem)))
            .collect::<Result<_, _>>()?;
        let needed = |name: &str| -> Result<MappedArray, Error> {
            MappedArray::open(&path(name))?.ok_or_else(|| {
                Error::Input(format!("{}: is missing; the run directory is damaged", path(name).display()))
            })
        };
        let prediction = needed("prediction.npy")?;
        let shape = |key: &str| summary["shapes"][key].as_u64().unwrap_or(0) as usize;
        let (queries, examples) = (shape("queries"), shape("examples"));
        // A readout may have one value where the network has many outputs.
        let outputs = prediction.shape.get(1).copied().unwrap_or(0);
        let attribution = MappedArray::open(&path("attribution.npy"))?;
        let kernel = MappedArray::open(&path("kernel.npy"))?;
        if prediction.shape != [queries, outputs] || attribution.iter().any(|a| a.shape != [queries, examples, outputs])
        {
            return Err(Error::Input(format!(
                "{}: its arrays do not have the shapes that summary.json names; the run directory is damaged",
                directory.display()
            )));
        }
        let name =
            directory.file_name().map_or_else(|| directory.display().to_string(), |n| n.to_string_lossy().into());
        Ok(Self {
            name,
            inputs: Inputs::read(&run_file),
            summary,
            metrics,
            initial: needed("initial.npy")?.all(),
            prediction: prediction.all(),
            residual: needed("residual.npy")?.all(),
            attribution,
            kernel,
            queries,
            outputs,
            examples,
        })
    }

    /// A query's outputs.
    pub fn outputs_of<'a>(&self, array: &'a [f64], query: usize) -> &'a [f64] {
        &array[query * self.outputs..][..self.outputs]
    }

    /// A query's largest output, the first of several.
    pub fn predicted(&self, query: usize) -> usize {
        largest(self.outputs_of(&self.prediction, query))
    }

    /// The classes of the training examples, where there are classes.
    pub fn example_classes(&self) -> Option<&[u32]> {
        classes(self.inputs.as_ref().ok().map(|inputs| &inputs.targets))
    }

    /// The classes of the queries, where they are known.
    pub fn query_classes(&self) -> Option<&[u32]> {
        classes(self.inputs.as_ref().ok().and_then(|inputs| inputs.query_targets.as_ref()))
    }
}

fn classes(targets: Option<&Targets>) -> Option<&[u32]> {
    match targets {
        Some(Targets::Classes(classes)) => Some(classes),
        _ => None,
    }
}

/// Where the largest value is, the first of several.
pub(super) fn largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, place| if values[place] > values[best] { place } else { best })
}
