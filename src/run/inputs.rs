//! Every input of a run, read and checked against every other.

use super::optimizer_state;
use super::weights::{self, Notes, check_real};
use super::{Checkpoints, Names};
use crate::compute::Entries;
use crate::device::Precision;
use crate::error::Error;
use crate::formats::{Array, TextLayout, read_with};
use crate::graph::{Graph, from_tensors};
use crate::loss::{Targets, of_rows};
use crate::path::{Spec, likely_rule};
use crate::plan::check_room;
use crate::problem::Problem;
use crate::run::beside::{
    OfExamples, no_targets, read_example_weights, read_groups, read_targets, rows_beside, with_holes,
};
use crate::run::exclude::Excluded;
use crate::run::keys::{AskedRule, Batches, InputFiles, KernelShape, RunFile};
use crate::run::numbers::{parameter_groups, rates};
use crate::run::rows::{Source, read_rows};
use crate::run::witness::{doubtful_scale, read_outputs};
use crate::tangent::Contraction;
use crate::tape::Step;
use crate::training::{Groups, draw_batches};

/// The inputs of a run, checked.
#[derive(Debug)]
pub struct Inputs {
    /// The network, how it is trained, on what, and what is asked.
    pub problem: Problem,
    /// The first weights, flat.
    pub initial: Vec<f64>,
    /// Checkpoints of a path that was recorded elsewhere.
    pub checkpoints: Option<Checkpoints>,
    /// `[n, C]`: the recorded model's own outputs of the queries, where they are known.
    pub outputs: Option<Vec<f64>>,
    /// What was done to fit files of weights to the network, and what else is noticed, for people.
    pub notes: Vec<String>,
}

impl Inputs {
    /// Reads and checks everything that a run file names.
    ///
    /// # Errors
    ///
    /// What does not fit, with the file, the shapes, and what to do.
    pub fn read(run_file: &RunFile) -> Result<Self, Error> {
        let problem = read_problem(run_file)?;
        Names::read(run_file, Some(&problem))?;
        let network = &problem.network;
        let checkpoints = match &run_file.trajectory.import {
            None => None,
            Some(pattern) => Some(Checkpoints::open(pattern, network, run_file.training.steps)?),
        };
        let mut notes = checkpoints.as_ref().map_or_else(Vec::new, |checkpoints| checkpoints.notes().to_vec());
        let initial = match &checkpoints {
            Some(checkpoints) => checkpoints.weights(0)?,
            None => first_weights(run_file, network, &mut notes)?,
        };
        fits_precision(initial_name(run_file), &initial, run_file.run.precision)?;
        check_steps(run_file, problem.examples())?;
        let rates = rates(run_file)?;
        let mut optimizer = parameter_groups(run_file, &problem.network, &rates)?;
        if let Some(path) = &run_file.training.optimizer_state {
            let state = optimizer_state::read(path, &problem.network, &optimizer, &mut notes)?;
            for (name, vector) in &state.vectors {
                fits_precision(&format!("{}: {name}", path.display()), vector, run_file.run.precision)?;
            }
            optimizer = optimizer.going_on(state);
        }
        let steps = steps(run_file, &problem, &rates)?;
        check_shares(&steps, run_file.run.precision)?;
        let problem = Problem { steps, spec: Spec { optimizer, ..problem.spec }, ..problem };
        problem.check().map_err(|error| name_tokens(error, run_file, &problem))?;
        let outputs = outputs(run_file, &problem)?;
        notes.extend(doubtful_scale(&problem));
        notes.iter().for_each(|note| tracing::warn!("{note}"));
        if problem.imported && problem.network.in_training().draws() {
            tracing::warn!("{FOREIGN_MASKS}");
        }
        Ok(Self { problem, initial, checkpoints, outputs, notes })
    }
}

/// The recorded model's own outputs.
fn outputs(run_file: &RunFile, problem: &Problem) -> Result<Option<Vec<f64>>, Error> {
    let Some(path) = &run_file.data.query_outputs else { return Ok(None) };
    let (count, network) = (problem.query_count(), &problem.network);
    let layout = run_file.data.query.layout(["data.query", "outputs"], Some(count));
    read_outputs(path, &layout, count, network.shape(network.output())).map(Some)
}

/// The problem of a check: where tokens name no row of their table, with the files that they are in.
fn name_tokens(error: Error, run_file: &RunFile, problem: &Problem) -> Error {
    let data = &run_file.data;
    let queries = data.query_inputs.as_ref().zip(problem.queries.as_ref());
    let parts = [Some((&data.inputs, &problem.inputs)), queries];
    let wrong = |(files, rows): (&InputFiles, &Vec<f64>)| {
        let problem = problem.network.check_tokens(rows).err()?;
        Some(Error::Input(format!("{files}: {problem}")))
    };
    parts.into_iter().flatten().find_map(wrong).unwrap_or(error)
}
/// What is said of an imported path of a network with dropout.
const FOREIGN_MASKS: &str = "trajectory.import: the network has dropout. What it dropped is known only where the path was made with \
                             pathkernel's masks (docs/pytorch.md) and this run.seed; what other masks did is in unexplained.npy";

/// The flat weights that a run file gives its network: those of a file, or drawn. What was done to fit a file to the network goes
/// to `said`.
///
/// # Errors
///
/// A file that cannot be read, or does not fit.
pub fn first_weights(run_file: &RunFile, network: &Graph, said: &mut Vec<String>) -> Result<Vec<f64>, Error> {
    let Some(path) = &run_file.model.weights else { return Ok(network.draw(run_file.run.seed)) };
    let mut notes = Notes::default();
    let tensors = weights::open(path, network, &mut notes)?.read()?;
    said.extend(notes.lines());
    let found = check_real(network, &tensors).and_then(|()| from_tensors(network, &tensors));
    found.map_err(|problem| weights::wrong(path, problem))
}

/// The problem of a run file, with its data, and without its steps.
///
/// # Errors
///
/// What does not fit, with the file, the shapes, and what to do.
pub fn read_problem(run_file: &RunFile) -> Result<Problem, Error> {
    let mut network = run_file.build()?.seeded(run_file.run.seed);
    if run_file.trajectory.import.is_some() && !network.held.is_empty() {
        // Whoever recorded the path may have moved them.
        network = network.following_held();
    }
    if network.blocks.is_empty() {
        let problem = "model.output: the output depends on no trained parameter, so that nothing can be explained";
        return Err(Error::Input(problem.into()));
    }
    check_weights(&network)?;
    let (data, training, kernel) = (&run_file.data, &run_file.training, &run_file.kernel);
    let precision = run_file.run.precision;
    let others =
        [("targets", data.targets.as_ref()), ("weights", data.weights.as_ref()), ("groups", data.groups.as_ref())];
    let rows = rows_beside(&data.inputs, &others);
    let source = Source { section: "data.train", files: &data.inputs, reading: &data.train, rows };
    let train = read_rows(&source, &network, precision).map_err(|error| with_holes(error, &source, &others))?;
    let (given, excluded) = (train.count, Excluded::read(run_file)?);
    let left = excluded.left(given)?;
    let examples = left.len();
    let targets = match &data.targets {
        Some(path) => read_targets(path, &network, training, &train, &source)?,
        None => no_targets(training, given)?,
    };
    let targets = if examples == given { targets } else { targets.of_rows(&left, given) };
    let of_example =
        |key, path| OfExamples { path, layout: data.train.layout(["data.train", key], Some(given)), of: &train };
    let groups = data.groups.as_deref().map(|path| read_groups(&of_example("groups", path))).transpose()?;
    let groups = groups.map(|numbers| Groups::new(&rows_left(numbers, &left, given)));
    let mut superposition_vectors = kernel.superposition_vectors.clone();
    check_examples(&superposition_vectors, groups.as_ref().map_or(given, Groups::count))?;
    if groups.is_none() {
        superposition_vectors = excluded.places("kernel.superposition_vectors:", &superposition_vectors)?;
    }
    let mut queries = None;
    let mut query_targets = data.targets.is_some().then(|| targets.clone());
    if let Some(files) = &data.query_inputs {
        let others = [("targets", data.query_targets.as_ref()), ("outputs", data.query_outputs.as_ref())];
        let rows = rows_beside(files, &others);
        let source = Source { section: "data.query", files, reading: &data.query, rows };
        let own = read_rows(&source, &network, precision).map_err(|error| with_holes(error, &source, &others))?;
        own.check_against(&train, &source)?;
        query_targets = match &data.query_targets {
            None => None,
            Some(path) => {
                let count = own.count;
                let own = read_targets(path, &network, training, &own, &source)?;
                let positions = [targets.positions(examples, network.outputs), own.positions(count, network.outputs)];
                if positions[0] != positions[1] {
                    let train = data.targets.as_deref().unwrap_or("the training set");
                    let problem = "give both the same shape but for the first axis";
                    let [one, other] = positions;
                    return Err(Error::Input(format!(
                        "{path}: has {other} targets a row, and {train} has {one}; {problem}"
                    )));
                }
                Some(own)
            }
        };
        queries = Some(own.values);
    }
    if let (Targets::Reals(values), Some(path)) = (&targets, &data.targets) {
        fits_precision(path, values, precision)?;
    }
    let weights = data.weights.as_deref().map(|path| read_example_weights(&of_example("weights", path), precision));
    let weights = weights.transpose()?.map(|weights| rows_left(weights, &left, given));
    let mut contraction = kernel.contraction.clone();
    if contraction.as_deref() == Some(&[Contraction::Directional]) {
        contraction = Some(vec![Contraction::Directional; network.blocks.len()]);
    }
    let spec = Spec {
        readout: kernel.readout,
        chosen: kernel.chosen.clone(),
        attribution: kernel.attribution,
        windows: kernel.windows,
        positions: kernel.positions.then(|| targets.positions(examples, network.outputs)),
        kernel: entries(kernel.kernel),
        coefficients: kernel.coefficients,
        tangent: kernel.tangent,
        layers: kernel.layers,
        symmetric: queries.is_none() && groups.is_none() && !network.differs_in_training(),
        ..Spec::new(training.loss, training.optimizer)
    };
    let rule = match kernel.rule {
        AskedRule::Given(rule) => rule,
        AskedRule::Auto { tolerance } => likely_rule(&network, &spec, tolerance),
    };
    let spec = Spec { rule, ..spec };
    Ok(Problem {
        network,
        spec,
        contraction,
        expected: kernel.expected(),
        inputs: rows_left(train.values, &left, given),
        targets,
        numbers: training.numbers(),
        weights,
        groups,
        queries,
        query_targets,
        steps: Vec::new(),
        reduction: training.reduction,
        clip_norm: training.clip_norm,
        every: run_file.trajectory.every,
        imported: run_file.trajectory.import.is_some(),
        superposition: kernel.superposition,
        superposition_vectors,
        own: kernel.own,
        influence: kernel.influence,
    })
}

/// What an array with a row for each of the examples that were given has of those that are left.
fn rows_left<T: Copy>(values: Vec<T>, left: &[u32], given: usize) -> Vec<T> {
    if left.len() == given { values } else { of_rows(&values, left, given) }
}

/// What the kernel's shape means for its entries.
fn entries(shape: KernelShape) -> Option<Entries> {
    match shape {
        KernelShape::None => None,
        KernelShape::Trace => Some(Entries::Trace),
        KernelShape::Diagonal => Some(Entries::Diagonal),
        KernelShape::Full => Some(Entries::Full),
    }
}

/// Weights that no memory would hold, before any is reserved.
fn check_weights(network: &Graph) -> Result<(), Error> {
    let what = format!("model.layers: {} parameters", network.parameter_count());
    // The weights, the next ones, their change and the gradient.
    check_room(&what, (network.len as u64).saturating_mul(4 * 8), "make the layers smaller")
}

/// Steps whose batches no memory would hold, before any is drawn.
fn check_steps(run_file: &RunFile, examples: usize) -> Result<(), Error> {
    let training = &run_file.training;
    // A step's own record and its metrics, and its batch.
    let step = 128 + 4 * training.batch_size.map_or(0, |size| size.min(examples)) as u64;
    let what = format!("training.steps: the batches and metrics of {} steps", training.steps);
    check_room(&what, (training.steps as u64).saturating_mul(step), "take fewer")
}

/// What messages call the initial weights.
fn initial_name(run_file: &RunFile) -> &str {
    run_file.model.weights.as_ref().and_then(|path| path.to_str()).unwrap_or("the initial weights")
}

/// Fails where a value is finite in double precision only.
pub(super) fn fits_precision(name: &str, values: &[f64], precision: Precision) -> Result<(), Error> {
    if precision == Precision::F64 {
        return Ok(());
    }
    // -∞ is a mask's, and no number that single precision lacks.
    let fits = |value: f64| (value as f32).is_finite() || value == f64::NEG_INFINITY;
    match values.iter().position(|&value| !fits(value)) {
        None => Ok(()),
        Some(at) => Err(Error::Input(format!(
            "{name}: element {at} is {:?}, too large for f32; set run.precision = \"f64\" or scale the values",
            values[at]
        ))),
    }
}

pub(super) fn finite(path: &str, array: &Array) -> Result<(), Error> {
    match array.first_not_finite() {
        None => Ok(()),
        Some(at) => Err(Error::Input(format!(
            "{path}: holds NaN or infinity, first at element {at} (counted from 0, in C order); remove or replace it"
        ))),
    }
}

fn steps(run_file: &RunFile, problem: &Problem, rates: &[f64]) -> Result<Vec<Step>, Error> {
    let (training, examples, excluded) = (&run_file.training, problem.examples(), Excluded::read(run_file)?);
    let given = examples + excluded.count();
    let left = |name: &str, batches: Vec<Vec<u32>>| -> Result<Vec<Vec<u32>>, Error> {
        let places = |(step, batch): (usize, &Vec<u32>)| excluded.places(&format!("{name}: step {step}"), batch);
        batches.iter().enumerate().map(places).collect()
    };
    let batches = match &training.batches {
        Some(Batches::File(path)) => Some(left(path, read_batches(path, training.steps, training.batch_size, given)?)?),
        Some(Batches::List(batches)) => {
            check_batches(batches, training.steps, training.batch_size, given)?;
            Some(left("training.batches", batches.clone())?)
        }
        None => training.batch_size.map(|size| draw_batches(run_file.run.seed, examples, size, training.steps)),
    };
    Ok(match batches {
        None => {
            let full = problem.step(0.0, None);
            rates.iter().map(|&learning_rate| Step { learning_rate, ..full.clone() }).collect()
        }
        Some(batches) => batches.into_iter().zip(rates).map(|(batch, &rate)| problem.step(rate, Some(batch))).collect(),
    })
}

/// Batches that the run file lists itself.
fn check_batches(batches: &[Vec<u32>], steps: usize, size: Option<usize>, examples: usize) -> Result<(), Error> {
    if batches.len() != steps {
        let have = batches.len();
        return Err(Error::Input(format!("training.batches: has {have} batches, but training.steps = {steps}")));
    }
    for (step, batch) in batches.iter().enumerate() {
        if let Some(example) = batch.iter().find(|&&example| example as usize >= examples) {
            return Err(Error::Input(format!(
                "training.batches: step {step} names example {example}, but there are examples 0 to {}",
                examples - 1
            )));
        }
    }
    match (size, batches.iter().position(|batch| size.is_some_and(|size| size != batch.len()))) {
        (Some(size), Some(step)) => Err(Error::Input(format!(
            "training.batches: step {step} has {} entries, but training.batch_size = {size}; leave batch_size out",
            batches[step].len()
        ))),
        _ => Ok(()),
    }
}

/// What losses are divided by must not leave single precision: infinity times a weight that is as small is no number.
fn check_shares(steps: &[Step], precision: Precision) -> Result<(), Error> {
    let is_out = |step: &Step| step.total > 0.0 && step.total.is_finite() && !(step.share as f32).is_normal();
    match steps.iter().position(is_out).filter(|_| precision != Precision::F64) {
        None => Ok(()),
        Some(number) => Err(Error::Input(format!(
            "training: the weights of step {number}'s batch add up to {:?}, by which f32 cannot divide a loss; only their ratios \
             count, so multiply data.train.weights (or training.class_weights) by a number that brings them near 1, or set \
             run.precision = \"f64\"",
            steps[number].total
        ))),
    }
}

/// Examples whose part of the weights' change is wanted must be there.
fn check_examples(wanted: &[u32], examples: usize) -> Result<(), Error> {
    match wanted.iter().find(|&&example| example as usize >= examples) {
        None => Ok(()),
        Some(example) => Err(Error::Input(format!(
            "kernel.superposition_vectors: names example {example}, but there are examples 0 to {}",
            examples - 1
        ))),
    }
}

/// What stands behind the last example of a batch that is shorter than others.
const FILLED_UP: f64 = -1.0;

fn read_batches(path: &str, steps: usize, size: Option<usize>, examples: usize) -> Result<Vec<Vec<u32>>, Error> {
    let array = read_with(path, &TextLayout { rows: Some(steps), ..TextLayout::default() })?;
    let (shape, values) = (array.shape.clone(), array.to_f64());
    let &[rows, width] = shape.as_slice() else {
        return Err(Error::Input(format!("{path}: has shape {shape:?}; batches are [steps, batch]")));
    };
    if !array.is_integer() {
        return Err(Error::Input(format!("{path}: holds real numbers; batches are integers from 0")));
    }
    if rows != steps {
        return Err(Error::Input(format!("{path}: has {rows} batches, but training.steps = {steps}")));
    }
    if width == 0 {
        return Err(Error::Input(format!(
            "{path}: has shape {shape:?}: no step has an example, from step 0 on; give each at least one, or leave \
             training.batches out for full batches"
        )));
    }
    if size.is_some_and(|size| size != width) {
        return Err(Error::Input(format!(
            "{path}: its batches have {width} entries, but training.batch_size = {}; leave batch_size out or set it to {width}",
            size.map_or("(none)".to_owned(), |size| size.to_string())
        )));
    }
    let batch = |(step, batch): (usize, &[f64])| -> Result<Vec<u32>, Error> {
        // A batch that is shorter than others is filled up.
        let len = batch.iter().rposition(|&example| example != FILLED_UP).map_or(0, |last| last + 1);
        match batch[..len].iter().find(|&&example| example < 0.0 || example >= examples as f64) {
            None if len == 0 => {
                Err(Error::Input(format!("{path}: step {step} has no example; give each step at least one")))
            }
            None => Ok(batch[..len].iter().map(|&example| example as u32).collect()),
            Some(example) => Err(Error::Input(format!(
                "{path}: step {step} names example {example}, but there are examples 0 to {}; a shorter batch ends in -1",
                examples - 1
            ))),
        }
    };
    values.chunks(width).enumerate().map(batch).collect()
}
