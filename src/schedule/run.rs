//! A whole run, on one device.

use super::Inputs;
use super::inputs::Targets;
use super::plan::{Plan, entries};
use crate::backend::cpu::CpuBackend;
#[cfg(feature = "gpu")]
use crate::backend::gpu::{Choice, GpuBackend};
use crate::backend::{Backend, BackendError, Element};
use crate::error::Error;
use crate::path::{Integration, Quadrature, Spec};
use crate::run_file::{Precision, RunFile, difference};
use crate::store::{Arrays, Store, Summary};
use crate::training::{Examples, Metrics, Recorder, TargetBuffer, Training};
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
    #[cfg(feature = "gpu")]
    if let Some(backend) = gpu(run_file)? {
        return on_device(&backend, run_file, &inputs, &store, &resolved, progress);
    }
    #[cfg(not(feature = "gpu"))]
    if !matches!(run_file.run.device.as_str(), "auto" | "cpu") {
        let problem = "this program was built without the feature \"gpu\"; set run.device to \"cpu\"";
        return Err(Error::Backend(BackendError::NoAdapter(problem.into())));
    }
    match run_file.run.precision {
        Precision::F32 => on_device(&CpuBackend::<f32>::new(), run_file, &inputs, &store, &resolved, progress),
        Precision::F64 => on_device(&CpuBackend::<f64>::new(), run_file, &inputs, &store, &resolved, progress),
    }
}

/// The GPU that a run asks for; `None` is the CPU. `auto` takes hardware alone.
#[cfg(feature = "gpu")]
fn gpu(run_file: &RunFile) -> Result<Option<GpuBackend>, Error> {
    let choice = match run_file.run.device.as_str() {
        "cpu" => return Ok(None),
        "auto" if run_file.run.precision == Precision::F64 => return Ok(None),
        "auto" => Choice::Hardware,
        "gpu" => Choice::Any,
        name => Choice::Named(name.to_owned()),
    };
    match GpuBackend::open(&choice) {
        Err(BackendError::NoAdapter(_)) if choice == Choice::Hardware => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Memory that is free on this machine, in bytes.
pub(crate) fn free_memory() -> u64 {
    // Where the system does not say, nothing is refused.
    sysinfo::System::new().map_or(u64::MAX / 4, |mut system| {
        system.refresh_memory();
        system.available_memory()
    })
}

fn convert<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|&value| E::from_f64(value)).collect()
}

fn on_device<B: Backend>(
    backend: &B,
    run_file: &RunFile,
    inputs: &Inputs,
    store: &Store,
    resolved: &str,
    progress: &mut dyn Progress,
) -> Result<Outcome, Error> {
    let network = &inputs.network;
    let memory = free_memory();
    let plan = Plan::new(run_file, inputs, memory / 2, backend.largest_buffer());
    plan.check(&run_file.run.directory, memory)?;
    store.begin(resolved)?;

    let examples = Examples::new(backend, &convert::<B::Element>(&inputs.train), network.input_len())?;
    let queries: Vec<B::Element> = convert(inputs.queries());
    let targets = match &inputs.targets {
        Targets::Classes(classes) => TargetBuffer::Classes(backend.index(classes)?),
        Targets::Reals(values) => TargetBuffer::Reals(backend.upload(&convert::<B::Element>(values))?, values.len()),
    };
    let started = Instant::now();
    let mut metrics: Vec<(Metrics, f64)> = Vec::new();
    let training = Training {
        backend,
        network,
        loss: run_file.training.loss,
        weight_decay: run_file.training.weight_decay,
        examples: &examples,
        targets: &targets,
    };
    progress.begin("training", inputs.steps.len() as u64);
    let recorder = Recorder::create(&run_file.run.directory, inputs.steps.len(), network.len)?;
    let trajectory =
        training.run(&convert::<B::Element>(&inputs.initial), inputs.steps.clone(), recorder, &mut |_, step| {
            metrics.push((step, started.elapsed().as_secs_f64()));
            progress.advance();
            Ok(())
        })?;
    let trained = started.elapsed();

    let spec = Spec {
        loss: run_file.training.loss,
        weight_decay: run_file.training.weight_decay,
        quadrature: Quadrature::new(&run_file.kernel.rule),
        attribution: run_file.kernel.attribution,
        kernel: entries(run_file.kernel.kernel),
        coefficients: run_file.kernel.coefficients,
        tangent: run_file.kernel.tangent,
        layers: run_file.kernel.layers,
        contraction: plan.contraction.clone(),
    };
    let integration = Integration {
        backend,
        network,
        trajectory: &trajectory,
        spec: &spec,
        examples: &examples,
        queries: &queries,
        targets: &targets,
    };
    let mut arrays =
        Arrays::<B::Element>::new(network, &spec, inputs.query_count(), inputs.examples, inputs.steps.len());
    progress.begin("integrating", (plan.tiles.len() * inputs.steps.len()) as u64);
    for tile in &plan.tiles {
        let finished = integration.tile(tile, &mut || {
            progress.advance();
            Ok(())
        })?;
        arrays.insert(tile, &finished);
    }
    let integrated = started.elapsed();

    let written = Instant::now();
    let not_a_number = arrays.write(store, network, &trajectory.weights::<B::Element>(inputs.steps.len())?)?;
    let classes = matches!(inputs.targets, Targets::Classes(_));
    store.write_metrics(&metrics, arrays.residuals(), classes)?;
    let summary = Summary {
        device: backend.name(),
        precision: if run_file.run.precision == Precision::F64 { "f64" } else { "f32" },
        shapes: plan.shapes,
        query_accuracy: query_accuracy(inputs, arrays.prediction()),
        largest_relative_residual: arrays.largest_relative_residual(),
        undefined_coefficients: not_a_number,
        seconds: [trained.as_secs_f64(), (integrated - trained).as_secs_f64(), written.elapsed().as_secs_f64()],
        flops: plan.flops,
        contraction: network.parameters.iter().map(|own| own.layer).zip(plan.contraction.iter().copied()).collect(),
        tiles: plan.tiles.len(),
    };
    store.finish(&summary)?;
    Ok(Outcome::Done(summary))
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
