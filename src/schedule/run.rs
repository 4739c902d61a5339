//! A whole run, on one device.

use super::Inputs;
use super::device::{Work, free_memory, on_device, rates};
use super::inputs::{Targets, fits_precision, full_batch};
use super::plan::{Plan, entries};
use crate::backend::{Backend, Phase, convert};
use crate::error::Error;
use crate::path::{Integration, Quadrature, QueryTargets, Setting, Spec, Superposition};
use crate::run_file::{KernelShape, Optimizer, Rule, RunFile, difference};
use crate::store::{Arrays, Parts, Store, Summary};
use crate::training::{Examples, Metrics, Recorder, TargetBuffer, Training, Trajectory, describe};
use std::time::Instant;

/// Units of a phase of unknown length.
const PERCENT: u64 = 100;

/// Is told how a run gets on.
pub trait Progress: Send {
    /// A phase of `total` units begins.
    fn begin(&mut self, phase: &str, total: u64);
    /// One unit is done.
    fn advance(&mut self);
    /// Whether the run shall stop: asked after each step.
    fn stopped(&self) -> bool {
        false
    }
}

/// Counts a step, and ends the run where it shall stop.
fn step(progress: &mut dyn Progress) -> Result<(), Error> {
    progress.advance();
    if progress.stopped() { Err(Error::Stopped) } else { Ok(()) }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It was already there.
    AlreadyDone,
    /// It is done now.
    Done(Box<Summary>),
}

/// Does a whole run, or finds that it was done.
///
/// # Errors
///
/// Whatever is wrong with the run file, its inputs, the machine or the device; nothing is written before all inputs
/// and the plan have been checked.
pub fn run(run_file: &RunFile, progress: &mut dyn Progress) -> Result<Outcome, Error> {
    let store = Store::new(&run_file.run.directory);
    let mut run_file = run_file.clone();
    if let Some(earlier) = store.run_file()? {
        let recorded = RunFile::parse(&earlier, &store.path("run.toml"), &[]).map_err(|error| {
            Error::Input(format!("{error}; the run directory is damaged, remove it or name another run.directory"))
        })?;
        // What was measured when the run began is part of it.
        run_file.kernel.contraction = run_file.kernel.contraction.or(recorded.kernel.contraction);
        if let Some((key, have, want)) = difference(&earlier, &run_file.to_toml()) {
            return Err(Error::Input(format!(
                "{}: holds a different run: its {key} is {have}, this run's is {want}; name another run.directory or remove it",
                run_file.run.directory.display()
            )));
        }
        if store.is_finished() {
            store.verify(&file_names(&run_file))?;
            return Ok(Outcome::AlreadyDone);
        }
    }
    let inputs = Inputs::read(&run_file)?;
    on_device(&run_file.run, Run { run_file: &run_file, inputs: &inputs, store: &store, progress })
}

/// A run, once its inputs are read.
struct Run<'a> {
    run_file: &'a RunFile,
    inputs: &'a Inputs,
    store: &'a Store,
    progress: &'a mut dyn Progress,
}

impl Work for Run<'_> {
    type Output = Outcome;

    fn on<B: Backend>(self, backend: &B) -> Result<Outcome, Error> {
        let rates = rates(backend, &self.run_file.run)?;
        let plan = Plan::new(self.run_file, self.inputs, &rates, free_memory() / 2, backend.largest_buffer());
        plan.check(&self.run_file.run.directory, free_memory())?;
        tracing::info!("device       {}\n{plan}", backend.name());
        let mut resolved = self.run_file.clone();
        resolved.kernel.contraction = Some(plan.contraction.clone());
        let made = self.store.begin(&resolved.to_toml())?;
        let store = self.store;
        let outcome = self.compute(backend, &plan);
        if let Err(Error::Diverged { .. }) = outcome {
            // The way out is another learning rate, which is another run: this one must not be in its way.
            store.discard(made)?;
        }
        outcome
    }
}

/// The training data on the device.
struct Held<'a, B: Backend> {
    examples: &'a Examples<B>,
    targets: &'a TargetBuffer<B>,
}

/// Seconds of what was done so far.
struct Times {
    train: f64,
    integrate: f64,
    phases: Option<[f64; Phase::COUNT]>,
}

impl Run<'_> {
    /// Trains, integrates, and writes.
    fn compute<B: Backend>(mut self, backend: &B, plan: &Plan) -> Result<Outcome, Error> {
        let started = Instant::now();
        let examples =
            Examples::new(backend, &convert::<B::Element>(&self.inputs.train), self.inputs.network.input_len())?;
        let targets = target_buffer(backend, &self.inputs.targets)?;
        let held = Held { examples: &examples, targets: &targets };
        let (trajectory, metrics) = self.train(backend, &held)?;
        let trained = started.elapsed().as_secs_f64();
        tracing::info!("trained in {trained:.2} s");
        let before = backend.phase_seconds();
        let arrays = self.integrate(backend, &held, plan, &trajectory)?;
        let phases = backend
            .phase_seconds()
            .zip(before)
            .map(|(after, before)| std::array::from_fn(|phase| after[phase] - before[phase]));
        let integrated = started.elapsed().as_secs_f64();
        tracing::info!("integrated in {:.2} s", integrated - trained);
        let times = Times { train: trained, integrate: integrated - trained, phases };
        self.write(backend, plan, &trajectory, &metrics, arrays, &times)
    }

    /// Makes the path, or follows a recorded one, and says of each step its metrics and when it was done, in seconds.
    fn train<B: Backend>(
        &mut self,
        backend: &B,
        held: &Held<'_, B>,
    ) -> Result<(Trajectory, Vec<(Metrics, f64)>), Error> {
        let (run_file, inputs) = (self.run_file, self.inputs);
        let training = Training {
            backend,
            network: &inputs.network,
            loss: run_file.training.loss,
            optimizer: run_file.training.optimizer,
            clip_norm: run_file.training.clip_norm,
            examples: held.examples,
            targets: held.targets,
        };
        let started = Instant::now();
        let mut metrics = Vec::with_capacity(inputs.steps.len());
        let recorder = Recorder::create(&run_file.run.directory, inputs.recording(run_file), inputs.network.len)?;
        let initial = convert::<B::Element>(&inputs.initial);
        let steps = inputs.steps.clone();
        let mut note = |values: Metrics| metrics.push((values, started.elapsed().as_secs_f64()));
        let progress = &mut *self.progress;
        let trajectory = match (&run_file.training.optimizer, &inputs.checkpoints) {
            (Optimizer::Flow(flow), _) => {
                progress.begin("following the flow", PERCENT);
                let mut done = 0;
                let quadrature = Quadrature::of_flow(&run_file.kernel.rule);
                let full = full_batch(inputs.examples, run_file.training.reduction);
                training.flow(&initial, flow, &quadrature, &full, recorder, &mut |time, values| {
                    note(values);
                    let reached = (PERCENT as f64 * time / flow.time) as u64;
                    (done..reached).for_each(|_| progress.advance());
                    done = reached;
                    if progress.stopped() { Err(Error::Stopped) } else { Ok(()) }
                })?
            }
            (_, Some(checkpoints)) => {
                progress.begin("importing", steps.len() as u64);
                let mut weights = |number| {
                    let weights = checkpoints.weights(number)?;
                    fits_precision(&format!("checkpoint {number}"), &weights, run_file.run.precision)?;
                    Ok(convert(&weights))
                };
                training.follow(&mut weights, steps, recorder, &mut |_, values| {
                    note(values);
                    step(progress)
                })?
            }
            (_, None) => {
                progress.begin("training", steps.len() as u64);
                training.run(&initial, steps, recorder, &mut |_, values| {
                    note(values);
                    step(progress)
                })?
            }
        };
        describe(&run_file.run.directory, &inputs.network, &trajectory.steps)?;
        Ok((trajectory, metrics))
    }

    /// Integrates every tile.
    fn integrate<B: Backend>(
        &mut self,
        backend: &B,
        held: &Held<'_, B>,
        plan: &Plan,
        trajectory: &Trajectory,
    ) -> Result<Arrays<B::Element>, Error> {
        let (inputs, kernel) = (self.inputs, &self.run_file.kernel);
        let spec = Spec {
            loss: self.run_file.training.loss,
            optimizer: self.run_file.training.optimizer,
            rule: kernel.rule,
            readout: kernel.readout,
            attribution: kernel.attribution,
            kernel: entries(kernel.kernel),
            coefficients: kernel.coefficients,
            tangent: kernel.tangent,
            layers: kernel.layers,
            symmetric: inputs.queries.is_none(),
            contraction: plan.contraction.clone(),
        };
        let values = convert::<B::Element>(inputs.queries());
        let query_targets = match &inputs.query_targets {
            Some(targets) if kernel.readout.needs_targets() => Some(QueryTargets {
                buffer: target_buffer(backend, targets)?,
                classes: if let Targets::Classes(classes) = targets { classes.clone() } else { Vec::new() },
            }),
            _ => None,
        };
        let setting = Setting {
            backend,
            network: &inputs.network,
            spec: &spec,
            examples: held.examples,
            queries: &values,
            targets: held.targets,
            query_targets: query_targets.as_ref(),
        };
        let integration = Integration { setting, trajectory };
        let steps = trajectory.steps.len();
        let (queries, examples) = (inputs.query_count(), inputs.examples);
        let mut arrays = Arrays::create(self.store, &inputs.network, &spec, queries, examples, trajectory)?;
        self.progress.begin("integrating", (plan.tiles.len() * steps) as u64);
        for tile in &plan.tiles {
            tracing::debug!("queries {:?}, examples {:?}", tile.queries, tile.examples);
            let finished = integration.tile(tile, &mut || step(self.progress))?;
            arrays.insert(tile, &finished);
        }
        if kernel.superposition {
            let parts = self.superpose(&Superposition { setting, trajectory })?;
            arrays.superpose(parts);
        }
        if spec.triangle(&trajectory.steps) {
            arrays.mirror_kernel();
        }
        if spec.half_tangent() {
            arrays.mirror_tangent();
        }
        Ok(arrays)
    }

    /// Takes the change of the weights apart.
    fn superpose<B: Backend>(&mut self, superposition: &Superposition<'_, B>) -> Result<Parts<B::Element>, Error> {
        let (network, trajectory) = (&self.inputs.network, superposition.trajectory);
        let first = convert::<B::Element>(&self.inputs.initial);
        let mut parts = Parts::new(network, &first, &trajectory.last()?, &self.run_file.kernel.superposition_vectors);
        let sets = superposition.sets();
        self.progress.begin("superposing", (sets.len() * trajectory.steps.len()) as u64);
        for set in sets {
            let vectors = superposition.vectors(&set, &mut || step(self.progress))?;
            parts.insert(&set, &vectors);
        }
        Ok(parts)
    }

    /// Writes everything, `summary.json` last.
    fn write<B: Backend>(
        self,
        backend: &B,
        plan: &Plan,
        trajectory: &Trajectory,
        metrics: &[(Metrics, f64)],
        mut arrays: Arrays<B::Element>,
        times: &Times,
    ) -> Result<Outcome, Error> {
        let Run { run_file, inputs, store, .. } = self;
        let network = &inputs.network;
        let adaptive = matches!(run_file.kernel.rule, Rule::Adaptive { .. });
        let started = Instant::now();
        let last = trajectory.last::<B::Element>()?;
        let undefined_coefficients = arrays.complete();
        let query_accuracy = query_accuracy(inputs, arrays.prediction());
        let largest_relative_residual = arrays.largest_relative_residual();
        let largest_relative_unexplained = arrays.largest_relative_unexplained();
        let classes = matches!(inputs.targets, Targets::Classes(_));
        let (nodes, missed) = arrays.nodes();
        let (nodes, missed_tolerance) = (nodes.to_vec(), adaptive.then(|| missed.iter().sum()));
        store.write_metrics(metrics, arrays.residuals(), classes)?;
        arrays.write(store, network, &last)?;
        let layers = network.parameters.iter().map(|own| own.layer);
        let summary = Summary {
            optimizer: run_file.training.optimizer.name(),
            readout: run_file.kernel.readout.name(),
            device: backend.name(),
            precision: run_file.run.precision.name(),
            shapes: plan.shapes_of(trajectory.steps.len()),
            nodes,
            missed_tolerance,
            query_accuracy,
            largest_relative_residual,
            largest_relative_unexplained,
            undefined_coefficients,
            seconds: [times.train, times.integrate, started.elapsed().as_secs_f64()],
            phases: times.phases,
            flops: plan.flops,
            pass_flops: plan.pass_flops,
            contraction: layers.zip(plan.contraction.iter().copied()).collect(),
            tiles: plan.tiles.len(),
        };
        store.finish(&summary)?;
        Ok(Outcome::Done(Box::new(summary)))
    }
}

/// Targets on the device.
fn target_buffer<B: Backend>(backend: &B, targets: &Targets) -> Result<TargetBuffer<B>, Error> {
    Ok(match targets {
        Targets::Classes(classes) => TargetBuffer::Classes(backend.index(classes)?),
        Targets::Reals(values) => TargetBuffer::Reals(backend.upload(&convert::<B::Element>(values))?, values.len()),
    })
}

/// The files that a run writes, but for its summary, its report and the rest of the recorded path.
fn file_names(run_file: &RunFile) -> Vec<&'static str> {
    let kernel = &run_file.kernel;
    let has_kernel = kernel.kernel != KernelShape::None;
    let names = [
        ("attribution.npy", kernel.attribution),
        ("attribution_layers.npy", kernel.attribution && kernel.layers),
        ("kernel.npy", has_kernel),
        ("kernel_layers.npy", has_kernel && kernel.layers),
        ("coefficients.npy", kernel.coefficients),
        ("tangent_initial.npy", kernel.tangent),
        ("tangent_final.npy", kernel.tangent),
        ("initial.npy", true),
        ("prediction.npy", true),
        ("regularizer.npy", true),
        ("residual.npy", true),
        ("unexplained.npy", run_file.trajectory.import.is_some()),
        ("superposition.npy", kernel.superposition),
        ("superposition.safetensors", !kernel.superposition_vectors.is_empty()),
        ("trajectory/weights.npy", true),
        ("weights_final.safetensors", true),
        ("metrics.jsonl", true),
    ];
    names.into_iter().filter_map(|(name, written)| written.then_some(name)).collect()
}

/// The share of the queries whose class has the largest output, where classes are known.
fn query_accuracy(inputs: &Inputs, prediction: &[f64]) -> Option<f64> {
    let Some(Targets::Classes(classes)) = &inputs.query_targets else {
        return None;
    };
    let outputs = inputs.network.outputs;
    if prediction.len() != classes.len() * outputs {
        return None;
    }
    let hits = prediction.chunks(outputs).zip(classes).filter(|(f, class)| {
        let best = (1..outputs).fold(0, |best, c| if f[c] > f[best] { c } else { best });
        best == **class as usize
    });
    Some(hits.count() as f64 / classes.len() as f64)
}
