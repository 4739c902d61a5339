//! Measuring, with a word beforehand where it takes long, and what was measured as one JSON object.

use super::{Bench, Common, Kernel, operations};
use crate::bench::{
    AccumulateFigures, ChoiceFigures, DeviceFigures, Failed, KernelFigures, RunFigures, expected_of_choices,
    measure_choices, measure_devices, measure_run,
};
use crate::cache::Cache;
use crate::cli::is_override;
use crate::cli::progress::Course;
use crate::error::Error;
use crate::run::keys::RunFile;
use crate::run::{Inputs, RunPlan, duration};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::Path;

/// From so many seconds on it is said beforehand how many they are.
const LONG: f64 = 30.0;

/// Says about how long it will take, where that is long.
fn announce(seconds: f64) {
    if seconds >= LONG {
        eprintln!("this takes about {}", duration(seconds));
    }
}

/// Measures, and shows how it gets on.
fn measuring<T>(work: impl FnOnce(&mut Course) -> T) -> T {
    let mut course = Course::new(false);
    let done = work(&mut course);
    course.clear();
    done
}

pub(super) fn kernel(kernel: &Kernel) -> anyhow::Result<KernelFigures> {
    let bench = kernel.bench()?;
    announce(bench.expected()?);
    Ok(measuring(|course| bench.measure(course))?)
}

pub(super) fn accumulate(steps: usize, kernel: &Kernel) -> anyhow::Result<AccumulateFigures> {
    if steps == 0 {
        return Err(Error::Input("--steps must be at least 1".into()).into());
    }
    let bench = kernel.bench()?;
    announce(steps as f64 * bench.expected()?);
    Ok(measuring(|course| bench.accumulate(steps, course))?)
}

/// Gives each device to `done` when it is measured.
pub(super) fn devices(kernel: &Kernel, mut done: impl FnMut(Result<DeviceFigures, Failed>)) -> anyhow::Result<()> {
    let bench = kernel.bench()?;
    measuring(|course| measure_devices(&bench, course).for_each(&mut done));
    Ok(())
}

pub(super) fn choice(common: &Common) -> anyhow::Result<Vec<ChoiceFigures>> {
    let (device, repeats) = (common.device(), common.repeats);
    announce(expected_of_choices(&device, repeats)?);
    Ok(measuring(|course| measure_choices(&device, repeats, course))?)
}

pub(super) fn whole_run(words: &[String]) -> anyhow::Result<RunFigures> {
    let (overrides, files): (Vec<String>, Vec<String>) = words.iter().cloned().partition(|word| is_override(word));
    let [file] = files.as_slice() else {
        return Err(Error::Input("bench run takes one run file, and overrides".into()).into());
    };
    let run_file = RunFile::load(Path::new(file), &overrides)?;
    let plan = RunPlan::for_device(&run_file, &Inputs::read(&run_file)?, Cache::ReadOnly)?;
    announce(plan.seconds.iter().sum());
    Ok(measuring(|course| measure_run(&run_file, course))?)
}

/// The words of a command line after `bench`.
pub(super) fn arguments(words: &[OsString]) -> Vec<String> {
    let words = words.iter().map(|word| word.to_string_lossy().into_owned());
    words.skip_while(|word| word != "bench").skip(1).collect()
}

/// What was measured, with the words that asked for it and the version that did.
pub(super) fn object(bench: &Bench, arguments: &[String]) -> anyhow::Result<Value> {
    let figures = match bench {
        Bench::Kernel(own) => {
            let figures = kernel(own)?;
            let layers = figures.contraction.iter().map(|(layer, choice)| (layer.to_string(), json!(choice)));
            let contraction: serde_json::Map<String, Value> = layers.collect();
            let mut value = json!(figures);
            value["contraction"] = contraction.into();
            value
        }
        Bench::Accumulate { steps, kernel } => json!(accumulate(*steps, kernel)?),
        Bench::Operations { size, common } => json!(operations(size, common)?.measure()?),
        Bench::Devices(kernel) => {
            let mut all = Vec::new();
            devices(kernel, |found| {
                all.push(match found {
                    Ok(figures) => json!(figures),
                    Err((device, error)) => json!({ "device": device, "error": error.to_string() }),
                });
            })?;
            json!({ "devices": all })
        }
        Bench::Choice(common) => json!({ "layers": choice(common)? }),
        Bench::Run { words, .. } => json!(whole_run(words)?),
        Bench::Compare { .. } => json!({}),
    };
    let mut object = json!({ "version": env!("CARGO_PKG_VERSION"), "arguments": arguments });
    if let (Some(object), Value::Object(figures)) = (object.as_object_mut(), figures) {
        object.extend(figures);
    }
    Ok(object)
}
