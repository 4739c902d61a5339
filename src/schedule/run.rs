//! A whole run, on one device.

use super::Inputs;
use super::device::{Work, free_memory, on_device};
use super::inputs::Targets;
use super::plan::{Plan, entries};
use crate::backend::{Backend, Element};
use crate::error::Error;
use crate::path::{Integration, Quadrature, Spec};
use crate::run_file::{Precision, RunFile, difference};
use crate::store::{Arrays, Store, Summary};
use crate::training::{Examples, Metrics, Recorder, TargetBuffer, Training, Trajectory};
use std::time::Instant;

/// Is told how a run gets on.
pub trait Progress {
    /// A phase of `total` units begins.
    fn begin(&mut self, phase: &str, total: u64);
    /// One unit is done.
    fn advance(&mut self);
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It was already there.
    AlreadyDone,
    /// It is done now.
    Done(Summary),
}

/// Does a whole run, or finds that it was done.
///
/// # Errors
///
/// Whatever is wrong with the run file, its inputs, the machine or the device; nothing is written before all inputs
/// and the plan have been checked.
pub fn run(run_file: &RunFile, progress: &mut dyn Progress) -> Result<Outcome, Error> {
    let store = Store::new(&run_file.run.directory);
    let resolved = run_file.to_toml();
    if let Some(earlier) = store.run_file()? {
        if let Err(error) = toml::from_str::<toml::Table>(&earlier) {
            return Err(Error::Input(format!(
                "{}: cannot be read: {}; the run directory is damaged, remove it or name another run.directory",
                store.path("run.toml").display(),
                error.message()
            )));
        }
        if let Some((key, have, want)) = difference(&earlier, &resolved) {
            return Err(Error::Input(format!(
                "{}: holds a different run: its {key} is {have}, this run's is {want}; name another run.directory or remove it",
                run_file.run.directory.display()
            )));
        }
        if store.is_finished() {
            return Ok(Outcome::AlreadyDone);
        }
    }
    let inputs = Inputs::read(run_file)?;
    on_device(run_file, Run { run_file, inputs: &inputs, store: &store, resolved: &resolved, progress })
}

fn convert<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&value| E::from_f64(value)).collect()
}

/// A run, once its inputs are read.
struct Run<'a> {
    run_file: &'a RunFile,
    inputs: &'a Inputs,
    store: &'a Store,
    resolved: &'a str,
    progress: &'a mut dyn Progress,
}

impl Work for Run<'_> {
    type Output = Outcome;

    fn on<B: Backend>(mut self, backend: &B) -> Result<Outcome, Error> {
        let plan = Plan::new(self.run_file, self.inputs, free_memory() / 2, backend.largest_buffer());
        plan.check(&self.run_file.run.directory, free_memory())?;
        tracing::info!("device       {}\n{plan}", backend.name());
        self.store.begin(self.resolved)?;
        let started = Instant::now();
        let examples =
            Examples::new(backend, &convert::<B::Element>(&self.inputs.train), self.inputs.network.input_len())?;
        let targets = match &self.inputs.targets {
            Targets::Classes(classes) => TargetBuffer::Classes(backend.index(classes)?),
            Targets::Reals(values) => {
                TargetBuffer::Reals(backend.upload(&convert::<B::Element>(values))?, values.len())
            }
        };
        let held = Held { examples: &examples, targets: &targets };
        let (trajectory, metrics) = self.train(backend, &held)?;
        let trained = started.elapsed().as_secs_f64();
        tracing::info!("trained in {trained:.2} s");
        let arrays = self.integrate(backend, &held, &plan, &trajectory)?;
        let integrated = started.elapsed().as_secs_f64();
        tracing::info!("integrated in {:.2} s", integrated - trained);
        self.write(backend, &plan, &trajectory, &metrics, &arrays, [trained, integrated - trained])
    }
}

/// The training data on the device.
struct Held<'a, B: Backend> {
    examples: &'a Examples<B>,
    targets: &'a TargetBuffer<B>,
}

impl Run<'_> {
    /// Trains, and says of each step its metrics and when it was done, in seconds.
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
            weight_decay: run_file.training.weight_decay,
            examples: held.examples,
            targets: held.targets,
        };
        let started = Instant::now();
        let mut metrics = Vec::with_capacity(inputs.steps.len());
        self.progress.begin("training", inputs.steps.len() as u64);
        let recorder = Recorder::create(&run_file.run.directory, inputs.steps.len(), inputs.network.len)?;
        let initial = convert::<B::Element>(&inputs.initial);
        let trajectory = training.run(&initial, inputs.steps.clone(), recorder, &mut |_, step| {
            metrics.push((step, started.elapsed().as_secs_f64()));
            self.progress.advance();
            Ok(())
        })?;
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
            weight_decay: self.run_file.training.weight_decay,
            quadrature: Quadrature::new(&kernel.rule),
            attribution: kernel.attribution,
            kernel: entries(kernel.kernel),
            coefficients: kernel.coefficients,
            tangent: kernel.tangent,
            layers: kernel.layers,
            contraction: plan.contraction.clone(),
        };
        let queries = convert::<B::Element>(inputs.queries());
        let integration = Integration {
            backend,
            network: &inputs.network,
            trajectory,
            spec: &spec,
            examples: held.examples,
            queries: &queries,
            targets: held.targets,
        };
        let steps = inputs.steps.len();
        let mut arrays = Arrays::new(&inputs.network, &spec, inputs.query_count(), inputs.examples, steps);
        self.progress.begin("integrating", (plan.tiles.len() * steps) as u64);
        for tile in &plan.tiles {
            tracing::debug!("queries {:?}, examples {:?}", tile.queries, tile.examples);
            let finished = integration.tile(tile, &mut || {
                self.progress.advance();
                Ok(())
            })?;
            arrays.insert(tile, &finished);
        }
        Ok(arrays)
    }

    /// Writes everything, `summary.json` last.
    fn write<B: Backend>(
        self,
        backend: &B,
        plan: &Plan,
        trajectory: &Trajectory,
        metrics: &[(Metrics, f64)],
        arrays: &Arrays<B::Element>,
        [train, integrate]: [f64; 2],
    ) -> Result<Outcome, Error> {
        let Run { run_file, inputs, store, .. } = self;
        let network = &inputs.network;
        let started = Instant::now();
        let last = trajectory.weights::<B::Element>(inputs.steps.len())?;
        let undefined_coefficients = arrays.write(store, network, &last)?;
        let classes = matches!(inputs.targets, Targets::Classes(_));
        store.write_metrics(metrics, arrays.residuals(), classes)?;
        let layers = network.parameters.iter().map(|own| own.layer);
        let summary = Summary {
            device: backend.name(),
            precision: if run_file.run.precision == Precision::F64 { "f64" } else { "f32" },
            shapes: plan.shapes,
            query_accuracy: query_accuracy(inputs, arrays.prediction()),
            largest_relative_residual: arrays.largest_relative_residual(),
            undefined_coefficients,
            seconds: [train, integrate, started.elapsed().as_secs_f64()],
            flops: plan.flops,
            contraction: layers.zip(plan.contraction.iter().copied()).collect(),
            tiles: plan.tiles.len(),
        };
        store.finish(&summary)?;
        Ok(Outcome::Done(summary))
    }
}

/// The share of the queries whose class has the largest output, where classes are known.
fn query_accuracy(inputs: &Inputs, prediction: &[f64]) -> Option<f64> {
    let Some(Targets::Classes(classes)) = &inputs.query_targets else {
        return None;
    };
    let outputs = inputs.network.outputs;
    let hits = prediction.chunks(outputs).zip(classes).filter(|(f, class)| {
        let best = (1..outputs).fold(0, |best, c| if f[c] > f[best] { c } else { best });
        best == **class as usize
    });
    Some(hits.count() as f64 / classes.len() as f64)
}
