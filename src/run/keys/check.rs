//! What keys do not allow together, and what no single key can tell.

use super::{AskedRule, Kernel, KernelShape, Model, RATE, RunFile, influence};
use crate::device::Precision;
use crate::key::{Result, Wrong};
use crate::path::Rule;
use crate::training::schedule;

/// Checks what was read by itself.
///
/// # Errors
///
/// The key that is easiest to change, and why.
pub(super) fn check(run_file: &RunFile) -> Result<()> {
    check_device(run_file)?;
    check_targets(run_file)?;
    check_model(&run_file.model)?;
    check_kernel(&run_file.kernel)?;
    influence::check(run_file)?;
    check_rates(run_file)?;
    check_single(run_file)?;
    check_optimizer(run_file)?;
    check_import(run_file)?;
    check_readout(run_file)
}

fn wrong<T>(key: &str, problem: impl Into<String>) -> Result<T> {
    Err(Wrong::new(key, problem))
}

/// A path without steps has no loss, and needs no targets.
fn check_targets(RunFile { data, training, .. }: &RunFile) -> Result<()> {
    let has_steps = training.steps > 0 || training.optimizer.is_solved();
    if has_steps && data.targets.is_none() {
        return wrong("data.train.targets", "is required and missing");
    }
    Ok(())
}

fn check_device(RunFile { run, .. }: &RunFile) -> Result<()> {
    match (run.precision, run.device.as_str()) {
        (Precision::Mixed, "cpu") => wrong(
            "run.precision",
            "mixed runs on a GPU; set run.device to \"auto\" or \"gpu\", or precision to \"f32\"",
        ),
        (Precision::F64, device) if !matches!(device, "auto" | "cpu") => wrong(
            "run.precision",
            "f64 runs on the CPU; set run.device to \"cpu\" or \"auto\", or precision to \"f32\"",
        ),
        (Precision::F32 | Precision::F64 | Precision::Mixed, _) => Ok(()),
    }
}

/// Checks a model by itself.
///
/// # Errors
///
/// An example without elements or with too many, or nothing to train.
pub(super) fn check_model(model: &Model) -> Result<()> {
    for input in model.design().inputs {
        let (shape, name) = (&input.shape, input.name.map(|name| format!("model.inputs.{name}.shape")));
        let key = name.as_deref().unwrap_or("model.input");
        if shape.is_empty() {
            return wrong(key, "is empty; give one example's shape, such as [64]");
        }
        let elements = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        if elements.is_none_or(|elements| elements > u32::MAX as usize) {
            return wrong(key, format!("{shape:?} has more than {} elements", u32::MAX));
        }
    }
    if !model.layers.iter().any(|layer| layer.kind.has_parameters()) {
        return wrong("model.layers", "no layer has parameters; there is nothing to train");
    }
    Ok(())
}

fn check_kernel(kernel: &Kernel) -> Result<()> {
    if kernel.coefficients && !matches!(kernel.kernel, KernelShape::Diagonal | KernelShape::Full) {
        return wrong("kernel.coefficients", "needs kernel.kernel = \"diagonal\" or \"full\"");
    }
    if kernel.tangent && kernel.kernel == KernelShape::None {
        return wrong("kernel.tangent", "has the kernel's shape; set kernel.kernel to trace, diagonal or full");
    }
    check_top(kernel)?;
    if kernel.windows > 0 && !kernel.attribution {
        return wrong("kernel.windows", "splits the attribution; set kernel.attribution = true");
    }
    if kernel.positions && !kernel.attribution {
        return wrong("kernel.positions", "splits the attribution; set kernel.attribution = true");
    }
    if !kernel.superposition && !kernel.superposition_vectors.is_empty() {
        return wrong("kernel.superposition_vectors", "needs kernel.superposition = true");
    }
    Ok(())
}

/// What needs the whole attribution has no place beside its largest entries.
fn check_top(kernel: &Kernel) -> Result<()> {
    if kernel.top.is_none() {
        return Ok(());
    }
    let whole = "of which kernel.top keeps the largest entries alone; remove one of the two";
    if !kernel.attribution && kernel.influence.is_none() {
        return wrong(
            "kernel.top",
            "keeps the largest attributions and influences; set kernel.attribution = true, or remove kernel.top",
        );
    }
    if kernel.windows > 0 {
        return wrong("kernel.windows", format!("splits the whole attribution, {whole}"));
    }
    if kernel.positions {
        return wrong("kernel.positions", format!("splits the whole attribution, {whole}"));
    }
    if kernel.layers {
        return wrong("kernel.layers", format!("splits the whole attribution, {whole}"));
    }
    Ok(())
}

fn check_rates(RunFile { training, .. }: &RunFile) -> Result<()> {
    match training.schedule.rates() {
        Some(_) if training.changing.get(RATE).is_some() => {
            wrong("training.learning_rates", "says the rate of every step, and so does training.optimizer; remove one")
        }
        None if training.changing.get(RATE).is_some() && training.schedule != schedule::START => {
            wrong("training.schedule", "has no place beside a learning rate for every step; remove one")
        }
        Some(rates) if rates.len() != training.steps => {
            let problem = format!("has {} rates, but training.steps = {}", rates.len(), training.steps);
            wrong("training.learning_rates", problem)
        }
        _ => Ok(()),
    }
}

/// What is a number in double precision only would train nothing, or diverge.
fn check_single(run_file: &RunFile) -> Result<()> {
    if run_file.run.precision == Precision::F64 {
        return Ok(());
    }
    match run_file.training.first_not_single() {
        None => Ok(()),
        Some((key, value)) => {
            let becomes = if value as f32 == 0.0 { "rounds to 0" } else { "is infinite" };
            let problem =
                format!("is {value:?}, which {becomes} in f32; choose another, or set run.precision = \"f64\"");
            wrong(&format!("training.{key}"), problem)
        }
    }
}

fn check_optimizer(RunFile { training, trajectory, kernel, .. }: &RunFile) -> Result<()> {
    if training.optimizer.has_memory() && kernel.kernel != KernelShape::None {
        let problem = "a step with momentum, or of Adam and its like, mixes the gradients of many steps, so that no integral of tangent \
                       kernels is multiplied with loss gradients; set it to \"none\": the attribution is as exact";
        return wrong("kernel.kernel", problem);
    }
    let flow = training.optimizer.is_solved();
    if flow && !matches!(kernel.rule, AskedRule::Given(Rule::Gauss { .. })) {
        return wrong("kernel.rule", "gradient flow is integrated at Gauss nodes within the solver's steps; use gauss");
    }
    if flow && (trajectory.import.is_some() || trajectory.every > 1) {
        let key = if trajectory.import.is_some() { "trajectory.import" } else { "trajectory.every" };
        return wrong(key, "gradient flow records its own path; remove it");
    }
    Ok(())
}

fn check_import(RunFile { model, training, trajectory, .. }: &RunFile) -> Result<()> {
    if trajectory.import.is_none() {
        return Ok(());
    }
    if trajectory.every > 1 {
        let problem = "an imported path has all its checkpoints; for checkpoints every k steps, let training.steps count \
                       them and give each the learning rate of its k steps together";
        return wrong("trajectory.every", problem);
    }
    if training.batch_size.is_some() && training.batches.is_none() {
        let problem = "is required with batch_size for an imported path: nothing else says which examples each step saw; \
                       without batch_size every step takes the full batch";
        return wrong("training.batches", problem);
    }
    if model.weights.is_some() {
        return wrong("model.weights", "an imported path begins at its first checkpoint; remove it");
    }
    Ok(())
}

fn check_readout(RunFile { data, training, kernel, .. }: &RunFile) -> Result<()> {
    let readout = kernel.readout;
    if let Err(problem) = readout.source(training.loss) {
        return wrong("kernel.readout", &problem);
    }
    if readout.needs_targets() && data.query_inputs.is_some() && data.query_targets.is_none() {
        return wrong("data.query.targets", "is required for this kernel.readout, and missing");
    }
    if !readout.is_per_output() && matches!(kernel.kernel, KernelShape::Trace | KernelShape::Diagonal) {
        let problem =
            "pairs equal outputs, and this kernel.readout has one row a query; use full ([n, m, 1, C]) or none";
        return wrong("kernel.kernel", problem);
    }
    Ok(())
}
