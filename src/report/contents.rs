//! What a report is made from.

use super::windows::Windows;
use crate::error::Error;
use crate::formats::MappedArray;
use crate::graph::Graph;
use crate::loss::{IGNORED, TargetKind, Targets};
use crate::optimizer::Motion;
use crate::problem::Problem;
use crate::readout::Readout;
use crate::run::keys::{KernelShape, RunFile};
use crate::run::store::{Largest, LayeredArray, Listed, Of, PairArray, Store, Terms};
use crate::run::{Excluded, Names, Validation, read_problem};
use serde::Deserialize;
use std::path::Path;

/// Bytes of a file that is held against its checksum: of more, which would take seconds to read, only the size is compared, and
/// the checksums of the tiles that are read. `check` compares all.
const COMPARED: u64 = 1 << 28;

/// Arrays of which few rows are read, beside those of the queries.
const OTHERS: [&str; 16] = [
    "attribution.npy",
    "attribution_layers.npy",
    "attribution_positions.npy",
    "attribution_windows.npy",
    "influence.npy",
    "influence_top_examples.npy",
    "influence_top_rest.npy",
    "influence_top_values.npy",
    "kernel.npy",
    "metrics.jsonl",
    "own.npy",
    "superposition.npy",
    "top_examples.npy",
    "top_rest.npy",
    "top_values.npy",
    "windows.npy",
];

/// Whether a report or an answer is made from a file.
fn is_read(name: &str) -> bool {
    Terms::FILES.iter().chain(&OTHERS).any(|own| *own == name)
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Line {
    /// `None` where it is not finite, as the residual.
    pub loss: Option<f64>,
    /// `None` where there are no classes.
    pub accuracy: Option<f64>,
    pub residual: Option<f64>,
    /// `None` of a path that was made here, too.
    pub unexplained: Option<f64>,
}

/// A finished run, as far as its report needs it.
pub(super) struct Contents {
    /// What the run is called: its directory's name.
    pub name: String,
    pub run_file: RunFile,
    pub summary: serde_json::Value,
    pub metrics: Vec<Line>,
    /// The data, or why it cannot be read.
    pub problem: Result<Problem, Error>,
    /// Examples that were left out.
    pub excluded: Excluded,
    /// What examples, queries and classes are called.
    pub names: Names,
    /// What belongs to queries alone.
    pub terms: Terms,
    pub attribution: Option<PairArray>,
    /// What was kept of the attribution, where it was not kept whole.
    pub listed: Option<Listed>,
    /// `[n, m, R]`: the influences.
    pub influence: Option<PairArray>,
    /// What was kept of them, where not all were.
    pub listed_influence: Option<Listed>,
    /// `[n, m, R, T]`.
    pub attribution_positions: Option<PairArray>,
    /// `[layers, n, m, R]`.
    pub layers: Option<LayeredArray>,
    pub windows: Option<Windows>,
    pub kernel: Option<PairArray>,
    /// `[m, layers, 2]`.
    pub superposition: Option<MappedArray>,
    /// `[rows, R]`: what each row of the training set contributed to its own readout.
    pub own: Option<MappedArray>,
    /// `[steps, largest batch]`, the rows of each step's batch, where not every step took all.
    pub batches: Option<MappedArray>,
    /// What training again without some examples has shown, where that was done.
    pub validation: Option<Validation>,
    /// n.
    pub queries: usize,
    /// R, values of a query's readout.
    pub values: usize,
    /// m.
    pub examples: usize,
}

impl Contents {
    /// Of a run directory; `overrides` say how examples are shown, in place of what the run file said.
    pub fn read(directory: &Path, overrides: &[String]) -> Result<Self, Error> {
        if let Some(other) = overrides.iter().find(|text| !text.starts_with("report.")) {
            let problem = "the run is finished; it takes keys of [report] alone, such as report.class_names=…";
            return Err(Error::Input(format!("{other}: {problem}")));
        }
        let path = |name: &str| directory.join(name);
        let text = |name: &str| {
            std::fs::read_to_string(path(name)).map_err(|problem| {
                Error::Input(format!("{}: {problem}; the run directory is damaged", path(name).display()))
            })
        };
        let store = Store::new(directory);
        store.check_finished()?;
        let damaged = |name: &str, problem: serde_json::Error| {
            Error::Input(format!("{}: {problem}; the run directory is damaged", path(name).display()))
        };
        let run_file = store.finished_run_file(overrides)?;
        let summary = store.summary()?;
        let metrics = text("metrics.jsonl")?
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|problem| damaged("metrics.jsonl", problem)))
            .collect::<Result<_, _>>()?;
        let shape = |key: &str| summary["shapes"][key].as_u64().unwrap_or(0) as usize;
        let (queries, examples, outputs) = (shape("queries"), shape("examples"), shape("outputs"));
        store.verify_checksums(&summary, |name, len| is_read(name) && len.is_some_and(|len| len <= COMPARED))?;
        let terms = Terms::read(directory)?;
        // A readout may have one value where the network has many outputs.
        let values = terms.shape[1];
        let missing =
            |name: &str| Error::Input(format!("{}: is missing; the run directory is damaged", path(name).display()));
        let pairs = |name: &str, written: bool| match PairArray::open(directory, name)? {
            None if written => Err(missing(&format!("{name}.{}", run_file.run.store.name()))),
            array => Ok(array),
        };
        let kept_whole = run_file.kernel.attribution && run_file.kernel.top.is_none();
        let attribution = pairs("attribution", kept_whole)?;
        let listed = Listed::open(directory, Of::Attribution, [queries, values, examples])?;
        if listed.is_none() && run_file.kernel.top.is_some() && run_file.kernel.attribution {
            return Err(missing("top_values.npy"));
        }
        let asks_influence = run_file.kernel.influence.is_some();
        let influence = pairs("influence", asks_influence && run_file.kernel.top.is_none())?;
        let listed_influence = Listed::open(directory, Of::Influence, [queries, values, examples])?;
        if listed_influence.is_none() && run_file.kernel.top.is_some() && asks_influence {
            return Err(missing("influence_top_values.npy"));
        }
        let attribution_positions = pairs("attribution_positions", run_file.kernel.positions)?;
        let kernel = pairs("kernel", run_file.kernel.kernel != KernelShape::None)?;
        let layers = if run_file.kernel.layers && kept_whole {
            LayeredArray::open(directory, "attribution_layers")?
        } else {
            None
        };
        let windows = if run_file.kernel.windows > 0 && kept_whole {
            Some(Windows::open(directory, run_file.run.store.name(), &missing)?)
        } else {
            None
        };
        let superposition = MappedArray::open(&path("superposition.npy"))?;
        let batches = MappedArray::open(&path("trajectory/batches.npy"))?;
        let own = if run_file.kernel.own { MappedArray::open(&path("own.npy"))? } else { None };
        if run_file.kernel.own && own.is_none() {
            return Err(missing("own.npy"));
        }
        let rows = if run_file.data.groups.is_some() { None } else { Some(examples) };
        let wrong = [queries, values, examples].contains(&0)
            || values != run_file.kernel.values(outputs)
            || terms.shape != [queries, values]
            || attribution.iter().chain(&influence).any(|array| array.shape() != [queries, examples, values])
            || attribution_positions.iter().any(|array| !array.shape().starts_with(&[queries, examples, values]))
            || attribution_positions.iter().any(|array| array.shape().len() != 4)
            || layers.iter().any(|array| array.shape().len() != 4 || array.shape()[1..] != [queries, examples, values])
            || windows.iter().any(|own| !own.are_of([queries, examples, values]))
            || batches.iter().any(|array| array.shape.len() != 2 || array.shape.contains(&0))
            || kernel.iter().any(|array| !array.shape().starts_with(&[queries, examples]))
            || superposition.iter().any(|array| array.shape.first() != Some(&examples))
            || own.iter().any(|array| array.shape.len() != 2 || array.shape[1] != values || array.shape[0] == 0)
            || own.iter().any(|array| rows.is_some_and(|rows| array.shape[0] != rows))
            || [&attribution, &attribution_positions, &kernel]
                .into_iter()
                .flatten()
                .any(|array| array.shape().contains(&0))
            || superposition.iter().any(|array| array.shape.contains(&0));
        if wrong {
            return Err(Error::Input(format!(
                "{}: its arrays do not have the shapes that summary.json names; the run directory is damaged",
                directory.display()
            )));
        }
        let name =
            directory.file_name().map_or_else(|| directory.display().to_string(), |n| n.to_string_lossy().into());
        let problem = problem(&run_file, [queries, examples, outputs]);
        let names = match Names::read(&run_file, problem.as_ref().ok()) {
            Err(error) if overrides.is_empty() => {
                tracing::warn!("{error}; examples are shown without names");
                Names::default()
            }
            names => names?,
        };
        Ok(Self {
            name,
            problem,
            excluded: Excluded::read(&run_file)?,
            names,
            summary,
            metrics,
            run_file,
            terms,
            attribution,
            listed,
            influence,
            listed_influence,
            attribution_positions,
            layers,
            windows,
            kernel,
            superposition,
            own,
            batches,
            validation: Validation::read(&store)?,
            queries,
            values,
            examples,
        })
    }

    /// A query's values in an array `[n, R]`.
    pub fn values_of<'a>(&self, array: &'a [f64], query: usize) -> &'a [f64] {
        &array[query * self.values..][..self.values]
    }

    /// The class that the network reads a query as: its largest output, the first of several. `None` where there are no
    /// classes, or where the readout does not tell.
    pub fn predicted(&self, query: usize) -> Option<usize> {
        self.compete().then(|| largest(self.values_of(&self.terms.prediction, query)))
    }

    /// Whether a query's values are those of classes, of which the largest is read: not where each of several positions has all
    /// classes.
    pub fn compete(&self) -> bool {
        let classes = self.run_file.training.loss.takes() == TargetKind::Classes;
        let width = |problem: &Problem| problem.network.shape(problem.network.output()).last().copied();
        let one = self.problem.as_ref().ok().and_then(width).is_none_or(|width| width == self.values);
        classes && one && self.run_file.kernel.readout.is_per_output()
    }

    /// The value of a query that is shown where none is asked for: of classes the predicted one, of other values the one that
    /// training moved most.
    pub fn shown_value(&self, query: usize) -> usize {
        self.predicted(query).unwrap_or_else(|| {
            let last = self.values_of(&self.terms.prediction, query);
            let change = last.iter().zip(self.values_of(&self.terms.initial, query));
            largest(&change.map(|(last, first)| (last - first).abs()).collect::<Vec<_>>())
        })
    }

    /// What people know a column's example by: its number in the files, or of columns of groups the column's.
    pub fn number(&self, column: usize) -> usize {
        if self.run_file.data.groups.is_some() { column } else { self.excluded.number(column) }
    }

    /// The column that people know by a number.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn column(&self, number: usize) -> Result<usize, String> {
        let grouped = self.run_file.data.groups.is_some();
        match if grouped { Some(number) } else { self.excluded.place(number) } {
            None => Err(format!("has no example {number}: data.train.exclude leaves it out")),
            Some(column) if column < self.examples => Ok(column),
            Some(_) => {
                let last = self.number(self.examples - 1);
                Err(format!("has no example {number}; they are numbered from 0 to {last}"))
            }
        }
    }

    /// The rows of each column.
    pub fn rows_of_columns(&self) -> Vec<Vec<usize>> {
        let groups =
            self.problem.as_ref().ok().and_then(|problem| Some((problem.groups.as_ref()?, problem.examples())));
        let Some((groups, rows)) = groups else { return (0..self.examples).map(|column| vec![column]).collect() };
        let mut found = vec![Vec::new(); self.examples];
        (0..rows).for_each(|row| found[groups.column(row)].push(row));
        found
    }

    /// The column of a row of the training set.
    pub fn column_of_row(&self, row: usize) -> usize {
        self.problem.as_ref().map_or(row, |problem| problem.column(row))
    }

    /// The class of each column, [`IGNORED`] of one whose rows have several; `None` where rows have none.
    pub fn column_classes(&self) -> Option<Vec<u32>> {
        let problem = self.problem.as_ref().ok()?;
        let given = problem.targets.classes(problem.examples()).map(<[u32]>::to_vec);
        let classes = given.or_else(|| self.two_classes(&problem.targets))?;
        let of = |rows: Vec<usize>| {
            let first = classes[*rows.first()?];
            Some(if rows.iter().all(|&row| classes[row] == first) { first } else { IGNORED })
        };
        self.rows_of_columns().into_iter().map(of).collect()
    }

    /// The classes 0 and 1, where the loss takes the only output for the probability of 1.
    pub fn two_classes(&self, targets: &Targets) -> Option<Vec<u32>> {
        let outputs = self.problem.as_ref().ok()?.network.outputs;
        let Targets::Reals(values) = targets else { return None };
        let both = outputs == 1 && self.run_file.training.loss.probabilities().is_some();
        let class = |&value: &f64| [0.0, 1.0].iter().position(|&own| own == value).map(|class| class as u32);
        if both { values.iter().map(class).collect() } else { None }
    }

    /// Which of two classes the network reads a query as, by its only output or that one's probability.
    pub fn predicted_of_two(&self, query: usize) -> Option<usize> {
        let half = match self.run_file.kernel.readout {
            Readout::Outputs => 0.0,
            Readout::Probabilities => 0.5,
            Readout::LogProbabilities => 0.5f64.ln(),
            _ => return None,
        };
        Some(usize::from(self.terms.prediction[query] > half))
    }

    /// The layers with trained parameters.
    pub fn layer_names(&self, layers: usize) -> Vec<String> {
        let model = &self.run_file.model;
        let name = |layer: usize| {
            let own = &model.layers[layer];
            let called = own.name.clone().unwrap_or_else(|| format!("layer {layer}"));
            format!("{called}, {}", own.kind.name())
        };
        let of = |network: Graph| {
            network.layers().into_iter().map(|blocks| name(network.blocks[blocks.start].layer)).collect()
        };
        let mut names: Vec<String> = self.run_file.build().map(of).unwrap_or_default();
        names.resize(layers, "layer".into());
        names
    }

    /// The first row of a column, which is shown for all of them.
    pub fn row(&self, column: usize) -> usize {
        let groups = self.problem.as_ref().ok().and_then(|problem| problem.groups.as_ref());
        groups.and_then(|groups| groups.first_row(column)).unwrap_or(column)
    }

    /// All amounts, or what was kept of them.
    pub fn amounts(&self, of: Of) -> (Option<&PairArray>, Option<&Listed>) {
        match of {
            Of::Attribution => (self.attribution.as_ref(), self.listed.as_ref()),
            Of::Influence => (self.influence.as_ref(), self.listed_influence.as_ref()),
        }
    }

    /// Whether any amounts of a kind are known.
    pub fn knows(&self, of: Of) -> bool {
        let (whole, listed) = self.amounts(of);
        whole.is_some() || listed.is_some()
    }

    /// Whether amounts are known of every example, and not of those alone that are in lists.
    pub fn is_whole(&self) -> bool {
        Of::ALL.into_iter().any(|of| self.amounts(of).0.is_some())
    }

    /// The `count` largest amounts of each sign of a value of a query, or as many as were kept, and what all of them add up to;
    /// `None` where they are not known.
    ///
    /// # Errors
    ///
    /// An array that cannot be read.
    pub fn largest(&self, of: Of, query: usize, value: usize, count: usize) -> Result<Option<Largest>, Error> {
        match self.amounts(of) {
            (Some(whole), _) => {
                let row = whole.values(query..query + 1, 0..self.examples)?;
                let amounts: Vec<(usize, f64)> = row.into_iter().skip(value).step_by(self.values).enumerate().collect();
                Ok(Some(Largest::of(&amounts, count)))
            }
            (None, Some(listed)) => Ok(Some(listed.of(query, value)?.at_most(count))),
            (None, None) => Ok(None),
        }
    }

    /// What a reader of the influences should know.
    pub fn influence_warnings(&self) -> Vec<&str> {
        let warnings = self.summary["influence"]["warnings"].as_array();
        warnings.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
    }

    /// Whether weight decay has a term.
    pub fn has_decay(&self) -> bool {
        self.run_file.training.has_decay()
    }

    /// What one step is called, and what many are.
    pub fn step(&self) -> (&'static str, &'static str) {
        match self.run_file.training.optimizer.motion() {
            Motion::Solved { .. } => ("step of the solver", "steps of the solver"),
            Motion::Steps => ("step", "steps"),
        }
    }

    /// The classes of the training examples, where there are classes.
    pub fn example_classes(&self) -> Option<&[u32]> {
        let problem = self.problem.as_ref().ok().filter(|problem| problem.groups.is_none());
        problem.and_then(|problem| problem.targets.classes(self.examples))
    }

    /// The classes of the queries, where they are known.
    pub fn query_classes(&self) -> Option<&[u32]> {
        self.problem.as_ref().ok().and_then(|problem| problem.query_targets.as_ref()?.classes(self.queries))
    }
}

/// The run's problem, where its data are still what they were; `shapes` are n, m and C.
fn problem(run_file: &RunFile, shapes: [usize; 3]) -> Result<Problem, Error> {
    let problem = read_problem(run_file)?;
    if [problem.query_count(), problem.columns(), problem.network.outputs] == shapes {
        return Ok(problem);
    }
    Err(Error::Input(format!("{}: the data are not those of the run any more", run_file.data.inputs)))
}

/// Where the largest value is, the first of several.
fn largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, place| if values[place] > values[best] { place } else { best })
}
