//! Runs, in a directory or in memory, and questions to finished ones.

use crate::config::Config;
use crate::errors::of_run_file;
use crate::memory;
use crate::values::{of_json, of_table};
use crate::work::at_work;
use pathkernel::cache::Cache;
use pathkernel::error::Error;
use pathkernel::report as answers;
use pathkernel::run::keys::RunFile;
use pathkernel::run::store::{AnyTiled, Named, Numbers, Of};
use pathkernel::run::{Inputs, RunPlan, in_memory, make_path as make_path_of, run as run_directory, verdict};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde_json::json;
use std::path::PathBuf;

/// Each tensor with its first element in a row of weights, and its shape.
type Layout = Vec<(String, usize, Vec<usize>)>;

/// Does a run in its directory, goes on with it, or finds that it is done.
#[pyfunction]
pub fn run(py: Python<'_>, config: &Bound<'_, PyDict>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let config = Config::read(config)?;
    at_work(py, progress, |progress| run_directory(&config.run_file, progress).map(drop))
}

/// Does a run in memory: a dict with its arrays, the last weights, what is said of the run and of each step, and the run file.
#[pyfunction]
pub fn explain<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyDict>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let config = Config::read(config)?;
    let found = at_work(py, progress, |progress| in_memory::explain(&config.run_file, progress))?;
    let outcome = PyDict::new(py);
    outcome.set_item("arrays", arrays(py, found.arrays)?)?;
    outcome.set_item("weights_final", arrays(py, found.weights)?)?;
    outcome.set_item("summary", of_json(py, &found.summary.to_json())?)?;
    outcome.set_item("metrics", of_json(py, &found.metrics.into())?)?;
    outcome.set_item("config", of_table(py, &found.run_file.to_table())?)?;
    Ok(outcome)
}

/// Makes the path of a run in memory: the flat weights at each of its points, each tensor with its first element and its shape, and
/// the losses.
#[pyfunction]
pub fn train<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyDict>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyTuple>, Layout, Vec<f64>)> {
    let config = Config::read(config)?;
    let found = at_work(py, progress, |progress| in_memory::train(&config.run_file, progress))?;
    Ok((array(py, found.weights)?, found.layout, found.losses))
}

/// Makes the path of a run in its directory, and goes no further; the losses.
#[pyfunction]
pub fn make_path(
    py: Python<'_>,
    config: &Bound<'_, PyDict>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<f64>> {
    let config = Config::read(config)?;
    at_work(py, progress, |progress| {
        let tape = make_path_of(&config.run_file, progress)?;
        Ok(tape.history().metrics.iter().map(|(metrics, _)| metrics.loss).collect())
    })
}

fn arrays<'py>(py: Python<'py>, all: Vec<Named>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for named in all {
        let name = named.name.clone();
        dict.set_item(name, array(py, named)?)?;
    }
    Ok(dict)
}

fn array(py: Python<'_>, Named { shape, numbers, .. }: Named) -> PyResult<Bound<'_, PyTuple>> {
    match numbers {
        Numbers::Single(values) => memory::array(py, values, &shape),
        Numbers::Double(values) => memory::array(py, values, &shape),
        Numbers::Whole(values) => memory::array(py, values, &shape),
    }
}

/// What a run would take, as `pathkernel plan --json` says it, and what it says in words.
#[pyfunction]
pub fn plan<'py>(py: Python<'py>, config: &Bound<'py, PyDict>) -> PyResult<(Bound<'py, PyAny>, String)> {
    let config = Config::read(config)?;
    let planned = at_work(py, None, |_| {
        let inputs = Inputs::read(&config.run_file)?;
        RunPlan::for_device(&config.run_file, &inputs, Cache::ReadOnly)
    })?;
    let words = format!("device       {}\n{planned}", planned.device_name());
    Ok((of_json(py, &json!(planned.figures()))?, words))
}

/// What was understood of a run file, with every default; of a file, where a path is given in place of a dict.
#[pyfunction]
pub fn resolve<'py>(
    py: Python<'py>,
    config: &Bound<'py, PyAny>,
    overrides: Vec<String>,
) -> PyResult<Bound<'py, PyDict>> {
    if let Ok(dict) = config.cast::<PyDict>() {
        return of_table(py, &Config::read(dict)?.run_file.to_table());
    }
    let path: PathBuf = config.extract()?;
    of_table(py, &RunFile::load(&path, &overrides).map_err(of_run_file)?.to_table())
}

/// An array in tiles of a run directory, in memory.
#[pyfunction]
pub fn tiled(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyTuple>> {
    let found = at_work(py, None, |_| AnyTiled::open(&folder)?.whole("array"))?;
    array(py, found)
}

/// What moved a query most, or what an example moved most, as `pathkernel top --json` says it.
#[pyfunction]
pub fn top<'py>(
    py: Python<'py>,
    directory: PathBuf,
    query: Option<usize>,
    example: Option<usize>,
    output: Option<usize>,
    count: usize,
    of: String,
) -> PyResult<Bound<'py, PyAny>> {
    let found = at_work(py, None, |_| {
        let of = Of::named(&of).ok_or_else(|| Error::Input(format!("of: {of} is no array of amounts")))?;
        let asked = match (query, example) {
            (Some(query), None) => answers::Asked::Query(query),
            (None, Some(example)) => answers::Asked::Example(example),
            _ => return Err(Error::Input("give either query or example".into())),
        };
        answers::top(&directory, &[], (asked, of), output, count)
    })?;
    of_json(py, &found.to_json())
}

/// What the examples did to themselves most, as `pathkernel self --json` says it.
#[pyfunction]
pub fn self_influence<'py>(
    py: Python<'py>,
    directory: PathBuf,
    output: Option<usize>,
    count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let found = at_work(py, None, |_| answers::self_influence(&directory, &[], output, count))?;
    of_json(py, &found.to_json())
}

/// The verdict of a finished run once more, from its arrays, and its reason.
#[pyfunction]
pub fn check(py: Python<'_>, directory: PathBuf) -> PyResult<(&'static str, String)> {
    let judgement = at_work(py, None, |_| verdict::check(&directory))?;
    Ok((judgement.verdict.name(), judgement.because))
}

/// Writes the report of a finished run and returns its path.
#[pyfunction]
pub fn report(py: Python<'_>, directory: PathBuf, overrides: Vec<String>) -> PyResult<PathBuf> {
    at_work(py, None, |_| answers::write(&directory, &overrides))
}
